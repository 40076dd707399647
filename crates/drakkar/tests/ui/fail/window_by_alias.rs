// Rule: the input type is read from `Window<...>` as it is written.

use drakkar::prelude::*;

#[derive(Deserialize)]
struct Request {
    id: u64,
}

struct Search;

type Requests<'a> = Window<'a, Request>;

#[drakkar::handler]
impl Search {
    async fn arrange(&self, _window: Requests<'_>) -> Result<Vec<Task>> {
        Ok(Vec::new())
    }
}

fn is_handler(_: impl Handler) {}

fn main() {
    is_handler(Search);
}
