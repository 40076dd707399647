//! The cases: what is fed, what is run, and the floor of the ratio.

use std::time::Duration;

use anyhow::Result;

use crate::{
    Outcome,
    broker::{Broker, Feed},
    memory,
    process::{Program, Side},
};

type Measure = fn(&str, usize) -> Result<Outcome>;

/// All cases, by name.
pub(crate) const ALL: &[(&str, Measure)] =
    &[("spawn", spawn), ("precomputed", precomputed), ("idle", idle), ("backlog", backlog)];

/// Children at once, on both sides.
const CONCURRENCY: usize = 4;

/// One process per message, Kafka to Kafka.
fn spawn(brokers: &str, pairs: usize) -> Result<Outcome> {
    let feed = Broker::new(brokers).feed("bench-spawn", 8, 8_000)?;
    let child = Program::tiny_child()?;
    pairs_of("spawn", 0.60, pairs, &feed, |side| match side {
        Side::Ours => Program::worker(&feed, "spawn", Some(&child), CONCURRENCY),
        Side::Reference => Program::bare("bare-spawn", &feed, Some(&child), CONCURRENCY),
    })
}

/// No process: typed JSON in and out, Kafka to Kafka.
fn precomputed(brokers: &str, pairs: usize) -> Result<Outcome> {
    let feed = Broker::new(brokers).feed("bench-precomputed", 8, 1_000_000)?;
    pairs_of("precomputed", 0.15, pairs, &feed, |side| match side {
        Side::Ours => Program::worker(&feed, "precomputed", None, CONCURRENCY),
        Side::Reference => Program::bare("bare-copy", &feed, None, CONCURRENCY),
    })
}

/// Runs both sides in turn and takes the median of the ratios.
fn pairs_of(
    case: &'static str,
    floor: f64,
    pairs: usize,
    feed: &Feed,
    program: impl Fn(Side) -> Result<Program>,
) -> Result<Outcome> {
    let (mut ours, mut reference, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for pair in 0..pairs.max(1) {
        // The order alternates, so that neither side always finds the warmer machine.
        let order = if pair % 2 == 0 { [Side::Reference, Side::Ours] } else { [Side::Ours, Side::Reference] };
        let mut rates = [0.0; 2];
        for side in order {
            let rate = feed.rate_of(&program(side)?)?;
            eprintln!("{case}: pair {} of {pairs}, {side:?} {rate:.0}/s", pair + 1);
            rates[side as usize] = rate;
        }
        let [our, their] = rates;
        ours.push(our);
        reference.push(their);
        ratios.push(our / their);
    }
    Ok(Outcome {
        case,
        ours: median(&mut ours),
        reference: median(&mut reference),
        ratio: median(&mut ratios),
        unit: "msg/s",
        floor,
        pairs,
    })
}

/// Resident memory of a worker that waits for messages, against the bound of 25 MiB.
fn idle(brokers: &str, _pairs: usize) -> Result<Outcome> {
    let feed = Broker::new(brokers).feed("bench-idle", 8, 0)?;
    let mut worker = Program::worker(&feed, "precomputed", None, CONCURRENCY)?.start(&feed.output()?)?;
    let ours = memory::settled(worker.pid(), Duration::from_secs(8))?;
    worker.stop()?;
    Ok(bound("idle", ours, 25.0))
}

/// Growth of resident memory over a backlog of 600,000 messages, after the first third of it.
fn backlog(brokers: &str, _pairs: usize) -> Result<Outcome> {
    let feed = Broker::new(brokers).feed("bench-backlog", 8, 600_000)?;
    let output = feed.output()?;
    let mut worker = Program::worker(&feed, "precomputed", None, CONCURRENCY)?.start(&output)?;
    let mut warm = 0.0;
    let mut most: f64 = 0.0;
    feed.watch(&output, &mut worker, |worker, done| {
        let now = memory::resident(worker.pid())?;
        if done < feed.count() / 3 {
            warm = f64::max(warm, now);
        }
        most = most.max(now);
        Ok(())
    })?;
    worker.stop()?;
    eprintln!("backlog: {warm:.1} MiB warm, {most:.1} MiB at most");
    Ok(bound("backlog", (most - warm).max(0.1), 5.0))
}

/// A figure that must stay below a bound: the ratio is bound over figure, and its floor is one.
fn bound(case: &'static str, figure: f64, most: f64) -> Outcome {
    Outcome { case, ours: figure, reference: most, ratio: most / figure, unit: "MiB", floor: 1.0, pairs: 1 }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
