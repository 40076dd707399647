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

struct Search;

#[drakkar::handler]
impl Search {
    async fn arrange(&self, window: Window<'_, Request>) -> Result<Vec<Task>> {
        Ok(window.messages().map(|message| self.task(message)).collect())
    }

    async fn on_task_complete(&self, done: &TaskResult) -> Result<Outputs> {
        let request_id = done.task.labels()["request_id"].to_owned();
        let count = done.stdout_text().trim().parse()?;
        Ok(Outputs { matches: vec![Matches { request_id, count }] })
    }

    async fn on_error(&self, failure: &TaskFailure, ctx: &Context) -> ErrorAction {
        eprintln!("{}: {failure}", ctx.worker());
        if failure.attempt < 3 { ErrorAction::Retry } else { ErrorAction::DeadLetter }
    }

    #[periodic(every = "30s")]
    async fn report(&self, ctx: &Context) -> Result<()> {
        eprintln!("{} is at work", ctx.worker());
        Ok(())
    }

    // A helper: its name is no hook's name.
    fn task(&self, message: &Message<Request>) -> Task {
        let Request { request_id, pattern, path } = message.payload();
        Task::for_message(message).args(["-c", "-e", pattern, path]).label("request_id", request_id)
    }
}

fn main() {}
