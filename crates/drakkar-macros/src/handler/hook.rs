//! The hooks and what their signatures look like.

use crate::nearest::nearest;

/// A method that drakkar calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hook {
    Arrange,
    OnTaskComplete,
    OnMessageComplete,
    OnWindowComplete,
    OnError,
    OnDeliveryError,
    TaskPriority,
    MessageLabel,
    DeserializeMessage,
    OnStartup,
    OnReady,
    OnAssign,
    OnRevoke,
    OnShutdown,
    /// A method of any name with `#[periodic]`.
    Periodic,
    /// A method of any name with `#[service]`.
    Service,
}

/// How a hook takes what it is called with.
#[derive(Clone, Copy)]
pub(super) struct Parameter {
    /// The name people use for it.
    pub(super) name: &'static str,
    /// The type's name; of a slice, that of its elements.
    pub(super) ty: &'static str,
    /// The type as it is written in full.
    pub(super) written: &'static str,
    /// How it is passed.
    pub(super) passed: Passed,
}

/// How a parameter is passed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Passed {
    ByValue,
    ByReference,
    AsSlice,
}

/// What a hook returns.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Returns {
    /// `Result<Vec<Task>>`
    Tasks,
    /// `Result<Outputs>`
    Outputs,
    /// `Result<Config>`
    Config,
    /// `Result<Input>`
    Input,
    /// `Result<()>`
    Nothing,
    /// `ErrorAction`
    Action,
    /// `DeliveryAction`
    Delivery,
    /// `String`
    Text,
    /// `i64`
    Number,
}

impl Hook {
    /// Those that are known by their names.
    pub(super) const NAMED: [Hook; 14] = [
        Hook::Arrange,
        Hook::OnTaskComplete,
        Hook::OnMessageComplete,
        Hook::OnWindowComplete,
        Hook::OnError,
        Hook::OnDeliveryError,
        Hook::TaskPriority,
        Hook::MessageLabel,
        Hook::DeserializeMessage,
        Hook::OnStartup,
        Hook::OnReady,
        Hook::OnAssign,
        Hook::OnRevoke,
        Hook::OnShutdown,
    ];

    /// Those that drakkar leaves out when the handler does not have them: the fields of `Hooks`.
    pub(super) const OPTIONAL: [Hook; 10] = [
        Hook::OnTaskComplete,
        Hook::OnMessageComplete,
        Hook::OnWindowComplete,
        Hook::OnError,
        Hook::OnDeliveryError,
        Hook::TaskPriority,
        Hook::MessageLabel,
        Hook::OnAssign,
        Hook::OnRevoke,
        Hook::OnShutdown,
    ];

