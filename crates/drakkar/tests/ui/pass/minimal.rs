//! A handler needs `arrange` and nothing else.

use drakkar::prelude::*;

#[derive(Deserialize)]
struct Request {
    id: u64,
}

struct Minimal;

#[drakkar::handler]
impl Minimal {
    async fn arrange(&self, window: Window<'_, Request>) -> Result<Vec<Task>> {
        Ok(window.messages().map(|m| Task::for_message(m).arg(m.payload().id.to_string())).collect())
    }
}

fn is_handler(_: impl Handler<Input = Request, TaskOutputs = (), MessageOutputs = (), WindowOutputs = ()>) {}

fn main() {
    is_handler(Minimal);
}
