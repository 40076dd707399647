//! The macros work on tokens that come from another macro.

use drakkar::prelude::*;

macro_rules! handler {
    ($name:ident, $input:ty, $outputs:ident, $item:ty, $sink:literal, $key:expr, $every:literal) => {
        #[derive(SinkOutputs, Default)]
        struct $outputs {
            #[sink(kafka = $sink, key = $key)]
            items: Vec<$item>,
        }

        struct $name;

        #[drakkar::handler]
        impl $name {
            async fn arrange(&self, window: Window<'_, $input>) -> Result<Vec<Task>> {
                Ok(window.messages().map(Task::for_message).collect())
            }

            async fn on_task_complete(&self, _done: &TaskResult) -> Result<$outputs> {
                Ok($outputs::default())
            }

            #[periodic(every = $every)]
            async fn refresh(&self, _ctx: &Context) -> Result<()> {
                Ok(())
            }
        }
    };
}

#[derive(Deserialize, Serialize)]
struct Echo {
    id: u64,
}

handler!(First, Echo, FirstOutputs, Echo, "first", "id", "30s");
handler!(Second, (u8, Echo), SecondOutputs, (u8, Echo), "second", "1.id", "1.5h");

fn is_handler(_: impl Handler) {}

fn main() {
    is_handler(First);
    is_handler(Second);
}
