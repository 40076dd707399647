// Rule: `path` is for files.

use drakkar::prelude::*;

#[derive(Serialize)]
struct Item {
    id: u64,
    name: String,
}

#[derive(SinkOutputs, Default)]
struct Outputs {
    #[sink(kafka = "results", path = "{id}.jsonl")]
    items: Vec<Item>,
}

fn is_outputs<T: drakkar::__private::core::payload::SinkOutputs>() {}

fn main() {
    is_outputs::<Outputs>();
}
