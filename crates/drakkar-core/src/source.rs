//! The contract between a source of messages and the runtime.
//!
//! A source owns polling, assignment and commits. It hands batches to one queue per assigned partition and reads from
//! [`Progress`] how far each partition got; nothing on its thread ever waits for a task, a sink or the runtime.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
};

use crate::{
    error::Class,
    ids::{Assignment, Offset, PartitionId},
    message::Record,
};

/// What a source tells the runtime.
#[derive(Debug)]
pub enum SourceEvent {
    /// Partitions were assigned; their queues fill from now on.
    Assigned(Vec<AssignedPartition>),
    /// Partitions will be taken away. The source waits a while for [`Progress::is_drained`] before it lets go.
    Revoking(Vec<Assignment>),
    /// Partitions are gone: whatever is left of their work changes nothing any more.
    Released {
        /// Which.
        assignments: Vec<Assignment>,
        /// Whether the group took them without waiting.
        lost: bool,
    },
    /// Fetching of a partition was paused or resumed.
    Flow {
        /// Which.
        assignment: Assignment,
        /// Whether it is paused now.
        paused: bool,
    },
    /// The broker stored these next-to-read offsets.
    Committed(Vec<(PartitionId, Offset)>),
    /// A commit failed.
    CommitFailed {
        /// Why.
        error: String,
        /// Whether it was given up because the group moved on; otherwise it is tried again.
        discarded: bool,
    },
    /// Messages were gone from the broker before they could be read: retention passed us.
    Lost {
        /// Of which partition.
        assignment: Assignment,
        /// The offset that was to be read next.
        from: Offset,
        /// The first offset that still exists.
        to: Offset,
    },
    /// Messages wait on the broker, but none comes, although fetching is not paused. The source gives its partitions back and
    /// connects anew.
    Stalled {
        /// The partitions that something waits in.
        partitions: Vec<StalledPartition>,
    },
    /// After [`SourceEvent::Stalled`], messages come again, or none waits here any more.
    Recovered,
    /// Something went wrong that the source recovers from by itself.
    Trouble(String),
    /// The source cannot go on. [`SourceEvent::Closed`] follows.
    Fatal(SourceError),
    /// The source ended: it left the group, or gave up leaving after its deadline.
    Closed {
        /// Whether it left in an orderly way.
        orderly: bool,
    },
}

/// A partition of which messages wait on the broker while none comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StalledPartition {
    /// Which.
    pub assignment: Assignment,
    /// The next offset to read, once one was read.
    pub next: Option<Offset>,
    /// The offset after the last one that waits.
    pub end: Offset,
}

/// A partition that was just assigned.
#[derive(Debug)]
pub struct AssignedPartition {
    /// Which.
    pub assignment: Assignment,
    /// Where the runtime reports how far it got.
    pub progress: Arc<Progress>,
    /// The batches of records, in offset order.
    pub batches: async_channel::Receiver<Vec<Record>>,
}

/// A running source.
#[derive(Debug)]
pub struct SourceHandle {
    /// What happens.
    pub events: async_channel::Receiver<SourceEvent>,
    /// How it is steered.
    pub control: Arc<dyn SourceControl>,
}

/// Steers a source. Every call returns at once.
pub trait SourceControl: Send + Sync + std::fmt::Debug {
    /// Joins the group and starts to read.
    fn subscribe(&self);
    /// Stops reading but stays in the group, so that what is in hand can be finished and committed.
    fn stop_intake(&self);
    /// Commits what the partitions report, leaves the group and ends.
    fn close(&self);
}

/// Why a source cannot start or go on.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct SourceError {
    /// Whether trying again can help.
    pub class: Class,
    /// What was being done, what went wrong, and what to do about it.
    pub message: String,
}

const NONE: i64 = i64::MIN;

/// How far one assignment of a partition got. Shared by the source and the runtime.
///
/// A new assignment gets a new one, so that late work of an old assignment writes where nobody reads.
#[derive(Debug)]
pub struct Progress {
    watermark: AtomicI64,
    drained: AtomicBool,
    queued_messages: AtomicU64,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            watermark: AtomicI64::new(NONE),
            drained: AtomicBool::new(false),
            queued_messages: AtomicU64::new(0),
        }
    }
}

impl Progress {
    /// Reports that every message before `next` settled. Never moves backwards.
    pub fn advance(&self, next: Offset) {
        self.watermark.fetch_max(next.0, Ordering::Release);
    }

    /// The next offset to read, once something settled.
    pub fn watermark(&self) -> Option<Offset> {
        let value = self.watermark.load(Ordering::Acquire);
        (value != NONE).then_some(Offset(value))
    }

    /// Reports that nothing is in flight any more and nothing will be started.
    pub fn set_drained(&self) {
        self.drained.store(true, Ordering::Release);
    }

    /// Whether the runtime reported that all is done.
    pub fn is_drained(&self) -> bool {
        self.drained.load(Ordering::Acquire)
    }

    /// Notes messages put into the partition's queue.
    pub fn enqueued(&self, messages: usize) {
        self.queued_messages.fetch_add(messages as u64, Ordering::Relaxed);
    }

    /// Notes messages that left the queue for a window.
    pub fn dequeued(&self, messages: usize) {
        self.queued_messages.fetch_sub(messages as u64, Ordering::Relaxed);
    }

    /// Messages that wait for their window.
    pub fn queued(&self) -> u64 {
        self.queued_messages.load(Ordering::Relaxed)
    }
}
