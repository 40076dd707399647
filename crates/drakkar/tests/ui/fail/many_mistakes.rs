// Rule: all mistakes of a block are reported at once, each where it is.

use drakkar::prelude::*;

#[derive(Deserialize)]
struct Request {
    id: u64,
}

struct Search;

#[drakkar::handler]
impl Search {
    fn arrange(&mut self, _window: &Window<'_, Request>) -> Vec<Task> {
        Vec::new()
    }

    async fn on_task_completed(&self, _done: &TaskResult) -> Result<()> {
        Ok(())
    }

    async fn on_error(&self, _failure: TaskFailure, _ctx: Context) -> Result<ErrorAction> {
        Ok(ErrorAction::Skip)
    }

    async fn message_label(&self, _message: &Message<Request>) -> &str {
        ""
    }

    fn helper(&self) -> u64 {
        Request { id: 1 }.id
    }
}

fn is_handler(_: impl Handler) {}

fn main() {
    let _ = Search.helper();
    is_handler(Search);
}
