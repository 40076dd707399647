//! The pipeline of one assigned partition, as a pure state machine.
//!
//! Batches of [`Input`] go in, [`Effect`]s come out into a `Vec` the caller reuses. The machine knows ids only; records,
//! tasks and outputs stay with the runtime, which keeps them by [`Seq`] and [`TaskKey`]. One machine serves one epoch of one
//! partition: work of an earlier epoch has another machine to report to, or none.
//!
//! A message is settled once every task that answers for it ended, the message hook ran, every output has its verdict and
//! every dead letter is acknowledged. The watermark is the offset after the leading run of settled messages.

mod attempts;
mod brake;
mod completion;
mod intake;
mod machine;
mod message;
mod outputs;
mod stop;
mod suspects;
mod task;
mod timers;
mod window;

#[cfg(test)]
mod tests;

pub use brake::BrakeRules;
pub use machine::Pipeline;
pub use suspects::{Suspects, Suspicion};

use crate::{
    ids::{Offset, Seq, TaskKey, WindowId},
    ledger::Settled,
    retry::RetryPolicy,
};

/// The rules a pipeline follows.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Most messages of one window.
    pub window_size: u32,
    /// Most messages between the watermark and the newest window: no window starts past it.
    pub max_in_flight: u32,
    /// Bounds of retries of one task.
    pub retry: RetryPolicy,
    /// Longest chain of replacements.
    pub max_replacement_depth: u32,
    /// Whether `on_task_complete` exists.
    pub task_hook: bool,
    /// Whether `on_error` exists; without it every failure is retried within bounds.
    pub error_hook: bool,
    /// Whether `on_message_complete` exists.
    pub message_hook: bool,
    /// Whether `on_window_complete` exists.
    pub window_hook: bool,
    /// Whether `on_delivery_error` exists; without it failed outputs are dead-lettered.
    pub delivery_hook: bool,
    /// Bounds of the deliveries that `on_delivery_error` asks for, the first one included.
    pub redelivery: RetryPolicy,
    /// When the partition stops by itself.
    pub brake: BrakeRules,
}

/// What happens to a message that could not be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parse {
    /// It is dead-lettered.
    DeadLetter,
    /// It is skipped.
    Skip,
    /// `arrange` gets it as it is.
    Pass,
}

/// Something that happened to a partition.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// Records arrived, in offset order.
    Records(&'a [Offset]),
    /// A record of the window whose `arrange` is due could not be decoded.
    Unparsed {
        /// Which message.
        message: Seq,
        /// What to do with it.
        policy: Parse,
    },
    /// `arrange` returned tasks; each plan lists the offsets one task answers for.
    Arranged {
        /// The window.
        window: WindowId,
        /// The tasks, in order.
        plans: &'a [&'a [Offset]],
    },
    /// `arrange` failed.
    ArrangeFailed {
        /// The window.
        window: WindowId,
    },
    /// An attempt ended.
    AttemptEnded {
        /// The task.
        task: TaskKey,
        /// Whether it succeeded.
        success: bool,
    },
    /// An attempt was stopped by the worker itself: its messages are given back.
    AttemptCancelled {
        /// The task.
        task: TaskKey,
    },
    /// `on_task_complete` ended.
    TaskHookEnded {
        /// The task.
        task: TaskKey,
        /// How.
        end: HookEnd,
    },
    /// `on_error` answered.
    ErrorHookEnded {
        /// The task.
        task: TaskKey,
        /// What to do.
        action: Action<'a>,
    },
    /// `on_message_complete` ended.
    MessageHookEnded {
        /// The message.
        message: Seq,
        /// How.
        end: HookEnd,
    },
    /// `on_window_complete` ended.
    WindowHookEnded {
        /// The window.
        window: WindowId,
        /// How.
        end: HookEnd,
    },
    /// `on_delivery_error` answered for all outputs that failed.
    DeliveryHookEnded {
        /// Whose outputs.
        owner: Owner,
        /// Outputs to deliver again within bounds.
        retry: u32,
        /// Outputs to dead-letter; what is neither is skipped.
        letter: u32,
    },
    /// Outputs got their verdicts.
    Verdicts(&'a [(Owner, OutputEnd)]),
    /// A dead letter was acknowledged.
    Lettered(Letter),
    /// Time passed.
    Tick,
    /// Windows may start, or may not because something else is full.
    Gate {
        /// Whether they may.
        open: bool,
    },
    /// No window may start any more; what is in flight goes on.
    Drain,
    /// The partition is gone: everything unsettled is given back.
    Release,
}

