// Rule: a handler has `arrange`.

use drakkar::prelude::*;

#[derive(Deserialize)]
struct Request {
    id: u64,
}

struct Search;

#[drakkar::handler]
impl Search {
    async fn on_error(&self, _failure: &TaskFailure) -> ErrorAction {
        ErrorAction::Skip
    }
}

fn is_handler(_: impl Handler) {}

fn main() {
    is_handler(Search);
}
