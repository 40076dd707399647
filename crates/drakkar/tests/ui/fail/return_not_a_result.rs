// Rule: hooks that can fail return a `Result`.

use drakkar::prelude::*;

#[derive(Deserialize)]
struct Request {
    id: u64,
}

struct Search;

#[drakkar::handler]
impl Search {
    async fn arrange(&self, _window: Window<'_, Request>) -> Vec<Task> {
        Vec::new()
    }
}

fn is_handler(_: impl Handler) {}

fn main() {
    is_handler(Search);
}
