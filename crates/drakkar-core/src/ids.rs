//! Small typed identifiers.

use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// The number of a partition of the source topic.
    PartitionId(i32)
}
id! {
    /// The position of a message in its partition.
    Offset(i64)
}
id! {
    /// The assignment a piece of work belongs to; grows with every assignment, never reused within a worker.
    Epoch(u32)
}
id! {
    /// The arrival number of a message within one epoch of a partition: dense, where offsets may have gaps.
    Seq(u64)
}
id! {
    /// The place of a task in its pipeline; reused after the task settled.
    TaskKey(u32)
}
id! {
    /// The number of a window, from 1, within one epoch of a partition.
    WindowId(u64)
}
id! {
    /// The number of an executor slot, from 0.
    SlotId(u32)
}

impl Offset {
    /// The offset to commit once this message and all before it settled: the next one to read.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// A moment on the worker's monotonic clock, in microseconds since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub u64);

impl Time {
    /// A moment `duration` later, saturating.
    pub fn after(self, duration: std::time::Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)))
    }

    /// Time since `earlier`, zero when that lies in the future.
    pub fn since(self, earlier: Time) -> std::time::Duration {
        std::time::Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

/// One assignment of one partition: what fences late work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Assignment {
    /// The partition.
    pub partition: PartitionId,
    /// The assignment's number.
    pub epoch: Epoch,
}

impl fmt::Display for Assignment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.partition, self.epoch)
    }
}
