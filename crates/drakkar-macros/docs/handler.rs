use std::sync::atomic::{AtomicU64, Ordering};

use drakkar::prelude::*;

#[derive(Deserialize)]
struct Request {
    request_id: String,
    pattern: String,
    path: String,
}

#[derive(Serialize)]
struct Matches {
    request_id: String,
    count: u64,
}

#[derive(SinkOutputs, Default)]
struct Outputs {
    #[sink(kafka = "results", key = "request_id")]
    matches: Vec<Matches>,
}

struct Search {
    found: AtomicU64,
}

#[drakkar::handler]
impl Search {
    async fn arrange(&self, window: Window<'_, Request>) -> Result<Vec<Task>> {
        Ok(window.messages().map(|message| self.task(message)).collect())
    }

    async fn on_task_complete(&self, done: &TaskResult) -> Result<Outputs> {
        let request_id = done.task.labels()["request_id"].to_owned();
        let count = done.stdout_text().trim().parse()?;
        self.found.fetch_add(count, Ordering::Relaxed);
        Ok(Outputs { matches: vec![Matches { request_id, count }] })
    }

    async fn on_error(&self, failure: &TaskFailure, ctx: &Context) -> ErrorAction {
        eprintln!("{}: {failure}", ctx.worker());
        if failure.attempt < 3 { ErrorAction::Retry } else { ErrorAction::DeadLetter }
    }

    async fn on_delivery_error(&self, failure: &DeliveryFailure) -> DeliveryAction {
        if failure.attempt < 5 { DeliveryAction::Retry } else { DeliveryAction::DeadLetter }
    }

    async fn on_assign(&self, partitions: &[PartitionId]) -> Result<()> {
        println!("{} partitions came", partitions.len());
        Ok(())
    }

    /// Of tasks that wait for a slot, those with fewer messages run first.
    fn task_priority(&self, task: &Task) -> i64 {
        task.offsets().len() as i64
    }

    #[periodic(every = "30s")]
    async fn report(&self, ctx: &Context) -> Result<()> {
        println!("{}: {} matches", ctx.worker(), self.found.swap(0, Ordering::Relaxed));
        Ok(())
    }

    #[service]
    async fn say_goodbye(&self, ctx: &Context) -> Result<()> {
        ctx.stopping().await;
        println!("all messages are done");
        Ok(())
    }

    // A helper: its name is no hook's name.
    fn task(&self, message: &Message<Request>) -> Task {
        let Request { request_id, pattern, path } = message.payload();
        Task::for_message(message).args(["-c", "-e", pattern, path]).label("request_id", request_id)
    }
}

fn main() {}
