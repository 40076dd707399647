// Rule: the topic is in the configuration.

use drakkar::prelude::*;

#[derive(Serialize)]
struct Item {
    id: u64,
    name: String,
}

#[derive(SinkOutputs, Default)]
struct Outputs {
    #[sink(kafka = "results", topic = "matches")]
    items: Vec<Item>,
}

fn is_outputs<T: drakkar::__private::core::payload::SinkOutputs>() {}

fn main() {
    is_outputs::<Outputs>();
}