/// How a hook that returns outputs ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookEnd {
    /// It returned this many outputs.
    Outputs(u32),
    /// It returned an error, panicked, or its outputs could not be encoded.
    Failed,
}

/// What `on_error` decided.
#[derive(Clone, Copy, Debug)]
pub enum Action<'a> {
    /// Try again within bounds.
    Retry,
    /// Give up on purpose.
    Skip,
    /// Give up and dead-letter.
    DeadLetter,
    /// Run these instead; each plan lists the offsets one task answers for.
    Replace(&'a [&'a [Offset]]),
}

/// What produced outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    /// A task, through `on_task_complete`.
    Task(TaskKey),
    /// A message, through `on_message_complete`.
    Message(Seq),
    /// A window, through `on_window_complete`.
    Window(WindowId),
}

/// What became of one output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputEnd {
    /// Its sink acknowledged it.
    Delivered,
    /// It failed for good and must be dead-lettered.
    Failed,
}

/// One dead letter to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Letter {
    /// The message itself: it could not be decoded, or a task or a hook of it failed for good.
    Message(Seq),
    /// The outputs of a hook that failed for good, or that `on_delivery_error` gave up.
    Outputs(Owner),
}

/// Something the runtime must do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Call `arrange` with the decodable messages of this range.
    Arrange {
        /// The window.
        window: WindowId,
        /// Its first message.
        first: Seq,
        /// How many messages, undecodable ones included.
        count: u32,
    },
    /// Keep task number `plan` of the list under this key and run its first attempt.
    Start {
        /// Its key from now on.
        task: TaskKey,
        /// Its index in the list.
        plan: u32,
        /// The window it belongs to.
        window: WindowId,
    },
    /// Task number `plan` names an offset it cannot answer for; it was left out.
    Refused {
        /// The task's index in the list.
        plan: u32,
        /// The offset.
        offset: Offset,
    },
    /// Run another attempt.
    Retry {
        /// The task.
        task: TaskKey,
        /// Its number, from 2.
        attempt: u32,
    },
    /// Call `on_task_complete`.
    CallTaskHook {
        /// The task.
        task: TaskKey,
    },
    /// Call `on_error`.
    CallErrorHook {
        /// The task.
        task: TaskKey,
        /// The attempt that failed, from 1.
        attempt: u32,
    },
    /// Send the outputs the hook returned to their sinks.
    Deliver {
        /// Whose.
        owner: Owner,
    },
    /// Call `on_delivery_error` for the outputs that failed.
    CallDeliveryHook {
        /// Whose.
        owner: Owner,
        /// Which delivery failed, from 1.
        attempt: u32,
    },
    /// Send the outputs that `on_delivery_error` wanted to retry.
    Redeliver {
        /// Whose.
        owner: Owner,
    },
    /// A task ended. Its messages can still be asked for with [`Pipeline::messages_of`] until the next step.
    TaskEnded {
        /// The task.
        task: TaskKey,
        /// How.
        end: TaskEnd,
    },
    /// Call `on_message_complete`.
    CallMessageHook {
        /// The message.
        message: Seq,
    },
    /// Call `on_window_complete`.
    CallWindowHook {
        /// The window.
        window: WindowId,
    },
    /// A window ended, its hook called or not; what is kept of it can be dropped.
    WindowEnded {
        /// The window.
        window: WindowId,
    },
    /// Too many messages were dead-lettered: no window starts until one that is let through ends well. Or one did.
    Brake {
        /// Whether the brake is on.
        on: bool,
    },
    /// Write a dead letter and report it as [`Input::Lettered`] when it is acknowledged.
    DeadLetter(Letter),
    /// A message settled; what is kept of it can be dropped.
    Settled {
        /// The message.
        message: Seq,
        /// How.
        how: Settled,
    },
    /// A message is given back; what is kept of it can be dropped.
    Returned {
        /// The message.
        message: Seq,
    },
    /// Everything before this offset settled.
    Advance {
        /// The next offset to read.
        next: Offset,
    },
}

/// How a task ended for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskEnd {
    /// It succeeded, and its hook and outputs are done.
    Succeeded,
    /// It failed for good, or its hook failed.
    Failed,
    /// Others run in its place.
    Replaced,
    /// It was dropped because its messages were given back.
    Dropped,
}
