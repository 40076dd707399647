//! Both macros work inside a function.

#![deny(warnings)]

use drakkar::prelude::*;

fn is_handler(_: impl Handler) {}

fn main() {
    #[derive(Deserialize)]
    struct Request {}

    #[derive(SinkOutputs, Default)]
    struct Outputs {
        #[sink(kafka)]
        texts: Vec<String>,
    }

    struct Local;

    #[drakkar::handler]
    impl Local {
        async fn arrange(&self, window: Window<'_, Request>) -> Result<Vec<Task>> {
            Ok(window.messages().map(Task::for_message).collect())
        }

        async fn on_task_complete(&self, done: &TaskResult) -> Result<Outputs> {
            Ok(Outputs { texts: vec![done.stdout_text().into_owned()] })
        }
    }

    is_handler(Local);
}
