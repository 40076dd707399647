// Rule: the input type can be read from JSON.

use drakkar::prelude::*;

struct Plain;

struct Search;

#[drakkar::handler]
impl Search {
    async fn arrange(&self, _window: Window<'_, Plain>) -> Result<Vec<Task>> {
        Ok(Vec::new())
    }
}

fn is_handler(_: impl Handler) {}

fn main() {
    is_handler(Search);
}
