//! The cases: what is fed, what is run, and the floor of the ratio.

use std::time::Duration;

use anyhow::Result;

use crate::{
    Outcome,
    broker::{Broker, Feed},
    executor, machine, memory,
    process::{Program, Side},
};

type Measure = fn(&str, usize) -> Result<Outcome>;

/// All cases, by name.
pub(crate) const ALL: &[(&str, Measure)] = &[
    ("core", machine::rate),
    ("core-in-flight", machine::in_flight),
    ("executor", executor::one_shot),
    ("executor-cpu", executor::cpu),
    ("executor-large", executor::large),
    ("limited", executor::limited),
    ("resident", executor::resident),
    ("resident-8", executor::resident_deep),
    ("spawn", spawn),
    ("precomputed", precomputed),
    ("partitions", partitions),
    ("in-flight", in_flight),
    ("idle", idle),
    ("backlog", backlog),
];

/// Whether a case needs no broker.
pub(crate) fn without_broker(case: &str) -> bool {
    ["core", "executor", "limited", "resident"].iter().any(|prefix| case.starts_with(prefix))
}

/// Children at once, on both sides.
pub(crate) const CONCURRENCY: usize = 4;

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
    pairs_of("precomputed", 0.40, pairs, &feed, |side| match side {
        Side::Ours => Program::worker(&feed, "precomputed", None, CONCURRENCY),
        Side::Reference => Program::bare("bare-copy", &feed, None, CONCURRENCY),
    })
}

/// What a message costs when they come from 64 partitions, against one.
fn partitions(brokers: &str, pairs: usize) -> Result<Outcome> {
    let broker = Broker::new(brokers);
    let (many, one) = (broker.feed("bench-many", 64, 400_000)?, broker.feed("bench-one", 1, 400_000)?);
    costs("partitions", pairs, |side| {
        let feed = if side == Side::Ours { &many } else { &one };
        feed.cost_of(&Program::worker(feed, "precomputed", None, CONCURRENCY)?)
    })
}

/// What a message costs when 100,000 of its partition may be in flight, against 100.
fn in_flight(brokers: &str, pairs: usize) -> Result<Outcome> {
    let feed = Broker::new(brokers).feed("bench-in-flight", 1, 400_000)?;
    costs("in-flight", pairs, |side| {
        let most = if side == Side::Ours { 100_000 } else { 100 };
        feed.cost_of(&Program::worker(&feed, "precomputed", None, CONCURRENCY)?.in_flight(most))
    })
}

/// Compares two costs of our own; the larger case may cost a fifth more.
fn costs(case: &'static str, pairs: usize, cost: impl Fn(Side) -> Result<f64>) -> Result<Outcome> {
    let (mut ours, mut reference, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for pair in 0..pairs.max(1) {
        let (our, their) = (cost(Side::Ours)?, cost(Side::Reference)?);
        eprintln!("{case}: pair {} of {pairs}, {our:.2} us against {their:.2} us", pair + 1);
        ours.push(our);
        reference.push(their);
        ratios.push(their / our);
    }
    Ok(Outcome {
        case,
        ours: median(&mut ours),
        reference: median(&mut reference),
        ratio: median(&mut ratios),
        unit: "us/msg",
        floor: 1.0 / 1.2,
        pairs,
    })
}

/// Feeds both sides in turn and takes the median of the ratios.
fn pairs_of(
    case: &'static str,
    floor: f64,
    pairs: usize,
    feed: &Feed,
    program: impl Fn(Side) -> Result<Program>,
) -> Result<Outcome> {
    compare(case, "msg/s", floor, pairs, |side| feed.rate_of(&program(side)?))
}

/// Measures the rates of both sides in turn and takes the median of the ratios.
pub(crate) fn compare(
    case: &'static str,
    unit: &'static str,
    floor: f64,
    pairs: usize,
    rate_of: impl Fn(Side) -> Result<f64>,
) -> Result<Outcome> {
    let (mut ours, mut reference, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for pair in 0..pairs.max(1) {
        // The order alternates, so that neither side always finds the warmer machine.
        let order = if pair % 2 == 0 { [Side::Reference, Side::Ours] } else { [Side::Ours, Side::Reference] };
        let mut rates = [0.0; 2];
        for side in order {
            let rate = rate_of(side)?;
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
        unit,
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

/// Growth of resident memory over a backlog of a million messages: the mean of its last quarter against that of the one
/// before.
///
/// Queues and allocator take two to three seconds at full speed to reach what they keep; a smaller backlog is over before.
///
/// The median of up to three runs: the allocator of a fresh process now and then takes a step of some MiB late.
fn backlog(brokers: &str, pairs: usize) -> Result<Outcome> {
    let feed = Broker::new(brokers).feed("bench-backlog", 8, 1_000_000)?;
    let mut growths = (0..pairs.clamp(1, 3)).map(|_| growth(&feed)).collect::<Result<Vec<_>>>()?;
    Ok(bound("backlog", median(&mut growths).max(0.1), 5.0))
}

fn growth(feed: &Feed) -> Result<f64> {
    let output = feed.output()?;
    let mut worker = Program::worker(feed, "precomputed", None, CONCURRENCY)?.start(&output)?;
    let (mut third, mut last) = (Vec::new(), Vec::new());
    feed.watch(&output, &mut worker, |worker, done| {
        let now = memory::resident(worker.pid())?;
        match done * 4 / feed.count() {
            2 => third.push(now),
            3 => last.push(now),
            _ => {}
        }
        Ok(())
    })?;
    worker.stop()?;
    let mean = |samples: &[f64]| samples.iter().sum::<f64>() / samples.len().max(1) as f64;
    let most = third.iter().chain(&last).copied().fold(0.0, f64::max);
    eprintln!("backlog: {:.1} MiB, then {:.1} MiB, {most:.1} MiB at most", mean(&third), mean(&last));
    Ok(mean(&last) - mean(&third))
}

/// A figure that must stay below a bound: the ratio is bound over figure, and its floor is one.
fn bound(case: &'static str, figure: f64, most: f64) -> Outcome {
    Outcome { case, ours: figure, reference: most, ratio: most / figure, unit: "MiB", floor: 1.0, pairs: 1 }
}

pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
