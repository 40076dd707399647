//! The pipeline of one assigned partition, as a pure state machine.
//!
//! Batches of [`Input`] go in, [`Effect`]s come out into a `Vec` the caller reuses. The machine knows ids only; records,
//! tasks and outputs stay with the runtime, which keeps them by [`Seq`] and [`TaskKey`]. One machine serves one epoch of one
//! partition: work of an earlier epoch has another machine to report to, or none.
//!
//! A message is settled once every task that answers for it ended, the message hook ran, every output has its verdict and
//! every dead letter is acknowledged. The watermark is the offset after the leading run of settled messages.

mod machine;
mod message;
mod task;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

pub use machine::Pipeline;

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
}

/// Something that happened to a partition.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// Records arrived, in offset order.
    Records(&'a [Offset]),
    /// The record could not be decoded.
    Undecodable {
        /// Which message.
        message: Seq,
        /// Whether it is skipped instead of dead-lettered.
        skip: bool,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    /// A task, through `on_task_complete`.
    Task(TaskKey),
    /// A message, through `on_message_complete`.
    Message(Seq),
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
    /// The outputs of a hook that failed for good.
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
