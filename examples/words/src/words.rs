//! The handler: it knows nothing of how its program is run.

use drakkar::prelude::*;

/// One text, as JSON in the value of a message.
#[derive(Deserialize)]
pub struct Text {
    id: String,
    text: String,
}

/// How many words a text has.
#[derive(Serialize)]
pub struct Count {
    id: String,
    words: u64,
}

/// Where counts go.
#[derive(Default, SinkOutputs)]
pub struct Outputs {
    #[sink(kafka = "counts", key = "id")]
    counts: Vec<Count>,
}

/// The handler.
pub struct Words;

#[drakkar::handler]
impl Words {
    async fn arrange(&self, window: Window<'_, Text>) -> Result<Vec<Task>> {
        let task = |message: &Message<Text>| {
            let Text { id, text } = message.payload();
            Task::for_message(message).label("text", id).stdin(text.clone())
        };
        Ok(window.messages().map(task).collect())
    }

    async fn on_task_complete(&self, done: &TaskResult) -> Result<Outputs> {
        let id = done.task.labels().get("text").unwrap_or_default().to_owned();
        let words = done.stdout_text().trim().parse()?;
        Ok(Outputs { counts: vec![Count { id, words }] })
    }
}
