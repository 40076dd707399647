// Rule: what a path names can be shown.

use drakkar::prelude::*;

#[derive(Serialize)]
struct Item {
    names: Vec<String>,
}

#[derive(SinkOutputs, Default)]
struct Outputs {
    #[sink(file = "matches", path = "{names}.jsonl")]
    items: Vec<Item>,
}

fn is_outputs<T: drakkar::__private::core::payload::SinkOutputs>() {}

fn main() {
    is_outputs::<Outputs>();
}
