//! Every hook leaves the context out.

use drakkar::{config::Config, prelude::*};

#[derive(Deserialize)]
struct Request {
    id: u64,
}

#[derive(Serialize)]
struct Line {
    id: u64,
}

#[derive(SinkOutputs, Default)]
struct Outputs {
    #[sink(kafka)]
    lines: Vec<Line>,
}

struct Full;

#[drakkar::handler]
impl Full {
    async fn arrange(&self, window: Window<'_, Request>) -> Result<Vec<Task>> {
        window.messages().map(|m| Ok(Task::for_message(m))).collect()
    }

    async fn on_task_complete(&self, done: &TaskResult) -> Result<Outputs> {
        Ok(Outputs { lines: vec![Line { id: done.stdout_text().trim().parse()? }] })
    }

    async fn on_message_complete(&self, group: &MessageGroup<Request>) -> Result<()> {
        if group.any_failed() { Err(Error::msg("a task failed")) } else { Ok(()) }
    }

    async fn on_error(&self, _failure: &TaskFailure) -> ErrorAction {
        ErrorAction::Skip
    }

    async fn on_window_complete(&self, _window: &WindowGroup<Request>) -> Result<Outputs> {
        Ok(Outputs::default())
    }

    async fn on_delivery_error(&self, failure: &DeliveryFailure) -> DeliveryAction {
        if failure.attempt < 3 { DeliveryAction::Retry } else { DeliveryAction::Skip }
    }

    async fn on_assign(&self, _partitions: &[PartitionId]) -> Result<()> {
        Ok(())
    }

    async fn on_revoke(&self, _partitions: &[PartitionId]) -> Result<()> {
        Ok(())
    }

    async fn on_shutdown(&self) -> Result<()> {
        Ok(())
    }

    fn task_priority(&self, task: &Task) -> i64 {
        task.offsets().len() as i64
    }

    fn deserialize_message(&self, record: &Record) -> Result<Request> {
        Ok(Request { id: record.value.as_ref().map_or(0, |value| value.len() as u64) })
    }

    fn message_label(&self, message: &Message<Request>) -> String {
        format!("request {}", message.payload().id)
    }

    async fn on_startup(&self, config: Config) -> Result<Config> {
        Ok(config)
    }

    async fn on_ready(&self) -> Result<()> {
        Ok(())
    }
}

fn is_handler(_: impl Handler<TaskOutputs = Outputs, MessageOutputs = (), WindowOutputs = Outputs>) {}

fn main() {
    is_handler(Full);
}
