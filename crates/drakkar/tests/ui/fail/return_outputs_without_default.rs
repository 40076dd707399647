// Rule: outputs derive `Default`.

use drakkar::prelude::*;

#[derive(Deserialize)]
struct Request {
    id: u64,
}

struct Search;

#[derive(SinkOutputs)]
struct Outputs {
    #[sink(kafka)]
    texts: Vec<String>,
}

#[drakkar::handler]
impl Search {
    async fn arrange(&self, window: Window<'_, Request>) -> Result<Vec<Task>> {
        Ok(window.messages().map(|m| Task::for_message(m).arg(m.payload().id.to_string())).collect())
    }

    async fn on_task_complete(&self, _done: &TaskResult) -> Result<Outputs> {
        Ok(Outputs { texts: Vec::new() })
    }
}

fn is_handler(_: impl Handler) {}

fn main() {
    is_handler(Search);
}
