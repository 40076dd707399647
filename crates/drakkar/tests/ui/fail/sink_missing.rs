// Rule: each field says where it goes.

use drakkar::prelude::*;

#[derive(Serialize)]
struct Item {
    id: u64,
    name: String,
}

#[derive(SinkOutputs, Default)]
struct Outputs {
    items: Vec<Item>,
}

fn is_outputs<T: drakkar::__private::core::payload::SinkOutputs>() {}

fn main() {
    is_outputs::<Outputs>();
}
