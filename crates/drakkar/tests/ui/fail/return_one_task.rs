// Rule: `arrange` returns a list.

use drakkar::prelude::*;

#[derive(Deserialize)]
struct Request {
    id: u64,
}

struct Search;

#[drakkar::handler]
impl Search {
    async fn arrange(&self, _window: Window<'_, Request>) -> Result<Task> {
        Err(Error::msg("no task"))
    }
}

fn is_handler(_: impl Handler) {}

fn main() {
    is_handler(Search);
}
