// Rule: a handler owns what it holds.

use drakkar::prelude::*;

struct Search<'a>(&'a str);

#[drakkar::handler]
impl<'a> Search<'a> {
    async fn arrange(&self, window: Window<'_, u64>) -> Result<Vec<Task>> {
        Ok(window.messages().map(|m| Task::for_message(m).arg(self.0)).collect())
    }
}

fn main() {}
