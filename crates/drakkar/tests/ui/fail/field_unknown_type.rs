// Rule: a type that does not exist is one error.

use drakkar::prelude::*;

#[derive(Serialize)]
struct Item {
    id: u64,
    name: String,
}

#[derive(SinkOutputs, Default)]
struct Outputs {
    #[sink(kafka = "results", key = "id")]
    items: Vec<Itme>,
}

fn is_outputs<T: drakkar::__private::core::payload::SinkOutputs>() {}

fn main() {
    is_outputs::<Outputs>();
}
