//! The hooks of this version and what their signatures look like.

use crate::nearest::nearest;

/// A hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hook {
    Arrange,
    OnTaskComplete,
    OnMessageComplete,
    OnError,
    MessageLabel,
    OnStartup,
    OnReady,
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
    /// `String`
    Text,
}

impl Hook {
    pub(super) const ALL: [Hook; 7] = [
        Hook::Arrange,
        Hook::OnTaskComplete,
        Hook::OnMessageComplete,
        Hook::OnError,
        Hook::MessageLabel,
        Hook::OnStartup,
        Hook::OnReady,
    ];

    /// The method's name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Hook::Arrange => "arrange",
            Hook::OnTaskComplete => "on_task_complete",
            Hook::OnMessageComplete => "on_message_complete",
            Hook::OnError => "on_error",
            Hook::MessageLabel => "message_label",
            Hook::OnStartup => "on_startup",
            Hook::OnReady => "on_ready",
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
        let parameter = self.parameter().map(|p| format!(", {}: {}", p.name, p.written)).unwrap_or_default();
        let context = if self.takes_context() { "[, ctx: &Context]" } else { "" };
        let asyncness = if self.is_async() { "async " } else { "" };
        format!("{asyncness}fn {}(&self{parameter}{context}) -> {}", self.name(), self.returns().written())
    }

    pub(super) fn is_async(self) -> bool {
        self != Hook::MessageLabel
    }

    /// Whether the hook may ask for `ctx: &Context`.
    pub(super) fn takes_context(self) -> bool {
        !matches!(self, Hook::MessageLabel | Hook::OnStartup)
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
            Hook::OnError => parameter("failure", "TaskFailure", "&TaskFailure", true, false),
            Hook::MessageLabel => parameter("message", "Message", "&Message<Input>", true, false),
            Hook::OnStartup => parameter("config", "Config", "Config", false, false),
            Hook::OnReady => None,
        }
    }

    pub(super) fn returns(self) -> Returns {
        match self {
            Hook::Arrange => Returns::Tasks,
            Hook::OnTaskComplete | Hook::OnMessageComplete => Returns::Outputs,
            Hook::OnError => Returns::Action,
            Hook::MessageLabel => Returns::Text,
            Hook::OnStartup => Returns::Config,
            Hook::OnReady => Returns::Nothing,
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
            Returns::Text => "String",
        }
    }

    pub(super) fn is_result(self) -> bool {
        !matches!(self, Returns::Action | Returns::Text)
    }
}

/// Hooks that are planned: said to be so, instead of being taken for a helper that is never called.
pub(super) const LATER: &[&str] =
    &["on_window_complete", "on_delivery_error", "on_assign", "on_revoke", "task_priority"];

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
