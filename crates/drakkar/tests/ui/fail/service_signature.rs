// Rule: a service takes `&self` and the context at most; its attribute has no settings.

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

    #[service(port = 80)]
    async fn settings(&self) -> Result<()> {
        Ok(())
    }

    #[service]
    async fn mutable(&mut self) -> Result<()> {
        Ok(())
    }

    #[service]
    async fn context_by_value(&self, ctx: Context) -> Result<()> {
        let _ = ctx;
        Ok(())
    }
}

fn is_handler(_: impl Handler) {}

fn main() {
    is_handler(Search);
}
