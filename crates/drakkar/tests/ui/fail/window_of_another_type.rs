// Rule: a type of one's own that is called `Window` is not taken for ours.

use drakkar::prelude::{Context, Handler, Result, Task};

struct Window;

struct Search;

#[drakkar::handler]
impl Search {
    async fn arrange(&self, _window: Window, _ctx: &Context) -> Result<Vec<Task>> {
        Ok(Vec::new())
    }
}

fn is_handler(_: impl Handler) {}

fn main() {
    is_handler(Search);
}
