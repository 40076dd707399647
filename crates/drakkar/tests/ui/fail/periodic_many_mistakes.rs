// Rule: all mistakes of attributes and their methods are reported at once, each where it is.

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

    #[periodic(every = "30", on_error = "stopp", name = "x")]
    fn refresh(&mut self, _ctx: Context, _more: u32) -> u64 {
        0
    }

    #[periodic]
    #[service]
    async fn on_assign(&self, _partitions: Vec<PartitionId>) -> Result<()> {
        Ok(())
    }

    #[service(every = "30s")]
    async fn serve() {}

    #[perodic(every = "0m")]
    async fn sweep(&self, _limit: &str) -> Result<()> {
        Ok(())
    }
}

fn is_handler(_: impl Handler) {}

fn main() {
    is_handler(Search);
}
