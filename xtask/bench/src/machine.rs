//! The pure pipeline alone, on one thread, without a broker: the load of `cargo bench -p drakkar-core`.

use anyhow::Result;

use self::load::{Shape, cost};
use crate::Outcome;

#[path = "../../../crates/drakkar-core/benches/core/load.rs"]
mod load;

/// Messages per second that it must take.
const RATE: f64 = 1_500_000.0;

/// Messages per second, against what it must take.
pub(crate) fn rate(_brokers: &str, pairs: usize) -> Result<Outcome> {
    let ours = 1e9 / cost(Shape { in_flight: 100, ..Shape::default() }, pairs);
    Ok(Outcome { case: "core", ours, reference: RATE, ratio: ours / RATE, unit: "msg/s", floor: 1.0, pairs })
}

/// Cost of a message with many in flight, against its cost with few: at most 1.2 times that.
pub(crate) fn in_flight(_brokers: &str, pairs: usize) -> Result<Outcome> {
    let of = |in_flight| cost(Shape { in_flight, ..Shape::default() }, 1);
    let (mut few, mut many) = (f64::INFINITY, f64::INFINITY);
    // In turn, so that neither side always finds the warmer machine.
    for _ in 0..pairs.max(1) {
        few = few.min(of(100));
        many = many.min(of(100_000));
    }
    let (case, unit, floor) = ("core-in-flight", "ns", 1.0 / 1.2);
    Ok(Outcome { case, ours: many, reference: few, ratio: few / many, unit, floor, pairs })
}
