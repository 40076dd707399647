//! `Bytes` as input: messages come as they are, without decoding.

use drakkar::prelude::*;

struct Raw;

#[drakkar::handler]
impl Raw {
    async fn arrange(&self, window: Window<'_, Bytes>) -> Result<Vec<Task>> {
        Ok(window.messages().map(|m| Task::for_message(m).stdin(m.payload().clone())).collect())
    }
}

fn is_handler(_: impl Handler<Input = Bytes>) {}

fn main() {
    is_handler(Raw);
}
