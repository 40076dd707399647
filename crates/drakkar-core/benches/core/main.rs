//! Messages per second through the pipeline alone, on one thread: `cargo bench -p drakkar-core`.
//!
//! `cargo xtask bench core core-in-flight` holds the same figures against their floors.

mod load;

use load::{Shape, cost};

/// Measurements of each shape.
const MEASUREMENTS: usize = 7;

fn main() {
    let shapes = [
        ("as it comes", Shape::default()),
        ("offsets with gaps", Shape { gap: 1, ..Shape::default() }),
        ("all hooks", Shape { all_hooks: true, ..Shape::default() }),
    ];
    for (name, shape) in shapes {
        let few = cost(Shape { in_flight: 100, ..shape }, MEASUREMENTS);
        for in_flight in [100, 1_000, 10_000, 100_000] {
            let nanos = cost(Shape { in_flight, ..shape }, MEASUREMENTS);
            println!(
                "{name:<20} {in_flight:>7} in flight {nanos:>6.1} ns a message {:>6.2} million/s {:>5.2} x",
                1e3 / nanos,
                nanos / few
            );
        }
    }
}
