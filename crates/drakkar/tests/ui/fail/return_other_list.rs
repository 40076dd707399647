// Rule: what `arrange` returns is judged by the compiler, on the returned type.

use drakkar::prelude::*;

#[derive(Deserialize)]
struct Request {
    id: u64,
}

struct Search;

#[drakkar::handler]
impl Search {
    async fn arrange(&self, _window: Window<'_, Request>) -> Result<Vec<String>> {
        Ok(Vec::new())
    }
}

fn is_handler(_: impl Handler) {}

fn main() {
    is_handler(Search);
}
