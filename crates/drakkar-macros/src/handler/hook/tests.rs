//! Names and signatures of the hooks.

use super::*;

#[test]
fn signatures_read_as_they_are_written() {
    let signatures = [
        "async fn arrange(&self, window: Window<'_, Input>[, ctx: &Context]) -> Result<Vec<Task>>",
        "async fn on_task_complete(&self, done: &TaskResult[, ctx: &Context]) -> Result<Outputs>",
        "async fn on_message_complete(&self, group: &MessageGroup<Input>[, ctx: &Context]) -> Result<Outputs>",
        "async fn on_window_complete(&self, window: &WindowGroup<Input>[, ctx: &Context]) -> Result<Outputs>",
        "async fn on_error(&self, failure: &TaskFailure[, ctx: &Context]) -> ErrorAction",
        "async fn on_delivery_error(&self, failure: &DeliveryFailure[, ctx: &Context]) -> DeliveryAction",
        "fn task_priority(&self, task: &Task) -> i64",
        "fn message_label(&self, message: &Message<Input>) -> String",
        "fn deserialize_message(&self, record: &Record) -> Result<Input>",
        "async fn on_startup(&self, config: Config) -> Result<Config>",
        "async fn on_ready(&self[, ctx: &Context]) -> Result<()>",
        "async fn on_assign(&self, partitions: &[PartitionId][, ctx: &Context]) -> Result<()>",
        "async fn on_revoke(&self, partitions: &[PartitionId][, ctx: &Context]) -> Result<()>",
        "async fn on_shutdown(&self[, ctx: &Context]) -> Result<()>",
    ];
    assert_eq!(Hook::NAMED.map(Hook::signature), signatures);
    assert_eq!(
        Hook::Periodic.signature_of("refresh"),
        "async fn refresh(&self[, ctx: &Context]) -> Result<()>"
    );
}

#[test]
fn near_names_are_found_and_far_ones_are_not() {
    assert_eq!(Hook::near("arange"), Some(Hook::Arrange));
    assert_eq!(Hook::near("on_erorr"), Some(Hook::OnError));
    assert_eq!(Hook::near("on_windows_complete"), Some(Hook::OnWindowComplete));
    assert_eq!(Hook::near("on_asign"), Some(Hook::OnAssign));
    assert_eq!(Hook::near("deserialise_message"), Some(Hook::DeserializeMessage));
    assert_eq!(Hook::near("command_line"), None);
}

#[test]
fn no_hook_is_taken_for_a_slip_of_another() {
    for hook in Hook::NAMED {
        assert_eq!(Hook::near(hook.name()), Some(hook));
    }
}
