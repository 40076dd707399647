//! Everything that happens, as one typed stream.

use std::sync::Arc;

use crate::{
    error::Class,
    ids::{Assignment, Offset, PartitionId, WindowId},
    ledger::Ledger,
    outcome::Ended,
    payload::SinkKind,
};

/// Something that happened in a worker.
///
/// Logs, and later the recorder and the live view, subscribe to events; the pipeline calls none of them. Counters are no
/// subscribers: whoever emits an event updates them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The worker starts; nothing is connected yet.
    Starting {
        /// The one-line summary of the configuration.
        summary: String,
    },
    /// A sink was reached.
    SinkConnected {
        /// Its type.
        kind: SinkKind,
        /// Its name.
        name: Arc<str>,
    },
    /// Partitions were assigned to this worker.
    Assigned {
        /// Which, with their new epoch.
        assignments: Vec<Assignment>,
    },
    /// Partitions are about to go to another worker; their work drains.
    Revoking {
        /// Which.
        assignments: Vec<Assignment>,
    },
    /// Partitions are gone. What was in flight is given back.
    Released {
        /// Which, and what had become of their messages by then.
        ledgers: Vec<(Assignment, Ledger)>,
        /// Whether the group took them without waiting for a drain.
        lost: bool,
    },
    /// Fetching of a partition was paused or resumed.
    Flow {
        /// Which.
        assignment: Assignment,
        /// Whether it is paused now.
        paused: bool,
    },
    /// A window was handed to `arrange`.
    WindowStarted {
        /// Of which partition.
        assignment: Assignment,
        /// The window.
        window: WindowId,
        /// Its first offset.
        first: Offset,
        /// How many messages.
        messages: u32,
    },
    /// An attempt of a task ended.
    AttemptEnded {
        /// For which partition.
        assignment: Assignment,
        /// The task.
        task: String,
        /// The number of the attempt, from 1.
        attempt: u32,
        /// How.
        ended: Ended,
        /// Whether that is a success.
        success: bool,
    },
    /// A hook returned an error or panicked. Its message will be dead-lettered.
    HookFailed {
        /// For which partition.
        assignment: Assignment,
        /// The message, or the first of the window.
        offset: Offset,
        /// The hook.
        hook: &'static str,
        /// The error, causes included.
        error: String,
        /// Whether it was a panic.
        panicked: bool,
    },
    /// A hook that belongs to no message returned an error, panicked or did not end in time.
    WorkerHookFailed {
        /// The hook.
        hook: &'static str,
        /// The error, causes included.
        error: String,
    },
    /// A periodic method ran.
    PeriodicRan {
        /// The method.
        name: &'static str,
        /// How long it took.
        duration: std::time::Duration,
        /// The error, if it failed.
        error: Option<String>,
        /// Whether it will not run again.
        stopped: bool,
    },
    /// A service ended.
    ServiceEnded {
        /// The method.
        name: &'static str,
        /// The error, if it failed.
        error: Option<String>,
        /// Whether the worker was stopping: otherwise it ended on its own.
        expected: bool,
    },
    /// Too many messages of a partition were dead-lettered: it stops until one that is let through ends well. Or one did.
    Brake {
        /// The partition.
        partition: PartitionId,
        /// Whether it stops.
        on: bool,
    },
    /// An output that failed was dropped because `on_delivery_error` said so.
    DeliverySkipped {
        /// The sink's type.
        kind: SinkKind,
        /// The sink's name.
        name: Arc<str>,
        /// Why it failed.
        error: Arc<str>,
    },
    /// A delivery failed and will be tried again.
    DeliveryRetried {
        /// The sink's type.
        kind: SinkKind,
        /// The sink's name.
        name: Arc<str>,
        /// Payloads to be tried again.
        payloads: usize,
        /// The attempt that failed, from 1.
        attempt: u32,
        /// Why.
        error: Arc<str>,
        /// Whether trying again can help.
        class: Class,
    },
    /// A dead letter was written and acknowledged.
    DeadLettered {
        /// The message.
        partition: PartitionId,
        /// Its position.
        offset: Offset,
        /// The stage that failed.
        stage: &'static str,
        /// Why.
        error: Arc<str>,
    },
    /// Dead letters could not be written; their partitions wait until they can.
    DeadLettersStalled {
        /// How many.
        letters: usize,
        /// The attempt that failed, from 1.
        attempt: u32,
        /// Why.
        error: Arc<str>,
    },
    /// Offsets were committed.
    Committed {
        /// The next offset to read of each partition.
        offsets: Vec<(PartitionId, Offset)>,
    },
    /// A commit failed; it is tried again or discarded.
    CommitFailed {
        /// Why.
        error: String,
        /// Whether it was discarded because the group moved on.
        discarded: bool,
    },
    /// Messages were gone from the broker before they could be read: retention passed us.
    OffsetsLost {
        /// Of which partition.
        assignment: Assignment,
        /// The offset that was to be read next.
        from: Offset,
        /// The first offset that still exists.
        to: Offset,
    },
    /// Messages wait on the broker, but none comes: the source connects anew.
    SourceStalled {
        /// The partitions that something waits in.
        assignments: Vec<Assignment>,
    },
    /// Messages come again.
    SourceRecovered,
    /// The Kafka client reported an error that it recovers from by itself.
    KafkaError {
        /// What it said.
        error: String,
    },
    /// The worker was told to stop.
    Stopping {
        /// By what.
        reason: &'static str,
    },
    /// The worker stopped.
    Stopped {
        /// What became of all messages.
        ledger: Ledger,
        /// Whether everything in flight settled in time.
        drained: bool,
    },
}

/// Receives events. Must return quickly and never block.
pub trait Subscriber: Send + Sync {
    /// The least important events it wants.
    fn detail(&self) -> Detail;

    /// Takes events in order.
    fn on_event(&self, event: &Event);
}

/// How much is worth telling a subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// Lifecycle and trouble.
    Lifecycle,
    /// Also windows, commits and flow control.
    Window,
    /// Also every attempt of every task.
    Task,
}

impl Event {
    /// How detailed this event is.
    pub fn detail(&self) -> Detail {
        match self {
            Event::AttemptEnded { .. } => Detail::Task,
            Event::WindowStarted { .. }
            | Event::Committed { .. }
            | Event::Flow { .. }
            | Event::PeriodicRan { error: None, .. } => Detail::Window,
            _ => Detail::Lifecycle,
        }
    }
}

/// The event stream of a worker. Cheap to clone.
#[derive(Clone, Default)]
pub struct Events {
    subscribers: Arc<[Arc<dyn Subscriber>]>,
    detail: Option<Detail>,
}

impl Events {
    /// A stream to these subscribers.
    pub fn new(subscribers: Vec<Arc<dyn Subscriber>>) -> Self {
        let detail = subscribers.iter().map(|s| s.detail()).max();
        Self { subscribers: subscribers.into(), detail }
    }

    /// Whether anyone wants events of this detail: check it before building a costly one.
    pub fn wants(&self, detail: Detail) -> bool {
        self.detail.is_some_and(|most| detail <= most)
    }

    /// Tells every subscriber that wants it.
    pub fn emit(&self, event: &Event) {
        let detail = event.detail();
        for subscriber in self.subscribers.iter().filter(|s| detail <= s.detail()) {
            subscriber.on_event(event);
        }
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events").field("subscribers", &self.subscribers.len()).finish()
    }
}
