// Rule: hooks take `&self`, not another pointer to the handler.

use drakkar::prelude::*;

struct Search;

#[drakkar::handler]
impl Search {
    async fn arrange(self: std::sync::Arc<Self>, window: Window<'_, u64>) -> Result<Vec<Task>> {
        Ok(window.messages().map(Task::for_message).collect())
    }
}

fn is_handler(_: impl Handler) {}

fn main() {
    is_handler(Search);
}
