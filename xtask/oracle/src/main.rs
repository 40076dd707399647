//! The outside judge: issues messages, lets real workers have accidents, and says what became of every message.
//!
//! `cargo xtask oracle` builds this program and the workers and runs it.
//!
//! # How it works
//!
//! A run has a broker of its own. The messages ([`message`]) and the accidents ([`plan`]) come from the seed; moments are
//! counted in messages that ended, so that they depend on what was observed and not on the speed of the machine. One loop
//! ([`mod@run`]) issues, hits, restarts and reads. The judge ([`judge`]) knows what it issued and where the broker put it, and
//! reads the topic of answers, the dead letter topic and the group's own records; it asks the workers nothing.

mod broker;
mod crew;
mod display;
mod issue;
mod journal;
mod judge;
mod message;
mod plan;
mod random;
mod run;
mod verdict;

use std::{
    fs,
    path::Path,
    process::ExitCode,
    sync::{Arc, atomic::AtomicBool},
};

use anyhow::{Context, Result, ensure};
use clap::{Parser, ValueEnum, builder::RangedU64ValueParser};
use drakkar_tests::kafka;

use crate::{
    plan::Kind,
    run::{Report, run},
};

/// Judges drakkar from outside: unique messages, real workers, accidents at random, and what became of every message.
///
/// The last line is for scripts. The exit code is 0 when nothing is missing, corrupted or invented, no commit broke a rule, and
/// enough happened for that to mean something.
#[derive(Parser)]
#[command(name = "cargo xtask oracle", bin_name = "cargo xtask oracle")]
struct Args {
    /// Messages to issue.
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..=99_999_999))]
    messages: u64,
    /// Worker processes.
    #[arg(long, default_value_t = 3, value_parser = RangedU64ValueParser::<usize>::new().range(1..=64))]
    workers: usize,
    /// Faults to inject, of all kinds together.
    #[arg(long, default_value_t = 6)]
    kills: usize,
    /// Decides messages, faults and moments; chosen and printed when not given.
    #[arg(long)]
    seed: Option<u64>,
    /// The kinds of faults.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "kill,freeze,stop,broker")]
    faults: Vec<Kind>,
    /// Partitions of the topic.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(i32).range(1..=1_000))]
    partitions: i32,
    /// Lets the workers do wrong, to see that it is found.
    #[arg(long, value_enum)]
    sabotage: Option<Sabotage>,
    /// Seconds without anything coming out after which the rest is missing.
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    patience: u64,
    /// Keeps the folder of a good run.
    #[arg(long)]
    keep: bool,
}

/// A wrong that workers do with one message in a hundred.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Sabotage {
    /// They forget it.
    Drop,
    /// They change its body.
    Corrupt,
    /// They answer under another id.
    Invent,
}

impl Sabotage {
    fn word(self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::Corrupt => "corrupt",
            Self::Invent => "invent",
        }
    }
}

fn main() -> ExitCode {
    match oracle(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn oracle(args: &Args) -> Result<bool> {
    ensure!(args.kills == 0 || !args.faults.is_empty(), "--kills without --faults");
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, interrupted.clone()).context("listening for Ctrl+C")?;
    }
    let seed = args.seed.unwrap_or_else(|| message::hash(&kafka::unique("seed")) % 1_000_000);
    let folder = xtask::workspace::target().join("oracle").join(kafka::unique(&format!("seed-{seed}")));
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    let report = run(args, seed, &folder, &interrupted)
        .with_context(|| format!("seed {seed}, logs in {}", folder.display()))?;
    let good = report.verdict.is_good();
    explain(&report, &folder);
    if good && !args.keep {
        fs::remove_dir_all(&folder).with_context(|| format!("deleting {}", folder.display()))?;
    }
    // The last line is for scripts.
    println!("{}", report.verdict);
    Ok(good)
}

/// Says why a run is not good.
fn explain(report: &Report, folder: &Path) {
    for missing in &report.missing {
        eprintln!("missing: {missing}");
    }
    for finding in &report.verdict.findings {
        eprintln!("found: {finding}");
    }
    for void in report.verdict.voids() {
        eprintln!("void: {void}");
    }
    for (what, count) in &report.unasked {
        eprintln!("note: {count} dead letters that nobody asked for: {what}");
    }
    if !report.verdict.is_good() {
        eprintln!("logs of the workers, the group's records and the journal: {}", folder.display());
    }
}
