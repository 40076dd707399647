//! `cargo xtask ci`: everything that CI runs, step by step, with a table at the end.

use std::{
    io::{self, IsTerminal},
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use xtask::{
    services::install,
    workspace::{self, cargo},
};

use super::{demo, tally::Tally, test, tidy};
use crate::job;

/// What `ci` is told.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Goes on after a step that failed.
    #[arg(long)]
    keep_going: bool,
}

/// A step: its name and what it does.
struct Step {
    name: String,
    work: Box<dyn FnOnce() -> Result<Verdict>>,
}

/// How a step went.
#[must_use]
#[derive(Clone, Copy)]
enum Verdict {
    Passed,
    Failed,
    /// With the reason.
    Skipped(&'static str),
    Tested(bool, Tally),
}

impl From<bool> for Verdict {
    fn from(good: bool) -> Self {
        if good { Self::Passed } else { Self::Failed }
    }
}

impl Verdict {
    fn failed(self) -> bool {
        matches!(self, Self::Failed | Self::Tested(false, _))
    }

    fn word(self, colour: bool) -> String {
        let word = match self {
            Self::Skipped(reason) => return format!("skipped: {reason}"),
            verdict if verdict.failed() => "FAILED",
            _ => "ok",
        };
        match (colour, self.failed()) {
            (false, _) => word.to_owned(),
            (true, true) => format!("\x1b[31m{word}\x1b[0m"),
            (true, false) => format!("\x1b[32m{word}\x1b[0m"),
        }
    }
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    job::hold_interrupts()?;
    let mut results: Vec<(String, Verdict, Duration)> = Vec::new();
    for step in steps()? {
        println!("== {}", step.name);
        let started = Instant::now();
        let verdict = match (step.work)() {
            Ok(verdict) => verdict,
            Err(error) if job::is_interrupt(&error) => return Err(error),
            Err(error) => {
                eprintln!("error: {error:#}");
                Verdict::Failed
            }
        };
        results.push((step.name, verdict, started.elapsed()));
        if verdict.failed() && !args.keep_going {
            break;
        }
    }
    summarize(&results);
    let good = results.iter().all(|(_, verdict, _)| !verdict.failed());
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn summarize(results: &[(String, Verdict, Duration)]) {
    let colour = io::stdout().is_terminal();
    let width = results.iter().map(|(name, ..)| name.len()).max().unwrap_or(0);
    println!("\n{:<width$}  {:>9}  result", "step", "time");
    for (name, verdict, took) in results {
        println!("{name:<width$}  {:>7.1} s  {}", took.as_secs_f64(), verdict.word(colour));
    }
    // The last line tells how many tests ran, for whoever reads only that.
    for (_, verdict, _) in results {
        if let Verdict::Tested(_, tally) = verdict {
            println!("\n{tally}");
        }
    }
}

fn steps() -> Result<Vec<Step>> {
    let clippy =
        ["clippy", "--workspace", "--all-targets", "--all-features", "--quiet", "--", "--deny", "warnings"];
    let mut steps = vec![
        step("format", || program(&mut cargo(&["fmt", "--all", "--check"]))),
        step("tidy", || tidy::step().map(Into::into)),
        step("lints", move || program(&mut cargo(&clippy))),
    ];
    for feature in std::iter::once(None).chain(features()?.into_iter().map(Some)) {
        let name =
            feature.as_ref().map_or_else(|| "no feature".to_owned(), |name| format!("feature {name} alone"));
        steps.push(step(&name, move || {
            let mut command = cargo(&["clippy", "--package", "drakkar", "--no-default-features", "--quiet"]);
            command.args(feature.iter().flat_map(|name| ["--features", name]));
            program(command.args(["--", "--deny", "warnings"]))
        }));
    }
    steps.extend([
        step("documentation", || {
            let mut command = cargo(&["doc", "--workspace", "--no-deps", "--quiet"]);
            program(command.env("RUSTDOCFLAGS", "--deny warnings"))
        }),
        step("licences", || {
            if install::in_path("cargo-deny").is_none() {
                return Ok(Verdict::Skipped("cargo-deny is not installed"));
            }
            program(&mut cargo(&["deny", "check", "bans", "licenses", "sources"]))
        }),
        step("tests", || {
            let outcome = test::all(&test::Args::default())?;
            Ok(Verdict::Tested(outcome.success(), outcome.tally))
        }),
        step("demo", || {
            let args = ["--once", "--messages", "500"].map(str::to_owned);
            demo::step(&args).map(Into::into)
        }),
    ]);
    Ok(steps)
}

fn step(name: &str, work: impl FnOnce() -> Result<Verdict> + 'static) -> Step {
    Step { name: name.to_owned(), work: Box::new(work) }
}

fn program(command: &mut Command) -> Result<Verdict> {
    Ok(job::run(command)?.success().into())
}

/// The features of the facade.
fn features() -> Result<Vec<String>> {
    let packages = workspace::packages(&workspace::root())?;
    let facade = packages.iter().find(|package| package["name"] == "drakkar");
    let facade = facade.context("the workspace has no package `drakkar`")?;
    let features = facade["features"].as_object().context("cargo metadata lists no features")?;
    Ok(features.keys().filter(|name| *name != "default").cloned().collect())
}
