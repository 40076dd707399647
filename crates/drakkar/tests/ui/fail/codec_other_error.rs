// Rule: the error of `deserialize_message` is an error.

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

    fn deserialize_message(&self, _record: &Record) -> std::result::Result<Request, String> {
        Err("no".to_owned())
    }
}

fn is_handler(_: impl Handler) {}

fn main() {
    is_handler(Search);
}
