// Rule: `on_startup` and `message_label` have no context.

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

    async fn on_startup(
        &self,
        config: drakkar::config::Config,
        _ctx: &Context,
    ) -> Result<drakkar::config::Config> {
        Ok(config)
    }
}

fn is_handler(_: impl Handler) {}

fn main() {
    is_handler(Search);
}
