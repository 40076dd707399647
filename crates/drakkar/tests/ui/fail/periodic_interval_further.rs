// Rule: an interval is one number that can be waited for.

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

    #[periodic(every = "1h30m")]
    async fn two_numbers(&self) -> Result<()> {
        Ok(())
    }

    #[periodic(every = "-1s")]
    async fn negative(&self) -> Result<()> {
        Ok(())
    }

    #[periodic(every = "99999999h")]
    async fn too_long(&self) -> Result<()> {
        Ok(())
    }

    #[periodic(every = "soon")]
    async fn no_number(&self) -> Result<()> {
        Ok(())
    }
}

fn is_handler(_: impl Handler) {}

fn main() {
    is_handler(Search);
}
