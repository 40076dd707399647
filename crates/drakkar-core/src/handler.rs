//! The handler: the user's code, as a plain trait.
//!
//! `#[drakkar::handler]` implements it from an impl block; it can also be implemented by hand.

use std::time::Duration;

use crate::{
    config::Config,
    context::Context,
    error::HookResult,
    ids::PartitionId,
    message::{Message, Record, Window},
    outcome::{
        DeliveryAction, DeliveryFailure, ErrorAction, MessageGroup, TaskFailure, TaskResult, WindowGroup,
    },
    payload::SinkOutputs,
    task::Task,
};

/// What the user of drakkar writes: how messages become tasks and results become outputs.
///
/// One instance serves all partitions at once. `arrange` never overlaps itself for one partition; all other hooks may
/// run at the same time as each other. An error or a panic in any hook is contained: the message it concerned goes to the
/// dead letter topic.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a drakkar handler",
    note = "put `#[drakkar::handler]` on an impl block of `{Self}` that has an `arrange` method"
)]
pub trait Handler: Send + Sync + 'static {
    /// What a message's value is decoded into.
    type Input: Send + Sync + 'static;
    /// What `on_task_complete` returns.
    type TaskOutputs: SinkOutputs + Default + 'static;
    /// What `on_message_complete` returns.
    type MessageOutputs: SinkOutputs + Default + 'static;

    /// What `on_window_complete` returns.
    type WindowOutputs: SinkOutputs + Default + 'static;

    /// The hooks that do something: the others are not called.
    const HOOKS: Hooks = Hooks::ALL;

    /// The methods that run on a timer, by the index [`Handler::periodic`] is called with.
    const PERIODIC: &'static [Periodic] = &[];

    /// The names of the services, by the index [`Handler::service`] is called with.
    const SERVICES: &'static [&'static str] = &[];

    /// Decodes a message's value. [`decode_json`] does it for every `Deserialize` type.
    ///
    /// # Errors
    /// When the value is not what the handler expects; `kafka.on_parse_error` says what happens then.
    fn decode(&self, record: &Record) -> Result<Self::Input, DecodeError>;

    /// Turns a window of messages into tasks. A message that no task answers for is skipped.
    fn arrange(
        &self,
        window: Window<'_, Self::Input>,
        ctx: &Context,
    ) -> impl Future<Output = HookResult<Vec<Task>>> + Send;

    /// Called for each task that succeeded.
    fn on_task_complete(
        &self,
        done: &TaskResult,
        ctx: &Context,
    ) -> impl Future<Output = HookResult<Self::TaskOutputs>> + Send {
        let _ = (done, ctx);
        async { Ok(Self::TaskOutputs::default()) }
    }

    /// Called once for each message, when all its tasks settled and their outputs have their verdicts.
    fn on_message_complete(
        &self,
        group: &MessageGroup<Self::Input>,
        ctx: &Context,
    ) -> impl Future<Output = HookResult<Self::MessageOutputs>> + Send {
        let _ = (group, ctx);
        async { Ok(Self::MessageOutputs::default()) }
    }

    /// Called once for each window that had a task, when all of it settled. No offset of the window is committed before
    /// what this returns was delivered.
    fn on_window_complete(
        &self,
        window: &WindowGroup<Self::Input>,
        ctx: &Context,
    ) -> impl Future<Output = HookResult<Self::WindowOutputs>> + Send {
        let _ = (window, ctx);
        async { Ok(Self::WindowOutputs::default()) }
    }

    /// Called when outputs of one hook failed at one sink for good, or after the sink's own retries. Without it they are
    /// dead-lettered.
    fn on_delivery_error(
        &self,
        failure: &DeliveryFailure,
        ctx: &Context,
    ) -> impl Future<Output = DeliveryAction> + Send {
        let _ = (failure, ctx);
        async { DeliveryAction::DeadLetter }
    }

    /// Called for each failed attempt. Without it a task is retried within bounds and then dead-lettered.
    fn on_error(&self, failure: &TaskFailure, ctx: &Context) -> impl Future<Output = ErrorAction> + Send {
        let _ = (failure, ctx);
        async { ErrorAction::Retry }
    }

    /// Orders tasks that wait for a slot, of all partitions: lower runs first, equal ones run oldest message first. Called
    /// once for each task that needs a slot.
    fn task_priority(&self, task: &Task) -> i64 {
        let _ = task;
        0
    }

    /// A short text for people that names a message in logs and dead letters; `partition:offset` by default.
    fn message_label(&self, message: &Message<Self::Input>) -> String {
        format!("{}:{}", message.partition(), message.offset())
    }

    /// Called once, before any part exists. What it returns is the configuration that is used.
    fn on_startup(&self, config: Config) -> impl Future<Output = HookResult<Config>> + Send {
        async { Ok(config) }
    }

    /// Called once, when all sinks are connected and before the first message is read.
    fn on_ready(&self, ctx: &Context) -> impl Future<Output = HookResult<()>> + Send {
        let _ = ctx;
        async { Ok(()) }
    }

    /// Called when partitions were assigned, before their first message is read.
    fn on_assign(
        &self,
        partitions: &[PartitionId],
        ctx: &Context,
    ) -> impl Future<Output = HookResult<()>> + Send {
        let _ = (partitions, ctx);
        async { Ok(()) }
    }

    /// Called when partitions went away, after their work was drained or given back.
    fn on_revoke(
        &self,
        partitions: &[PartitionId],
        ctx: &Context,
    ) -> impl Future<Output = HookResult<()>> + Send {
        let _ = (partitions, ctx);
        async { Ok(()) }
    }

    /// Called once at the end of a stop, after the last message settled and before sinks are closed.
    fn on_shutdown(&self, ctx: &Context) -> impl Future<Output = HookResult<()>> + Send {
        let _ = ctx;
        async { Ok(()) }
    }

    /// Runs one of [`Handler::PERIODIC`]. Runs of one never overlap.
    fn periodic(&self, index: usize, ctx: &Context) -> impl Future<Output = HookResult<()>> + Send {
        let _ = (index, ctx);
        async { Ok(()) }
    }

    /// Runs one of [`Handler::SERVICES`], from the moment the worker is ready; it should end soon after
    /// [`Context::stopping`] does.
    fn service(&self, index: usize, ctx: &Context) -> impl Future<Output = HookResult<()>> + Send {
        let _ = (index, ctx);
        async { Ok(()) }
    }
}

