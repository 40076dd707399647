//! Every hook that may ask for the context does.

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
    #[sink(kafka = "results", key = "id")]
    lines: Vec<Line>,
}

#[derive(SinkOutputs, Default)]
struct Summary {
    #[sink(file = "summaries", path = "{id}.jsonl")]
    line: Option<Line>,
}

struct Full;

#[drakkar::handler]
impl Full {
    async fn on_startup(&self, config: Config) -> Result<Config> {
        Ok(config)
    }

    async fn on_ready(&self, ctx: &Context) -> Result<()> {
        let _ = ctx.worker();
        Ok(())
    }

    fn message_label(&self, message: &Message<Request>) -> String {
        message.payload().id.to_string()
    }

    async fn arrange(&self, window: Window<'_, Request>, ctx: &Context) -> Result<Vec<Task>> {
        let worker = ctx.worker().to_owned();
        Ok(window.messages().map(|m| Task::for_message(m).arg(&worker)).collect())
    }

    async fn on_task_complete(&self, done: &TaskResult, _ctx: &Context) -> Result<Outputs> {
        Ok(Outputs { lines: vec![Line { id: done.exit_code() as u64 }] })
    }

    async fn on_message_complete(&self, group: &MessageGroup<Request>, _: &Context) -> Result<Summary> {
        Ok(Summary { line: Some(Line { id: group.message.payload().id }) })
    }

    async fn on_window_complete(&self, window: &WindowGroup<Request>, ctx: &Context) -> Result<Outputs> {
        let _ = ctx.worker();
        Ok(Outputs { lines: window.messages.iter().map(|m| Line { id: m.payload().id }).collect() })
    }

    async fn on_delivery_error(&self, failure: &DeliveryFailure, ctx: &Context) -> DeliveryAction {
        let _ = (&failure.sink, ctx.cluster());
        DeliveryAction::Retry
    }

    async fn on_assign(&self, partitions: &[PartitionId], ctx: &Context) -> Result<()> {
        let _ = (partitions.len(), ctx.worker());
        Ok(())
    }

    async fn on_revoke(&self, partitions: &[PartitionId], _ctx: &Context) -> Result<()> {
        if partitions.is_empty() { Err(Error::msg("no partitions")) } else { Ok(()) }
    }

    async fn on_shutdown(&self, ctx: &Context) -> Result<()> {
        let _ = ctx.is_stopping();
        Ok(())
    }

    async fn on_error(&self, failure: &TaskFailure, ctx: &Context) -> ErrorAction {
        let _ = (failure.ended(), ctx.cluster());
        ErrorAction::DeadLetter
    }
}

fn is_handler(
    _: impl Handler<Input = Request, TaskOutputs = Outputs, MessageOutputs = Summary, WindowOutputs = Outputs>,
) {
}

fn main() {
    is_handler(Full);
}
