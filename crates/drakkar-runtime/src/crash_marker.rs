//! What no code can catch: a hook that aborts, overflows its stack or takes all memory kills the process.
//!
//! A message that does so would do it again at every start. So the worker keeps a *marker*: a file mapped into memory, in
//! which each hook call notes its messages while it is busy with them. The kernel keeps what was noted, whatever ends the
//! process (a power loss or a crash of the machine excepted; those are not the message's doing). The next start reads what
//! dead processes have left, counts for each message the crashes in a row that it was present at, and tells the worker
//! whom to suspect: a suspect gets a window of its own, and one present at three crashes in a row is dead-lettered.
//!
//! # How it works
//!
//! All workers of a machine may share a folder. A worker holds a file lock on its marker for as long as it lives, so a
//! marker whose lock is free is a crash (`sweep`). Crashes are counted in a small file per group and topic (`folder`,
//! `counts`), under a lock of the folder. "In a row" is a matter of the partition: a crash while hooks of the partition
//! were busy with other messages ends a row; a crash while none was busy says nothing about it.
//!
//! The marker has 4096 slots of one cache line (`slots`, `layout`). A partition owns one for the hooks that it calls
//! one after the other, and takes another for each call that has to wait. A mark is four stores.
//!
//! The folder belongs on a local disk, or in memory that outlives the process (`/dev/shm`, an `emptyDir` volume with
//! `medium: Memory`), so that a slow disk cannot slow the stores down. A worker whose folder does not survive its crash
//! counts none.

mod counts;
mod error;
mod folder;
mod identity;
mod layout;
mod map;
mod slots;
mod suspects;
mod sweep;
#[cfg(test)]
mod tests;
mod usual;

use std::{
    fmt,
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
};

use drakkar_core::ids::{Offset, PartitionId};
use serde::{Deserialize, Serialize};

pub use self::{
    error::MarkerError,
    slots::MarkerSlot,
    suspects::{POISON_AFTER, Suspect, Suspects},
    usual::usual_folder,
};
use self::{
    folder::{Folder, LOCK_WAIT},
    identity::Identity,
    layout::Header,
    map::Map,
    slots::{Board, SLOTS},
};

/// Suspects whose settling can be noted in the marker.
const MOST_SETTLED: u32 = 1 << 16;

/// Whose offsets they are. Workers of other groups and topics may use the same folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The consumer group.
    pub group: String,
    /// The source topic.
    pub topic: String,
}

/// The user's code that is busy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum HookKind {
    /// Decoding of a message.
    Decode = 1,
    /// `arrange`.
    Arrange = 2,
    /// `on_task_complete`.
    TaskComplete = 3,
    /// `on_error`.
    Error = 4,
    /// `on_message_complete`.
    MessageComplete = 5,
    /// `on_window_complete`.
    WindowComplete = 6,
    /// `on_delivery_error`.
    DeliveryError = 7,
}

impl HookKind {
    const ALL: [HookKind; 7] = [
        HookKind::Decode,
        HookKind::Arrange,
        HookKind::TaskComplete,
        HookKind::Error,
        HookKind::MessageComplete,
        HookKind::WindowComplete,
        HookKind::DeliveryError,
    ];

    /// The hook's name.
    pub fn as_str(self) -> &'static str {
        match self {
            HookKind::Decode => "deserialize_message",
            HookKind::Arrange => "arrange",
            HookKind::TaskComplete => "on_task_complete",
            HookKind::Error => "on_error",
            HookKind::MessageComplete => "on_message_complete",
            HookKind::WindowComplete => "on_window_complete",
            HookKind::DeliveryError => "on_delivery_error",
        }
    }

    fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == number)
    }
}

impl fmt::Display for HookKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The marker of this worker.
///
/// A worker that stops in order [`close`](Self::close)s it. One that is only dropped leaves its file, and what is marked
/// in it when the process ends counts as a crash.
#[derive(Debug)]
pub struct CrashMarker {
    board: Arc<Board>,
    folder: Folder,
    path: PathBuf,
    suspects: Suspects,
    /// Open for its lock, which says that this process lives.
    _held: File,
}

