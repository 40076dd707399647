//! The demo: an embedded broker, real text, a real worker around `grep`, and what became of every request.
//!
//! `cargo xtask demo` builds this program and the search example and runs it.

mod broker;
mod display;
mod follow;
mod input;
mod summary;
mod worker;

use std::{
    path::PathBuf,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use clap::Parser;

use crate::{broker::Broker, display::Display, follow::Follower, input::Input, worker::Worker};

/// Requests fed ahead of their results: the embedded broker keeps only a few megabytes per partition.
const AHEAD: u64 = 2_000;

/// Runs the search example on an embedded broker.
#[derive(Parser)]
#[command(name = "cargo xtask demo")]
struct Args {
    /// Ends by itself once every request is answered.
    #[arg(long)]
    once: bool,
    /// How many requests to feed; without --once it goes on until Ctrl+C.
    #[arg(long, default_value_t = 5_000)]
    messages: u64,
    /// Where the worker writes its files.
    #[arg(long, default_value = "target/demo", value_name = "FOLDER")]
    folder: PathBuf,
    /// The search example's program.
    #[arg(long, value_name = "FILE")]
    worker: Option<PathBuf>,
}

fn main() -> ExitCode {
    match demo(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn demo(args: &Args) -> Result<bool> {
    let interrupted = interrupt_flag()?;
    let folder = worker::prepare_folder(&args.folder)?;
    let program = match &args.worker {
        Some(program) => program.clone(),
        None => std::env::current_exe()?.with_file_name("example-search"),
    };
    ensure!(program.exists(), "{} does not exist: run `cargo xtask demo`", program.display());

    let files = input::source_files().context("looking for text to search")?;
    println!("searching {} source files that Cargo downloaded for this build", files.len());
    let broker = Broker::start()?;
    println!("embedded broker at {}", broker.address());
    let mut worker = Worker::start(&program, broker.address(), &folder)?;
    println!("worker {} around grep, log in {}\n", worker.pid(), worker.log().display());

    let mut input = Input::new(broker.address(), files, &folder)?;
    let mut follower = Follower::new(broker.address())?;
    let mut display = Display::new();
    let started = Instant::now();
    loop {
        let limit = if args.once { args.messages } else { u64::MAX };
        let answered = follower.answered();
        let room = (answered + AHEAD).min(limit).saturating_sub(input.produced()).min(200);
        if !interrupted.load(Ordering::Relaxed) {
            input.feed(room)?;
        }
        follower.poll(Duration::from_millis(50))?;
        display.show(started.elapsed(), input.produced(), &follower);
        if let Some(status) = worker.ended()? {
            anyhow::bail!("the worker ended by itself ({status}); see {}", worker.log().display());
        }
        let finished = args.once && input.produced() >= limit && follower.settled(input.produced());
        if finished || interrupted.load(Ordering::Relaxed) {
            break;
        }
    }
    display.end();
    let took = started.elapsed();
    let (status, ledger) = worker.stop()?;
    follower.poll(Duration::from_millis(200))?;
    summary::print(&input, &follower, &ledger, took, &folder);
    let complete = !args.once || follower.settled(input.produced());
    if !status.success() {
        println!("\nthe worker ended with {status}");
    }
    // The last line is for scripts.
    println!("\n{ledger}");
    Ok(status.success() && complete)
}

/// Set by Ctrl+C and SIGTERM.
fn interrupt_flag() -> Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, flag.clone()).context("listening for Ctrl+C")?;
    }
    Ok(flag)
}
