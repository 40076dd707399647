// Rule: outputs are not generic.

use drakkar::prelude::*;

#[derive(SinkOutputs, Default)]
struct Outputs<T: Serialize> {
    #[sink(kafka = "results")]
    items: Vec<T>,
}

fn main() {}
