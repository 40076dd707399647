// Rule: all mistakes of a struct are reported at once, each where it is.

use drakkar::prelude::*;

#[derive(Serialize, Default)]
struct Item {
    id: u64,
    name: String,
}

#[derive(SinkOutputs, Default)]
struct Outputs {
    #[sink(kafka = "results", kye = "id")]
    a: Vec<Item>,
    #[sink(file = "", path = "/{name")]
    b: Item,
    c: Vec<Item>,
    #[sink(mongo = "main", collection = "items")]
    d: Option<Item>,
    #[sink(kafka = 7, key)]
    e: Vec<Item>,
}

fn is_outputs<T: drakkar::__private::core::payload::SinkOutputs>() {}

fn main() {
    is_outputs::<Outputs>();
}
