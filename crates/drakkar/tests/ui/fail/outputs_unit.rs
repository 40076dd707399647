// Rule: outputs send something.

use drakkar::prelude::*;

#[derive(SinkOutputs, Default)]
struct Outputs;

fn is_outputs<T: drakkar::__private::core::payload::SinkOutputs>() {}

fn main() {
    is_outputs::<Outputs>();
}
