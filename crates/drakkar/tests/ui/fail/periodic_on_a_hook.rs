// Rule: a hook is called by its name, not by a timer.

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

    #[periodic(every = "30s")]
    async fn on_ready(&self) -> Result<()> {
        Ok(())
    }

    #[periodic(every = "30s")]
    #[service]
    async fn both(&self) -> Result<()> {
        Ok(())
    }
}

fn is_handler(_: impl Handler) {}

fn main() {
    is_handler(Search);
}
