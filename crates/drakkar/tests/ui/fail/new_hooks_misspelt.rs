// Rule: names close to a hook are taken for it.

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

    async fn on_windows_complete(&self, window: &WindowGroup<Request>) -> Result<()> {
        let _ = window;
        Ok(())
    }

    async fn on_asign(&self, partitions: &[PartitionId]) -> Result<()> {
        let _ = partitions;
        Ok(())
    }

    fn deserialise_message(&self, record: &Record) -> Result<Request> {
        let _ = record;
        Ok(Request { id: 0 })
    }
}

fn is_handler(_: impl Handler) {}

fn main() {
    is_handler(Search);
}
