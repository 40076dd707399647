// Rule: a periodic method is async, takes the context at most, and may fail.

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
    fn not_async(&self) -> Result<()> {
        Ok(())
    }

    #[periodic(every = "30s")]
    async fn surplus(&self, ctx: &Context, count: u64) -> Result<()> {
        let _ = (ctx, count);
        Ok(())
    }

    #[periodic(every = "30s")]
    async fn returns_nothing(&self) {}

    #[periodic(every = "30s")]
    async fn returns_something(&self) -> Result<u64> {
        Ok(1)
    }
}

fn is_handler(_: impl Handler) {}

fn main() {
    is_handler(Search);
}
