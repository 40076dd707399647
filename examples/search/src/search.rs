//! The handler: one `grep` per request.

use std::time::Duration;

use drakkar::prelude::*;

/// One request, as JSON in the value of a message.
#[derive(Deserialize)]
pub struct Request {
    /// Names the request in results, logs and dead letters.
    pub request_id: String,
    /// An extended regular expression.
    pub pattern: String,
    /// The file to search.
    pub path: String,
    /// The collection the file belongs to: each has a result file of its own.
    pub collection: String,
}

/// How often the pattern matched.
#[derive(Clone, Serialize)]
pub struct Matches {
    request_id: String,
    collection: String,
    pattern: String,
    path: String,
    matches: u64,
    took_ms: f64,
}

/// Where results go.
#[derive(Default, SinkOutputs)]
pub struct Outputs {
    #[sink(kafka = "results", key = "request_id")]
    results: Vec<Matches>,
    #[sink(file = "matches", path = "{collection}.jsonl")]
    lines: Vec<Matches>,
}

/// The handler.
pub struct Search;

#[drakkar::handler]
impl Search {
    async fn arrange(&self, window: Window<'_, Request>) -> Result<Vec<Task>> {
        Ok(window.messages().map(task).collect())
    }

    async fn on_task_complete(&self, done: &TaskResult) -> Result<Outputs> {
        let label = |name: &str| done.task.labels().get(name).unwrap_or_default().to_owned();
        let matches = Matches {
            request_id: label("request"),
            collection: label("collection"),
            pattern: label("pattern"),
            path: label("path"),
            matches: done.stdout_text().trim().parse()?,
            took_ms: done.report.run_time.as_secs_f64() * 1000.0,
        };
        Ok(Outputs { results: vec![matches.clone()], lines: vec![matches] })
    }

    async fn on_error(&self, failure: &TaskFailure) -> ErrorAction {
        match failure.ended() {
            // A bad pattern or a missing file stays one.
            Ended::Exited { code: 2 } => ErrorAction::DeadLetter,
            // What did not end within its time twice is not tried a third time.
            Ended::TimedOut { .. } if failure.attempt >= 2 => ErrorAction::DeadLetter,
            _ => ErrorAction::Retry,
        }
    }

    fn message_label(&self, message: &Message<Request>) -> String {
        message.payload().request_id.clone()
    }
}

fn task(message: &Message<Request>) -> Task {
    let request = message.payload();
    Task::for_message(message)
        .program("grep")
        .args(["--count", "--extended-regexp", "--regexp", &request.pattern, "--", &request.path])
        .success_codes([0, 1])
        .timeout(Duration::from_secs(2))
        .label("request", &request.request_id)
        .label("collection", &request.collection)
        .label("pattern", &request.pattern)
        .label("path", &request.path)
}
