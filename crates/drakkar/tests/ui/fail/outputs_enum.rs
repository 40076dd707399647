// Rule: outputs are a struct.

use drakkar::prelude::*;

#[derive(Serialize)]
struct Item {
    id: u64,
    name: String,
}

#[derive(SinkOutputs)]
enum Outputs {
    Results(Vec<Item>),
}

fn is_outputs<T: drakkar::__private::core::payload::SinkOutputs>() {}

fn main() {
    is_outputs::<Outputs>();
}
