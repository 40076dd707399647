//! A handler written by hand, without any macro.

use drakkar::{
    __private::core::{
        handler::{DecodeError, decode_json},
        message::Record,
    },
    prelude::*,
};

struct ByHand;

impl Handler for ByHand {
    type Input = u64;
    type TaskOutputs = ();
    type MessageOutputs = ();
    type WindowOutputs = ();

    fn decode(&self, record: &Record) -> std::result::Result<u64, DecodeError> {
        decode_json(record)
    }

    async fn arrange(&self, window: Window<'_, u64>, _ctx: &Context) -> Result<Vec<Task>> {
        Ok(window.messages().map(Task::for_message).collect())
    }
}

fn is_handler(_: impl Handler) {}

fn main() {
    is_handler(ByHand);
}
