// Rule: what is sent can be written as JSON.

use drakkar::prelude::*;

struct Plain {
    id: u64,
}

#[derive(SinkOutputs, Default)]
struct Outputs {
    #[sink(kafka = "results", key = "id")]
    items: Vec<Plain>,
}

fn is_outputs<T: drakkar::__private::core::payload::SinkOutputs>() {}

fn main() {
    is_outputs::<Outputs>();
}
