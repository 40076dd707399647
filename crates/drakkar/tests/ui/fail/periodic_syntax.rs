// Rule: the settings are in brackets, each with its name, and separated by commas.

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

    #[periodic()]
    async fn empty(&self) -> Result<()> {
        Ok(())
    }

    #[periodic = "30s"]
    async fn after_equals(&self) -> Result<()> {
        Ok(())
    }

    #[periodic("30s")]
    async fn without_name(&self) -> Result<()> {
        Ok(())
    }

    #[periodic(every = "30s" on_error = "stop")]
    async fn without_comma(&self) -> Result<()> {
        Ok(())
    }

    #[periodic(every)]
    async fn without_value(&self) -> Result<()> {
        Ok(())
    }
}

fn is_handler(_: impl Handler) {}

fn main() {
    is_handler(Search);
}
