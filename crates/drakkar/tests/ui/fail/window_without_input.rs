// Rule: the window names the input type.

use drakkar::prelude::*;

#[derive(Deserialize)]
struct Request {
    id: u64,
}

struct Search;

#[drakkar::handler]
impl Search {
    async fn arrange(&self, _window: Window<'_>) -> Result<Vec<Task>> {
        Ok(Vec::new())
    }
}

fn is_handler(_: impl Handler) {}

fn main() {
    is_handler(Search);
}
