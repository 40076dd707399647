// Rule: an interval is a number above zero with a unit.

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

    #[periodic(every = 30)]
    async fn a_number(&self) -> Result<()> {
        Ok(())
    }

    #[periodic(every = "30")]
    async fn no_unit(&self) -> Result<()> {
        Ok(())
    }

    #[periodic(every = "0s")]
    async fn zero(&self) -> Result<()> {
        Ok(())
    }

    #[periodic(every = "3 weeks")]
    async fn odd_unit(&self) -> Result<()> {
        Ok(())
    }
}

fn is_handler(_: impl Handler) {}

fn main() {
    is_handler(Search);
}
