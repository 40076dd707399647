//! The marker file: a page or more that says whose it is, the slots, and the messages that settled.
//!
//! Everything behind the header is words in the machine's own order: a marker is read on the machine that wrote it.

use serde::{Deserialize, Serialize};

use super::{HookKind, identity::Identity};

/// The first word. Another layout gets another number.
const MAGIC: u64 = u64::from_le_bytes(*b"DRKMARK1");
/// Magic, length and checksum of what says whose the marker is.
const FIXED: usize = 24;
const PAGE: usize = 4096;
const WORD: usize = 8;
/// A slot fills a cache line, so that partitions on two threads do not share one.
pub(super) const SLOT_WORDS: usize = 8;
pub(super) const SETTLED_WORDS: usize = 2;
/// In the first word of a slot or of a settled message: it holds something.
const PRESENT: u64 = 1 << 63;
/// The most offsets that one slot names; what says more is damaged.
const MOST: i64 = 1 << 20;
/// What a header may ask for; more is damage.
const MOST_ENTRIES: u32 = 1 << 16;

/// Whose marker it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Header {
    pub(super) group: String,
    pub(super) topic: String,
    pub(super) worker: String,
    pub(super) process: Identity,
    pub(super) slots: u32,
    pub(super) settled: u32,
}

/// A hook that was busy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) hook: HookKind,
    pub(super) partition: i32,
    pub(super) first: i64,
    /// Inclusive.
    pub(super) last: i64,
}

impl Mark {
    /// Whether a hook can have been busy with that.
    pub(super) fn is_sound(&self) -> bool {
        let Mark { partition, first, last, .. } = *self;
        partition >= 0 && first >= 0 && first <= last && last - first < MOST && last < i64::MAX
    }

    /// The last message that a slot can name together with the first.
    pub(super) fn clamp(first: i64, last: i64) -> i64 {
        last.min(first.saturating_add(MOST - 1)).min(i64::MAX - 1)
    }

    /// The first word of its slot.
    pub(super) fn key(hook: HookKind, partition: i32) -> u64 {
        PRESENT | u64::from(hook as u8) << 32 | u64::from(partition.cast_unsigned())
    }
}

/// The first word of a settled message.
pub(super) fn settled_key(partition: i32) -> u64 {
    PRESENT | u64::from(partition.cast_unsigned())
}

/// Where things are, in words.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places {
    pub(super) slots: usize,
    pub(super) settled: usize,
    pub(super) end: usize,
}

impl Places {
    fn new(header_bytes: usize, slots: u32, settled: u32) -> Self {
        let at = (FIXED + header_bytes).next_multiple_of(PAGE) / WORD;
        let settled_at = at + slots as usize * SLOT_WORDS;
        Self { slots: at, settled: settled_at, end: settled_at + settled as usize * SETTLED_WORDS }
    }
}

/// A new marker file: its bytes, with nothing marked.
pub(super) fn fresh(header: &Header) -> serde_json::Result<(Vec<u8>, Places)> {
    let json = serde_json::to_vec(header)?;
    let places = Places::new(json.len(), header.slots, header.settled);
    let mut bytes = Vec::with_capacity(places.end * WORD);
    for word in [MAGIC, json.len() as u64, checksum(&json)] {
        bytes.extend(word.to_ne_bytes());
    }
    bytes.extend(json);
    bytes.resize(places.end * WORD, 0);
    Ok((bytes, places))
}

/// The most bytes that a marker is read for.
pub(super) const MOST_BYTES: u64 =
    (MOST_ENTRIES as u64) * (((SLOT_WORDS + SETTLED_WORDS) * WORD) as u64) + 64 * PAGE as u64;

/// What a process left.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Left {
    pub(super) header: Header,
    pub(super) marks: Vec<Mark>,
    pub(super) settled: Vec<(i32, i64)>,
    /// Whether parts of it make no sense.
    pub(super) damaged: bool,
}

/// Only whose marker it is.
pub(super) fn read_header(bytes: &[u8]) -> Option<(Header, usize)> {
    if word(bytes, 0)? != MAGIC {
        return None;
    }
    let len = usize::try_from(word(bytes, 1)?).ok()?;
    let json = bytes.get(FIXED..FIXED.checked_add(len)?)?;
    if checksum(json) != word(bytes, 2)? {
        return None;
    }
    let header: Header = serde_json::from_slice(json).ok()?;
    (header.slots <= MOST_ENTRIES && header.settled <= MOST_ENTRIES).then_some((header, len))
}

/// Reads a marker. None when it does not say whose it is; what is missing at its end is damage.
pub(super) fn read(bytes: &[u8]) -> Option<Left> {
    let (header, json_bytes) = read_header(bytes)?;
    let places = Places::new(json_bytes, header.slots, header.settled);
    let mut left =
        Left { header, marks: Vec::new(), settled: Vec::new(), damaged: bytes.len() != places.end * WORD };
    for slot in (places.slots..places.settled).step_by(SLOT_WORDS) {
        match [0, 1, 2].map(|n| word(bytes, slot + n)) {
            [Some(key), Some(first), Some(last)] if key & PRESENT != 0 => match mark(key, first, last) {
                Some(mark) => left.marks.push(mark),
                None => left.damaged = true,
            },
            _ => {}
        }
    }
    for entry in (places.settled..places.end).step_by(SETTLED_WORDS) {
        if let [Some(key), Some(offset)] = [0, 1].map(|n| word(bytes, entry + n))
            && key & PRESENT != 0
        {
            left.settled.push(((key as u32).cast_signed(), offset.cast_signed()));
        }
    }
    Some(left)
}

fn mark(key: u64, first: u64, last: u64) -> Option<Mark> {
    let hook = HookKind::from_number((key >> 32 & 0xff) as u8)?;
    let partition = (key as u32).cast_signed();
    Some(Mark { hook, partition, first: first.cast_signed(), last: last.cast_signed() })
        .filter(Mark::is_sound)
}

fn word(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at * WORD..)?.first_chunk().map(|word| u64::from_ne_bytes(*word))
}

/// FNV-1a: the same in every version of every toolchain.
pub(super) fn checksum(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