/// A method that runs on a timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Periodic {
    /// The method's name.
    pub name: &'static str,
    /// Time before the first run, and between the end of one run and the start of the next.
    pub every: Duration,
    /// Whether an error ends it; otherwise the schedule goes on.
    pub stop_on_error: bool,
}

/// Which hooks a handler has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hooks {
    /// `on_task_complete`.
    pub on_task_complete: bool,
    /// `on_message_complete`.
    pub on_message_complete: bool,
    /// `on_window_complete`.
    pub on_window_complete: bool,
    /// `on_error`.
    pub on_error: bool,
    /// `on_delivery_error`.
    pub on_delivery_error: bool,
    /// `task_priority`.
    pub task_priority: bool,
    /// `message_label`.
    pub message_label: bool,
    /// `on_assign`.
    pub on_assign: bool,
    /// `on_revoke`.
    pub on_revoke: bool,
    /// `on_shutdown`.
    pub on_shutdown: bool,
}

impl Hooks {
    /// Every hook: right for a handler written by hand.
    pub const ALL: Hooks = Hooks::every(true);
    /// No hook but `arrange`.
    pub const NONE: Hooks = Hooks::every(false);

    const fn every(on: bool) -> Self {
        Self {
            on_task_complete: on,
            on_message_complete: on,
            on_window_complete: on,
            on_error: on,
            on_delivery_error: on,
            task_priority: on,
            message_label: on,
            on_assign: on,
            on_revoke: on,
            on_shutdown: on,
        }
    }
}

/// A value that is not what the handler expects.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The message has no value.
    #[error("the message is a tombstone: it has no value")]
    Tombstone,
    /// The value is not JSON, or not the JSON that the input type wants.
    #[error("the value is not valid JSON for `{expected}`")]
    Json {
        /// The input type.
        expected: &'static str,
        /// Where and what.
        #[source]
        source: serde_json::Error,
    },
    /// Another codec refused it.
    #[error("the value cannot be decoded")]
    Other(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Decodes a value from JSON.
///
/// # Errors
/// When there is no value, it is not UTF-8, not JSON, or does not fit the type.
pub fn decode_json<T: for<'de> serde::Deserialize<'de>>(record: &Record) -> Result<T, DecodeError> {
    let value = record.value.as_ref().ok_or(DecodeError::Tombstone)?;
    serde_json::from_slice(value)
        .map_err(|source| DecodeError::Json { expected: std::any::type_name::<T>(), source })
}
