//! The core under a seeded simulator: pipelines, slots, bytes, breakers and commits of several workers, in a world where
//! everything goes wrong that can, with a model beside each pipeline that tells after every step what had to happen.
//!
//! One seed is one run, the same every time. A seed that breaks a rule is shrunk and printed with the command that brings
//! it back: `DRAKKAR_SEED=SEED cargo test -p drakkar-core --test simulator`. `DRAKKAR_SIM_SEEDS` sets how many seeds are
//! run, `DRAKKAR_SIM_START` from where they are counted.

mod commits;
mod due;
mod handler;
mod model;
mod outbox;
mod outside;
mod pace;
mod part;
mod rng;
mod setup;
mod shrink;
mod slots;
mod stats;
mod topic;
mod violation;
mod worker;
mod world;

use std::{
    env,
    fmt::Write as _,
    io::Write as _,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{
    setup::Run,
    stats::Stats,
    world::{seed_of, simulate},
};

/// Seeds of a plain `cargo test`.
const SEEDS: u64 = 400;
/// Seeds that must meet everything there is.
const ENOUGH: u64 = 400;
/// Time after which a run counts as one that never ends.
const ENDLESS: Duration = Duration::from_secs(60);
/// Lines of the trace in a report.
const TAIL: usize = 60;

fn number(variable: &str, default: u64) -> u64 {
    match env::var(variable) {
        Err(_) => default,
        Ok(text) => text.trim().parse().unwrap_or_else(|_| panic!("{variable}={text} is not a number")),
    }
}

/// Runs so many seeds on all cores. Returns what they met, or the first run that broke a rule.
fn run_seeds(start: u64, count: u64) -> Result<Stats, Run> {
    let (next, failed) = (AtomicU64::new(0), AtomicBool::new(false));
    let result = Mutex::new((Stats::default(), None::<(u64, Run)>));
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let running: Vec<_> = (0..threads).map(|_| Mutex::new(None::<(Run, Instant)>)).collect();
    let work = |current: &Mutex<Option<(Run, Instant)>>| {
        let mut stats = Stats::default();
        while !failed.load(Ordering::Relaxed) {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count {
                break;
            }
            let run = Run::of_seed(seed_of(start, index));
            *current.lock().expect("no thread panics") = Some((run, Instant::now()));
            let outcome = simulate(run, false);
            stats.merge(&outcome.stats);
            if outcome.violation.is_some() {
                failed.store(true, Ordering::Relaxed);
                let mut result = result.lock().expect("no thread panics");
                // The same seed is reported every time, whichever thread was first.
                if result.1.is_none_or(|(before, _)| index < before) {
                    result.1 = Some((index, run));
                }
            }
        }
        *current.lock().expect("no thread panics") = None;
        result.lock().expect("no thread panics").0.merge(&stats);
    };
    thread::scope(|scope| {
        let threads: Vec<_> = running.iter().map(|current| scope.spawn(|| work(current))).collect();
        while !threads.iter().all(thread::ScopedJoinHandle::is_finished) {
            thread::park_timeout(Duration::from_millis(20));
            running.iter().for_each(must_end);
        }
    });
    match result.into_inner().expect("no thread panics") {
        (stats, None) => Ok(stats),
        (_, Some((_, run))) => Err(run),
    }
}

/// Names a run that never ends, and ends the process: nothing else could end it.
fn must_end(current: &Mutex<Option<(Run, Instant)>>) {
    let current = *current.lock().expect("no thread panics");
    if let Some((run, since)) = current
        && since.elapsed() > ENDLESS
    {
        // The test harness would keep what is printed for an end that never comes.
        let text = format!(
            "\nbroken rule: every step ends\nreplay: DRAKKAR_SEED={run} cargo test -p drakkar-core --test simulator\n"
        );
        std::io::stderr().write_all(text.as_bytes()).expect("there is an error output");
        std::process::exit(101);
    }
}

/// What is to be said about a run that broke a rule.
fn report(run: Run) -> String {
    let (smallest, outcome) = shrink::shrink(run);
    let mut text = String::new();
    let Some(violation) = outcome.violation else { return format!("seed {run} broke a rule only once") };
    let first = outcome.trace.len().saturating_sub(TAIL);
    let mut line = |args: std::fmt::Arguments<'_>| text.write_fmt(args).expect("a text takes everything");
    line(format_args!("the last {} lines of {}:\n", outcome.trace.len() - first, outcome.trace.len()));
    for entry in &outcome.trace[first..] {
        line(format_args!("{entry}\n"));
    }
    line(format_args!("\nbroken rule: {}\n{}\n", violation.rule, violation.what));
    line(format_args!("seed {run}, as small as it fails: {smallest}\n"));
    line(format_args!("replay: DRAKKAR_SEED={smallest} cargo test -p drakkar-core --test simulator\n"));
    text
}

#[test]
fn every_rule_holds_whatever_happens() {
    if let Ok(text) = env::var("DRAKKAR_SEED") {
        let run: Run = text.parse().unwrap_or_else(|error| panic!("{error}"));
        let outcome = simulate(run, true);
        assert!(outcome.violation.is_none(), "{}", report(run));
        println!("seed {run} breaks no rule: {}", outcome.stats.describe());
        return;
    }
    let (start, count) = (number("DRAKKAR_SIM_START", 0), number("DRAKKAR_SIM_SEEDS", SEEDS));
    let began = Instant::now();
    let stats = run_seeds(start, count).unwrap_or_else(|run| panic!("{}", report(run)));
    let took = began.elapsed();
    println!(
        "{count} seeds, {} messages, {} steps in {:.1} s: {}",
        stats.messages,
        stats.steps,
        took.as_secs_f64(),
        stats.describe()
    );
    // What `cargo xtask test` promises.
    assert!(count < 10_000 || stats.messages >= 1_000_000, "{} messages are too few", stats.messages);
    if count >= ENOUGH {
        assert!(stats.not_met().is_empty(), "{count} seeds never met: {}", stats.not_met().join(", "));
    }
}

#[test]
fn a_seed_is_the_same_run_every_time() {
    for index in 0..20 {
        let run = Run::of_seed(seed_of(7, index));
        let (first, second) = (simulate(run, true), simulate(run, true));
        assert!(first.trace.len() > 50, "seed {run}: {} lines", first.trace.len());
        assert!(first.trace == second.trace, "seed {run} ran in two ways");
        assert!(first.trace == simulate(run.to_string().parse().expect("its own text"), true).trace);
    }
}

#[test]
fn a_run_is_named_by_its_text() {
    let run = Run { partitions: 2, messages: 7, workers: 1, faults: 0x1f, ..Run::of_seed(12) };
    assert_eq!(run.to_string(), "12-p2-m7-w1-f1f");
    assert_eq!(run.to_string().parse(), Ok(run));
    assert_eq!("12".parse(), Ok(Run::of_seed(12)));
    for wrong in ["", "x", "12-", "12-p", "12-q3", "12-pé"] {
        assert!(wrong.parse::<Run>().is_err(), "{wrong}");
    }
}
