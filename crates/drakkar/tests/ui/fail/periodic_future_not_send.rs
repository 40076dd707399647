// Rule: what a periodic method or a service keeps over an await can be sent between threads; others are not blamed.

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
    async fn fine(&self) -> Result<()> {
        Ok(())
    }

    #[periodic(every = "30s")]
    async fn refresh(&self) -> Result<()> {
        let local = std::rc::Rc::new(1);
        std::future::ready(()).await;
        drop(local);
        Ok(())
    }

    #[service]
    async fn serve(&self, ctx: &Context) -> Result<()> {
        let local = std::rc::Rc::new(1);
        ctx.stopping().await;
        drop(local);
        Ok(())
    }
}

fn is_handler(_: impl Handler) {}

fn main() {
    is_handler(Search);
}
