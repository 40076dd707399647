// Rule: a route is a `Vec` or an `Option`.

use drakkar::prelude::*;

#[derive(Serialize, Default)]
struct Item {
    id: u64,
    name: String,
}

#[derive(SinkOutputs, Default)]
struct Outputs {
    #[sink(kafka = "results")]
    item: Item,
}

fn is_outputs<T: drakkar::__private::core::payload::SinkOutputs>() {}

fn main() {
    is_outputs::<Outputs>();
}