impl CrashMarker {
    /// Counts the crashes of earlier processes, and makes the marker of this one. Called once, before anything is consumed.
    ///
    /// `worker` is the worker's name, for the logs of the next start. Several workers may do this at the same moment, in
    /// the same folder. Damaged files are put aside ([`Suspects::put_aside`]) and logged. Reads and writes files: not for
    /// a thread that must not block.
    ///
    /// # Errors
    /// When the folder cannot be made, read or written, or another process keeps it locked for 10 s.
    pub fn open(folder: &Path, scope: &Scope, worker: &str) -> Result<(Self, Suspects), MarkerError> {
        let folder = Folder::open(folder, scope)?;
        // Held to the end, or another worker could take our file for a dead one before its lock is ours.
        let lock = folder.lock(LOCK_WAIT)?;
        let suspects = sweep::sweep(&folder, &lock)?;
        let process = Identity::current();
        let pid = process.pid;
        let header = Header {
            group: scope.group.clone(),
            topic: scope.topic.clone(),
            worker: worker.to_owned(),
            process,
            slots: SLOTS,
            settled: u32::try_from(suspects.total()).map_or(MOST_SETTLED, |total| total.min(MOST_SETTLED)),
        };
        let (bytes, places) = layout::fresh(&header)
            .map_err(|error| MarkerError::folder("fill", folder.file(""))(error.into()))?;
        let (path, file) = folder.make(&lock, pid, &bytes)?;
        let map = match Map::new(&file, places.end) {
            Ok(map) => map,
            Err(error) => {
                folder::discard(&path);
                return Err(MarkerError::folder("map", path)(error));
            }
        };
        let board = Arc::new(Board::new(map, places));
        Ok((Self { board, folder, path, suspects: suspects.clone(), _held: file }, suspects))
    }

    /// A slot for hook calls of one partition, one call at a time. Never fails: with all slots taken, it marks nothing.
    pub fn slot(&self, partition: PartitionId) -> MarkerSlot {
        MarkerSlot::take(&self.board, partition)
    }

    /// Marks one hook call, busy with the messages from `first` to `last`, until the answer is dropped.
    ///
    /// For a call that waits while others of its partition go on; else [`slot`](Self::slot) is cheaper.
    pub fn enter(&self, hook: HookKind, partition: PartitionId, first: Offset, last: Offset) -> MarkerSlot {
        let mut slot = self.slot(partition);
        slot.set(hook, first, last);
        slot
    }

    /// Forgets the crashes of a message that settled, in whatever way. Cheap, also for one that is no suspect.
    ///
    /// It is noted in the marker, so it also survives a crash; the counts follow with [`close`](Self::close) or with the
    /// next start. Beyond 65,536 suspects it is not noted, and the count of such a message goes with the next crash of its
    /// partition, or after a week.
    pub fn settled(&self, partition: PartitionId, offset: Offset) {
        if let Some(rank) = self.suspects.rank(partition, offset) {
            self.board.settle(rank, partition.0, offset.0);
        }
    }

    /// Hook calls that were not marked, because all slots were taken.
    pub fn unmarked(&self) -> u64 {
        self.board.unmarked()
    }

    /// Ends the marker of a worker that stops in order: no hook that is still busy is held against its messages.
    ///
    /// Marks made later are lost with the file. Reads and writes files: not for a thread that must not block. May be called
    /// again.
    ///
    /// # Errors
    /// When the counts cannot be written or the marker cannot be deleted. What settled is then still forgotten by the next
    /// start, and no crash is counted.
    pub fn close(&self) -> Result<(), MarkerError> {
        self.board.erase_all();
        let lock = self.folder.lock(LOCK_WAIT)?;
        sweep::forget(&self.folder, &lock, &self.board.settled())?;
        sweep::delete(&self.path)
    }
}
