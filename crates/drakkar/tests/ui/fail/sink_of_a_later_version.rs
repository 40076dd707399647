// Rule: a planned sink is refused, and its settings are not judged.

use drakkar::prelude::*;

#[derive(Serialize)]
struct Item {
    id: u64,
    name: String,
}

#[derive(SinkOutputs, Default)]
struct Outputs {
    #[sink(postgres = "main_db", table = "results")]
    items: Vec<Item>,
}

fn is_outputs<T: drakkar::__private::core::payload::SinkOutputs>() {}

fn main() {
    is_outputs::<Outputs>();
}
