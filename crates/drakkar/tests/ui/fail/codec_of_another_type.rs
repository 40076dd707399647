// Rule: a codec gives the input type, as the compiler sees it.

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

    fn deserialize_message(&self, record: &Record) -> Result<u64> {
        let _ = record;
        Ok(0)
    }
}

fn is_handler(_: impl Handler) {}

fn main() {
    is_handler(Search);
}
