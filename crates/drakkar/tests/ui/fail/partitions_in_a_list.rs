// Rule: partitions come as a slice, not in a `Vec`, and not one by one.

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

    async fn on_assign(&self, _partitions: &Vec<PartitionId>) -> Result<()> {
        Ok(())
    }

    async fn on_revoke(&self, _partition: &PartitionId, _ctx: &Context) -> Result<()> {
        Ok(())
    }
}

fn is_handler(_: impl Handler) {}

fn main() {
    is_handler(Search);
}
