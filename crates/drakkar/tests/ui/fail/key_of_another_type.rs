// Rule: a key is text, bytes or an integer.

use drakkar::prelude::*;

#[derive(Serialize)]
struct Item {
    score: f64,
}

#[derive(SinkOutputs, Default)]
struct Outputs {
    #[sink(kafka = "results", key = "score")]
    items: Vec<Item>,
}

fn is_outputs<T: drakkar::__private::core::payload::SinkOutputs>() {}

fn main() {
    is_outputs::<Outputs>();
}
