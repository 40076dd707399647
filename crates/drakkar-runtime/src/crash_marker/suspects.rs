//! The messages that earlier crashes name.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use drakkar_core::ids::{Offset, PartitionId};

use super::{HookKind, counts::Counts};

/// Crashes in a row after which a message is not given to a hook any more.
pub const POISON_AFTER: u32 = 3;

/// Neighbouring messages that were present at the same number of crashes in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suspect {
    /// Their partition.
    pub partition: PartitionId,
    /// The first of them.
    pub first: Offset,
    /// The last of them. Offsets between that the topic does not have are of no consequence.
    pub last: Offset,
    /// Crashes in a row.
    pub crashes: u32,
    /// The hook that was busy with them at the latest one.
    pub hook: HookKind,
}

/// The messages that were in a hook when earlier processes died, as known at the start. Cheap to clone.
///
/// A window that crashed names all of its messages, and all but one are innocent. So put each suspect in a window of its
/// own ([`is_suspect`](Self::is_suspect)): the next crash then names one message only, and the others are cleared.
/// It is as sharp as the marks are: while a suspect's hook runs, the fewer other hooks of its partition run, the fewer
/// innocent messages are named with it.
#[derive(Clone, Debug, Default)]
pub struct Suspects(Arc<Known>);

#[derive(Debug, Default)]
struct Known {
    counts: Counts,
    /// How many messages come before each run of the counts.
    before: Vec<u64>,
    total: u64,
    put_aside: Vec<PathBuf>,
}

impl Suspects {
    pub(super) fn new(counts: Counts, put_aside: Vec<PathBuf>) -> Self {
        let mut total = 0_u64;
        let mut before = Vec::with_capacity(counts.runs().len());
        for run in counts.runs() {
            before.push(total);
            total = total.saturating_add(run.count());
        }
        Self(Arc::new(Known { counts, before, total, put_aside }))
    }

    /// At how many crashes in a row a message was in a hook.
    pub fn crashes(&self, partition: PartitionId, offset: Offset) -> u32 {
        self.get(partition, offset).map_or(0, |suspect| suspect.crashes)
    }

    /// What is known of one message.
    pub fn get(&self, partition: PartitionId, offset: Offset) -> Option<Suspect> {
        self.0.counts.find(partition.0, offset.0).map(|at| self.suspect(at))
    }

    /// Whether a message was in a hook at the latest crash: it gets a window of its own.
    pub fn is_suspect(&self, partition: PartitionId, offset: Offset) -> bool {
        self.crashes(partition, offset) > 0
    }

    /// Whether a message was there too often: it is dead-lettered before any hook sees it, and then
    /// [`settled`](super::CrashMarker::settled).
    pub fn is_poison(&self, partition: PartitionId, offset: Offset) -> bool {
        self.crashes(partition, offset) >= POISON_AFTER
    }

    /// All suspects, ascending.
    pub fn iter(&self) -> impl Iterator<Item = Suspect> {
        (0..self.0.counts.runs().len()).map(|at| self.suspect(at))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.counts.runs().is_empty()
    }

    /// Damaged files that were found and given another name. What they said is lost.
    pub fn put_aside(&self) -> impl Iterator<Item = &Path> {
        self.0.put_aside.iter().map(PathBuf::as_path)
    }

    /// How many messages are suspects.
    pub(super) fn total(&self) -> u64 {
        self.0.total
    }

    /// The number of a suspect among all of them, from 0.
    pub(super) fn rank(&self, partition: PartitionId, offset: Offset) -> Option<u64> {
        let at = self.0.counts.find(partition.0, offset.0)?;
        Some(self.0.before[at] + self.0.counts.runs()[at].first.abs_diff(offset.0))
    }

    fn suspect(&self, at: usize) -> Suspect {
        let run = &self.0.counts.runs()[at];
        Suspect {
            partition: PartitionId(run.partition),
            first: Offset(run.first),
            last: Offset(run.last),
            crashes: run.crashes,
            hook: run.hook,
        }
    }
}
