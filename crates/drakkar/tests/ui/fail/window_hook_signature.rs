// Rule: the window hook gets the group and returns outputs.

use drakkar::prelude::*;

#[derive(Deserialize)]
struct Request {
    id: u64,
}

struct Search;

#[drakkar::handler]
impl Search {
    async fn arrange(&self, window: Window<'_, Request>) -> Result<Vec<Task>> {
        Ok(window.messages().map(|m| Task::for_message(m).arg(m.payload().id.to_string())).collect())
    }

    async fn on_window_complete(&self, window: Window<'_, Request>) -> Option<()> {
        let _ = window;
        None
    }
}

fn is_handler(_: impl Handler) {}

fn main() {
    is_handler(Search);
}
