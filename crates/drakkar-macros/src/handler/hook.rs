//! The hooks of this version and what their signatures look like.

use crate::nearest::nearest;

/// A hook.
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
    /// Any method with `#[periodic]`.
    Periodic,
    /// Any method with `#[service]`.
    Service,
}

/// How a hook takes what it is called with.
#[derive(Clone, Copy)]
pub(super) struct Parameter {
    /// The name people use for it.
    pub(super) name: &'static str,
    /// The type's name.
    pub(super) ty: &'static str,
    /// The type as it is written in full.
    pub(super) written: &'static str,
    /// Whether it is passed by reference.
    pub(super) by_reference: bool,
    /// Whether the handler's input type is read from it.
    pub(super) names_input: bool,
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
    /// `Result<()>`
    Nothing,
    /// `ErrorAction`
    Action,
    /// `DeliveryAction`
    DeliveryAction,
    /// `String`
    Text,
    /// `i64`
    Number,
    /// `Result<Input>`
    Input,
}

impl Hook {
    /// The hooks that go by their method's name.
    pub(super) const ALL: [Hook; 14] = [
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

    /// The method's name.
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
        Self::ALL.into_iter().find(|hook| hook.name() == name)
    }

    /// The hook that this name was probably meant to be.
    pub(super) fn near(name: &str) -> Option<Self> {
        nearest(name, Self::ALL.map(Hook::name)).and_then(Self::by_name)
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
        !matches!(self, Hook::MessageLabel | Hook::TaskPriority | Hook::DeserializeMessage)
    }

    /// Whether the hook may ask for `ctx: &Context`.
    pub(super) fn takes_context(self) -> bool {
        self.is_async() && self != Hook::OnStartup
    }

    pub(super) fn parameter(self) -> Option<Parameter> {
        let parameter = |name, ty, written, by_reference, names_input| {
            Some(Parameter { name, ty, written, by_reference, names_input })
        };
        match self {
            Hook::Arrange => parameter("window", "Window", "Window<'_, Input>", false, true),
            Hook::OnTaskComplete => parameter("done", "TaskResult", "&TaskResult", true, false),
            Hook::OnMessageComplete => {
                parameter("group", "MessageGroup", "&MessageGroup<Input>", true, false)
            }
            Hook::OnWindowComplete => parameter("window", "WindowGroup", "&WindowGroup<Input>", true, false),
            Hook::OnError => parameter("failure", "TaskFailure", "&TaskFailure", true, false),
            Hook::OnDeliveryError => parameter("failure", "DeliveryFailure", "&DeliveryFailure", true, false),
            Hook::TaskPriority => parameter("task", "Task", "&Task", true, false),
            Hook::DeserializeMessage => parameter("record", "Record", "&Record", true, false),
            Hook::OnAssign | Hook::OnRevoke => {
                parameter("partitions", "[PartitionId]", "&[PartitionId]", true, false)
            }
            Hook::MessageLabel => parameter("message", "Message", "&Message<Input>", true, false),
            Hook::OnStartup => parameter("config", "Config", "Config", false, false),
            Hook::OnReady | Hook::OnShutdown | Hook::Periodic | Hook::Service => None,
        }
    }

    pub(super) fn returns(self) -> Returns {
        match self {
            Hook::Arrange => Returns::Tasks,
            Hook::OnTaskComplete | Hook::OnMessageComplete | Hook::OnWindowComplete => Returns::Outputs,
            Hook::OnError => Returns::Action,
            Hook::OnDeliveryError => Returns::DeliveryAction,
            Hook::TaskPriority => Returns::Number,
            Hook::MessageLabel => Returns::Text,
            Hook::DeserializeMessage => Returns::Input,
            Hook::OnStartup => Returns::Config,
            Hook::OnReady
            | Hook::OnAssign
            | Hook::OnRevoke
            | Hook::OnShutdown
            | Hook::Periodic
            | Hook::Service => Returns::Nothing,
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
            Returns::Nothing => "Result<()>",
            Returns::Action => "ErrorAction",
            Returns::DeliveryAction => "DeliveryAction",
            Returns::Text => "String",
            Returns::Number => "i64",
            Returns::Input => "Result<Input>",
        }
    }

    pub(super) fn is_result(self) -> bool {
        !matches!(self, Returns::Action | Returns::DeliveryAction | Returns::Text | Returns::Number)
    }
}

/// Names of our types, to tell a mix-up of them from an alias we cannot see through.
pub(super) const OUR_TYPES: &[&str] = &[
    "Window",
    "TaskResult",
    "MessageGroup",
    "TaskFailure",
    "Message",
    "Config",
    "Context",
    "Task",
    "ErrorAction",
    "WindowGroup",
    "DeliveryFailure",
    "DeliveryAction",
    "Record",
    "[PartitionId]",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_read_as_they_are_written() {
        assert_eq!(
            Hook::OnError.signature(),
            "async fn on_error(&self, failure: &TaskFailure[, ctx: &Context]) -> ErrorAction"
        );
        assert_eq!(
            Hook::MessageLabel.signature(),
            "fn message_label(&self, message: &Message<Input>) -> String"
        );
        assert_eq!(Hook::OnReady.signature(), "async fn on_ready(&self[, ctx: &Context]) -> Result<()>");
    }

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        assert_eq!(Hook::near("arange"), Some(Hook::Arrange));
        assert_eq!(Hook::near("on_erorr"), Some(Hook::OnError));
        assert_eq!(Hook::near("command_line"), None);
    }
}
