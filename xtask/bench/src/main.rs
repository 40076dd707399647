//! Benchmarks of drakkar, each next to a bare loop in the same run.
//!
//! `cargo xtask bench` builds this program, starts a broker and runs it. Both sides run as processes of their own; this
//! one only watches the output topic grow.

mod broker;
mod cases;
mod executor;
mod machine;
mod memory;
mod process;
mod reference;

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Parser, Subcommand};
use serde::Serialize;

/// Measures drakkar against bare loops.
#[derive(Parser)]
#[command(name = "cargo xtask bench")]
struct Args {
    #[command(subcommand)]
    reference: Option<Reference>,
    /// The cases to run; all by default.
    #[arg(value_parser = ["core", "core-in-flight", "executor", "executor-cpu", "executor-large", "limited", "resident", "resident-8", "spawn", "precomputed", "partitions", "in-flight", "idle", "backlog"])]
    cases: Vec<String>,
    /// Prints one JSON object per case.
    #[arg(long)]
    json: bool,
    /// Interleaved pairs of runs per case.
    #[arg(long, default_value_t = 5)]
    pairs: usize,
}

/// The bare loops, run by the benchmark itself in processes of their own.
#[derive(Subcommand)]
enum Reference {
    /// Consumes, spawns, waits, produces.
    #[command(hide = true)]
    BareSpawn(reference::Loop),
    /// Consumes, produces, commits.
    #[command(hide = true)]
    BareCopy(reference::Loop),
}

/// What a case measured.
#[derive(Debug, Serialize)]
struct Outcome {
    case: &'static str,
    ours: f64,
    reference: f64,
    ratio: f64,
    unit: &'static str,
    floor: f64,
    pairs: usize,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let result = match args.reference {
        Some(Reference::BareSpawn(options)) => reference::spawn(&options).map(|()| true),
        Some(Reference::BareCopy(options)) => reference::copy(&options).map(|()| true),
        None => run(&args),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<bool> {
    let brokers = std::env::var("DRAKKAR_TEST_KAFKA").unwrap_or_default();
    let alone = !args.cases.is_empty() && args.cases.iter().all(|case| cases::without_broker(case));
    if brokers.is_empty() && !alone {
        bail!("no broker: run `cargo xtask bench`, or set DRAKKAR_TEST_KAFKA to a broker for measurements");
    }
    let wanted = |case: &str| args.cases.is_empty() || args.cases.iter().any(|c| c == case);
    let mut good = true;
    for (case, measure) in cases::ALL {
        if !wanted(case) {
            continue;
        }
        let outcome = measure(&brokers, args.pairs)?;
        let reached = outcome.ratio >= outcome.floor;
        good &= reached;
        if args.json {
            println!("{}", serde_json::to_string(&outcome)?);
        } else {
            println!(
                "{:<12} ours {:>10.1}  reference {:>10.1}  {:<7} ratio {:.3}  floor {:.2}  {}",
                outcome.case,
                outcome.ours,
                outcome.reference,
                outcome.unit,
                outcome.ratio,
                outcome.floor,
                if reached { "ok" } else { "BELOW THE FLOOR" }
            );
        }
    }
    Ok(good)
}
