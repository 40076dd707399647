//! `cargo xtask test`: every test, with the real servers they need.

use std::{
    env,
    process::{ExitCode, ExitStatus},
};

use anyhow::{Result, ensure};
use xtask::{
    services::{orphans, recipe::Kind, shared},
    workspace,
};

use super::tally::Tally;
use crate::job;

/// Where a server is, by the variable that tests read.
type Variables = Vec<(&'static str, String)>;

/// What `test` and `soak` are told.
#[derive(Clone, Default, clap::Args)]
pub(crate) struct Args {
    /// Leaves the servers running.
    #[arg(long)]
    keep_services: bool,
    /// Handed to `cargo test`.
    #[arg(last = true, value_name = "CARGO TEST ARGS")]
    args: Vec<String>,
}

/// How a test run went.
pub(crate) struct Outcome {
    status: ExitStatus,
    pub(crate) tally: Tally,
}

impl Outcome {
    pub(crate) fn success(&self) -> bool {
        self.status.success()
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        job::exit_code(self.status)
    }

    /// This run and another one: it succeeded if both did.
    fn and(self, other: Self) -> Self {
        let status = if self.success() { other.status } else { self.status };
        Self { status, tally: self.tally + other.tally }
    }
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    job::hold_interrupts()?;
    let outcome = all(args)?;
    println!("\n{}", outcome.tally);
    Ok(outcome.exit_code())
}

/// The simulator of the core at full length. The tests of the workspace run it too, in short.
const SIMULATOR: &[&str] =
    &["--profile", "simulator", "--package", "drakkar-core", "--test", "simulator", "--", "--nocapture"];
/// Seeds of that run: about 1.5 million messages.
const SEEDS: (&str, &str) = ("DRAKKAR_SIM_SEEDS", "12000");

/// The decoders of what children write, at full length. The tests of the workspace run them too, in short.
const FUZZ: &[&str] =
    &["--profile", "simulator", "--package", "drakkar-core", "--test", "frames", "--", "--nocapture"];
const INPUTS: (&str, &str) = ("DRAKKAR_FUZZ_INPUTS", "1000000");

/// Runs every test of the workspace.
pub(crate) fn all(args: &Args) -> Result<Outcome> {
    // Whoever asks for some tests wants those.
    let simulated = match args.args.as_slice() {
        [] => Some(at_length(SIMULATOR, SEEDS)?.and(at_length(FUZZ, INPUTS)?)),
        _ => None,
    };
    // What tests execute is built first: `cargo test` builds a program only for its own package's tests.
    build_programs(&[])?;
    let tested = cargo_test(&["--workspace", "--features", "drakkar-tests/real-services"], args, &[])?;
    Ok(match simulated {
        Some(simulated) => simulated.and(tested),
        None => tested,
    })
}

/// Runs tests of the core at full length.
fn at_length(test: &[&str], (variable, value): (&str, &str)) -> Result<Outcome> {
    let mut command = workspace::cargo(&["test"]);
    let (status, tally) = job::run_and_read(command.args(test).env(variable, value), Tally::see)?;
    Ok(Outcome { status, tally })
}

/// Builds the programs that tests of other packages execute.
pub(crate) fn build_programs(profile: &[&str]) -> Result<()> {
    let packages =
        ["-p", "example-search", "-p", "example-words", "-p", "drakkar-tests", "-p", "drakkar-oracle"];
    let mut build = workspace::cargo(&["build", "--bins"]);
    ensure!(job::run(build.args(packages).args(profile))?.success(), "the build failed");
    Ok(())
}

/// Runs `cargo test` with the servers up.
pub(crate) fn cargo_test(selection: &[&str], args: &Args, variables: &[(&str, String)]) -> Result<Outcome> {
    let mut command = workspace::cargo(&["test", "--no-fail-fast"]);
    command.args(selection).args(&args.args).envs(variables.iter().cloned());
    let (status, tally) =
        with_services(args.keep_services, |services| job::run_and_read(command.envs(services), Tally::see))?;
    Ok(Outcome { status, tally })
}

/// Works with the servers up, and stops those that were started for it, whatever comes of the work.
///
/// A server whose variable is set already is taken as it is.
pub(crate) fn with_services<T>(keep: bool, work: impl FnOnce(Variables) -> Result<T>) -> Result<T> {
    let wanted: Vec<Kind> =
        Kind::ALL.iter().copied().filter(|kind| env::var_os(&kind.recipe().variable).is_none()).collect();
    let up = shared::up(&wanted)?;
    let result = work(up.variables);
    if !keep {
        shared::down(&up.started)?;
    }
    orphans::sweep()?;
    result
}
