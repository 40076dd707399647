//! `cargo xtask bench`: builds the benchmarks and runs them on a broker of the shared services.

use std::process::{Command, ExitCode};

use anyhow::Result;
use xtask::workspace;

use super::{release, test::with_services};
use crate::job;

pub(crate) fn run(args: &[String]) -> Result<ExitCode> {
    job::hold_interrupts()?;
    let mut command =
        Command::new(release::build_in("production", &["drakkar-bench"])?.join("drakkar-bench"));
    command.args(args).current_dir(workspace::root());
    let status = if needs_no_broker(args) {
        job::run(&mut command)?
    } else {
        with_services(false, |variables| job::run(command.envs(variables)))?
    };
    Ok(job::exit_code(status))
}

/// Whether only help or cases of the core or of the executor alone are asked for.
fn needs_no_broker(args: &[String]) -> bool {
    let mut cases = args.iter().filter(|arg| arg.starts_with(|c: char| c.is_ascii_lowercase())).peekable();
    let help = args.iter().any(|arg| arg == "--help" || arg == "-h");
    help || (cases.peek().is_some() && cases.all(|case| is_alone(case)))
}

fn is_alone(case: &str) -> bool {
    ["core", "executor", "limited", "resident"].iter().any(|prefix| case.starts_with(prefix))
}
