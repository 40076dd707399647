// Rule: a periodic method has two settings, each once.

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

    #[periodic(evry = "30s")]
    async fn misspelt(&self) -> Result<()> {
        Ok(())
    }

    #[periodic(every = "30s", every = "1m")]
    async fn twice(&self) -> Result<()> {
        Ok(())
    }

    #[periodic(every = "30s", on_error = "retry")]
    async fn odd_word(&self) -> Result<()> {
        Ok(())
    }
}

fn is_handler(_: impl Handler) {}

fn main() {
    is_handler(Search);
}
