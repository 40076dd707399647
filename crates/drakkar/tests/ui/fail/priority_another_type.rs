// Rule: a type the macro cannot judge is judged by the compiler, on the returned type.

use drakkar::prelude::*;

#[derive(Deserialize)]
struct Request {
    id: u64,
}

struct Search;

type Priority = &'static str;

#[drakkar::handler]
impl Search {
    async fn arrange(&self, window: Window<'_, Request>) -> Result<Vec<Task>> {
        Ok(window.messages().map(|m| Task::for_message(m).arg(m.payload().id.to_string())).collect())
    }

    fn task_priority(&self, _task: &Task) -> Priority {
        ""
    }
}

fn is_handler(_: impl Handler) {}

fn main() {
    is_handler(Search);
}
