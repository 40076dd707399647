// Rule: the attribute is not for functions.

use drakkar::prelude::*;

#[drakkar::handler]
async fn arrange(window: Window<'_, u64>) -> Result<Vec<Task>> {
    Ok(window.messages().map(Task::for_message).collect())
}

fn main() {}
