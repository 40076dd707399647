// Rule: a periodic method says how often it runs.

use drakkar::prelude::*;

#[derive(Deserialize)]
struct Request {
    id: u64,
}

struct Search;

#[drakkar::handler]
impl Search {
    async fn arrange(&self, window: Window<'_, Request>) -> Result<Vec<Task>> {
        Ok(window.messages().map(|m| Task::for_message(m).arg(m.payload().id.to_string())).collect())
    }

    #[periodic]
    async fn first(&self) -> Result<()> {
        Ok(())
    }

    #[periodic(on_error = "stop")]
    async fn second(&self) -> Result<()> {
        Ok(())
    }
}

fn is_handler(_: impl Handler) {}

fn main() {
    is_handler(Search);
}