    /// The method's name; of those with an attribute, the attribute's.
    pub(super) fn name(self) -> &'static str {
        match self {
            Hook::Arrange => "arrange",
            Hook::OnTaskComplete => "on_task_complete",
            Hook::OnMessageComplete => "on_message_complete",
            Hook::OnWindowComplete => "on_window_complete",
            Hook::OnError => "on_error",
            Hook::OnDeliveryError => "on_delivery_error",
            Hook::TaskPriority => "task_priority",
            Hook::MessageLabel => "message_label",
            Hook::DeserializeMessage => "deserialize_message",
            Hook::OnStartup => "on_startup",
            Hook::OnReady => "on_ready",
            Hook::OnAssign => "on_assign",
            Hook::OnRevoke => "on_revoke",
            Hook::OnShutdown => "on_shutdown",
            Hook::Periodic => "periodic",
            Hook::Service => "service",
        }
    }

    /// The hook with exactly this name.
    pub(super) fn by_name(name: &str) -> Option<Self> {
        Self::NAMED.into_iter().find(|hook| hook.name() == name)
    }

    /// The hook that this name was probably meant to be.
    pub(super) fn near(name: &str) -> Option<Self> {
        nearest(name, Self::NAMED.map(Hook::name)).and_then(Self::by_name)
    }

    /// The whole signature, for error messages.
    pub(super) fn signature(self) -> String {
        self.signature_of(self.name())
    }

    /// The whole signature of a method with this name.
    pub(super) fn signature_of(self, name: &str) -> String {
        let parameter = self.parameter().map(|p| format!(", {}: {}", p.name, p.written)).unwrap_or_default();
        let context = if self.takes_context() { "[, ctx: &Context]" } else { "" };
        let asyncness = if self.is_async() { "async " } else { "" };
        format!("{asyncness}fn {name}(&self{parameter}{context}) -> {}", self.returns().written())
    }

    pub(super) fn is_async(self) -> bool {
        !matches!(self, Hook::TaskPriority | Hook::MessageLabel | Hook::DeserializeMessage)
    }

    /// Whether the hook may ask for `ctx: &Context`.
    pub(super) fn takes_context(self) -> bool {
        self.is_async() && self != Hook::OnStartup
    }

    pub(super) fn parameter(self) -> Option<Parameter> {
        use Passed::{AsSlice, ByReference, ByValue};
        let parameter = |name, ty, written, passed| Some(Parameter { name, ty, written, passed });
        match self {
            Hook::Arrange => parameter("window", "Window", "Window<'_, Input>", ByValue),
            Hook::OnTaskComplete => parameter("done", "TaskResult", "&TaskResult", ByReference),
            Hook::OnMessageComplete => {
                parameter("group", "MessageGroup", "&MessageGroup<Input>", ByReference)
            }
            Hook::OnWindowComplete => parameter("window", "WindowGroup", "&WindowGroup<Input>", ByReference),
            Hook::OnError => parameter("failure", "TaskFailure", "&TaskFailure", ByReference),
            Hook::OnDeliveryError => parameter("failure", "DeliveryFailure", "&DeliveryFailure", ByReference),
            Hook::TaskPriority => parameter("task", "Task", "&Task", ByReference),
            Hook::MessageLabel => parameter("message", "Message", "&Message<Input>", ByReference),
            Hook::DeserializeMessage => parameter("record", "Record", "&Record", ByReference),
            Hook::OnStartup => parameter("config", "Config", "Config", ByValue),
            Hook::OnAssign | Hook::OnRevoke => {
                parameter("partitions", "PartitionId", "&[PartitionId]", AsSlice)
            }
            Hook::OnReady | Hook::OnShutdown | Hook::Periodic | Hook::Service => None,
        }
    }

    pub(super) fn returns(self) -> Returns {
        match self {
            Hook::Arrange => Returns::Tasks,
            Hook::OnTaskComplete | Hook::OnMessageComplete | Hook::OnWindowComplete => Returns::Outputs,
            Hook::OnError => Returns::Action,
            Hook::OnDeliveryError => Returns::Delivery,
            Hook::TaskPriority => Returns::Number,
            Hook::MessageLabel => Returns::Text,
            Hook::DeserializeMessage => Returns::Input,
            Hook::OnStartup => Returns::Config,
            Hook::OnReady | Hook::OnAssign | Hook::OnRevoke | Hook::OnShutdown => Returns::Nothing,
            Hook::Periodic | Hook::Service => Returns::Nothing,
        }
    }
}

impl Returns {
    /// The type as it is written in full.
    pub(super) fn written(self) -> &'static str {
        match self {
            Returns::Tasks => "Result<Vec<Task>>",
            Returns::Outputs => "Result<Outputs>",
            Returns::Config => "Result<Config>",
            Returns::Input => "Result<Input>",
            Returns::Nothing => "Result<()>",
            Returns::Action => "ErrorAction",
            Returns::Delivery => "DeliveryAction",
            Returns::Text => "String",
            Returns::Number => "i64",
        }
    }

    pub(super) fn is_result(self) -> bool {
        !matches!(self, Returns::Action | Returns::Delivery | Returns::Text | Returns::Number)
    }
}

/// Names of our types, to tell a mix-up of them from an alias we cannot see through.
pub(super) const OUR_TYPES: &[&str] = &[
    "Window",
    "TaskResult",
    "MessageGroup",
    "WindowGroup",
    "TaskFailure",
    "DeliveryFailure",
    "Message",
    "Record",
    "Config",
    "Context",
    "Task",
    "PartitionId",
    "ErrorAction",
    "DeliveryAction",
];

#[cfg(test)]
mod tests;
