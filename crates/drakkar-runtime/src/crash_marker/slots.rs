//! The slots: what is busy right now, as stores into the mapped file.

use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize, Ordering, compiler_fence},
};

use drakkar_core::ids::{Offset, PartitionId};

use super::{
    HookKind,
    layout::{Mark, Places, SETTLED_WORDS, SLOT_WORDS, settled_key},
    map::Map,
};

/// Hook calls that can be marked at a time: one per partition, and some for calls that wait.
pub(super) const SLOTS: u32 = 4096;

/// The mapped file, and which of its slots have an owner.
#[derive(Debug)]
pub(super) struct Board {
    map: Map,
    places: Places,
    /// One bit per slot.
    taken: Box<[AtomicU64]>,
    /// The group of 64 slots where the last free one was found.
    hint: AtomicUsize,
    unmarked: AtomicU64,
}

impl Board {
    pub(super) fn new(map: Map, places: Places) -> Self {
        let slots = (places.settled - places.slots) / SLOT_WORDS;
        let taken = (0..slots / 64).map(|_| AtomicU64::new(0)).collect();
        Self { map, places, taken, hint: AtomicUsize::new(0), unmarked: AtomicU64::new(0) }
    }

    pub(super) fn unmarked(&self) -> u64 {
        self.unmarked.load(Ordering::Relaxed)
    }

    /// The first word of a slot that is now the caller's.
    fn take(&self) -> Option<usize> {
        let start = self.hint.load(Ordering::Relaxed);
        for n in 0..self.taken.len() {
            let group = (start + n) % self.taken.len();
            let mut bits = self.taken[group].load(Ordering::Relaxed);
            while bits != u64::MAX {
                let free = bits.trailing_ones();
                bits = self.taken[group].fetch_or(1 << free, Ordering::Acquire);
                if bits & (1 << free) == 0 {
                    self.hint.store(group, Ordering::Relaxed);
                    return Some(self.places.slots + (group * 64 + free as usize) * SLOT_WORDS);
                }
            }
        }
        None
    }

    fn give_back(&self, at: usize) {
        let slot = (at - self.places.slots) / SLOT_WORDS;
        self.taken[slot / 64].fetch_and(!(1 << (slot % 64)), Ordering::Release);
    }

    fn store(&self, at: usize, key: u64, first: i64, last: i64) {
        let [state, from, to, ..] = &self.map.words()[at..at + SLOT_WORDS] else { return };
        // The process may end between any two of these stores: what is read then is nothing, or all of it.
        state.store(0, Ordering::Relaxed);
        from.store(first.cast_unsigned(), Ordering::Release);
        to.store(last.cast_unsigned(), Ordering::Release);
        state.store(key, Ordering::Release);
        // A release alone would let the compiler begin with the hook before it.
        compiler_fence(Ordering::SeqCst);
    }

    fn erase(&self, at: usize) {
        self.map.words()[at].store(0, Ordering::Release);
    }

    pub(super) fn erase_all(&self) {
        (self.places.slots..self.places.settled).step_by(SLOT_WORDS).for_each(|at| self.erase(at));
    }

    /// Notes that the suspect of this rank settled. One without a place is forgotten when its count expires.
    pub(super) fn settle(&self, rank: u64, partition: i32, offset: i64) {
        let Some(at) = usize::try_from(rank).ok().and_then(|rank| rank.checked_mul(SETTLED_WORDS)) else {
            return;
        };
        if let Some([key, place]) =
            self.map.words()[self.places.settled..self.places.end].get(at..at + SETTLED_WORDS)
        {
            place.store(offset.cast_unsigned(), Ordering::Relaxed);
            key.store(settled_key(partition), Ordering::Release);
        }
    }

    pub(super) fn settled(&self) -> Vec<(i32, i64)> {
        let entries = self.map.words()[self.places.settled..self.places.end].chunks_exact(SETTLED_WORDS);
        let read = |entry: &[AtomicU64]| {
            let key = entry[0].load(Ordering::Acquire);
            (key != 0).then(|| ((key as u32).cast_signed(), entry[1].load(Ordering::Relaxed).cast_signed()))
        };
        entries.filter_map(read).collect()
    }
}

/// One place of the crash marker: it names the hook call that is busy, one at a time.
///
/// A partition keeps one for the hooks that it calls one after the other, and takes another for each call that has to
/// wait. Dropping it takes the mark away. The default one marks nothing, for a worker without a marker.
#[derive(Debug, Default)]
pub struct MarkerSlot {
    board: Option<Arc<Board>>,
    /// None when all slots were taken.
    at: Option<usize>,
    partition: i32,
}

impl MarkerSlot {
    pub(super) fn take(board: &Arc<Board>, partition: PartitionId) -> Self {
        Self { board: Some(board.clone()), at: board.take(), partition: partition.0 }
    }

    /// Marks that a hook is busy with the messages from `first` to `last`, both included, instead of what was marked.
    ///
    /// Four stores: no system call, no lock, no allocation.
    #[inline]
    pub fn set(&mut self, hook: HookKind, first: Offset, last: Offset) {
        let Some(board) = &self.board else { return };
        match self.at {
            Some(at) => {
                board.store(at, Mark::key(hook, self.partition), first.0, Mark::clamp(first.0, last.0));
            }
            None => {
                board.unmarked.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Marks that the hook ended.
    #[inline]
    pub fn clear(&mut self) {
        if let (Some(board), Some(at)) = (&self.board, self.at) {
            board.erase(at);
        }
    }
}

impl Drop for MarkerSlot {
    fn drop(&mut self) {
        if let (Some(board), Some(at)) = (&self.board, self.at) {
            board.erase(at);
            board.give_back(at);
        }
    }
}
