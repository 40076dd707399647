//! The handler: the user's code, as a plain trait.
//!
//! `#[drakkar::handler]` implements it from an impl block; it can also be implemented by hand.

use crate::{
    config::Config,
    context::Context,
    error::HookResult,
    message::{Message, Record, Window},
    outcome::{ErrorAction, MessageGroup, TaskFailure, TaskResult},
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

    /// The hooks that do something: the others are not called.
    const HOOKS: Hooks = Hooks::ALL;

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

    /// Called for each failed attempt. Without it a task is retried within bounds and then dead-lettered.
    fn on_error(&self, failure: &TaskFailure, ctx: &Context) -> impl Future<Output = ErrorAction> + Send {
        let _ = (failure, ctx);
        async { ErrorAction::Retry }
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
}

/// Which hooks a handler has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hooks {
    /// `on_task_complete`.
    pub on_task_complete: bool,
    /// `on_message_complete`.
    pub on_message_complete: bool,
    /// `on_error`.
    pub on_error: bool,
    /// `message_label`.
    pub message_label: bool,
}

impl Hooks {
    /// Every hook: right for a handler written by hand.
    pub const ALL: Hooks =
        Hooks { on_task_complete: true, on_message_complete: true, on_error: true, message_label: true };
    /// No hook but `arrange`.
    pub const NONE: Hooks =
        Hooks { on_task_complete: false, on_message_complete: false, on_error: false, message_label: false };
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
