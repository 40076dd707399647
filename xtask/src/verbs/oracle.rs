//! `cargo xtask oracle`: builds the outside judge and the workers it judges, and runs it on a broker of its own.

use std::process::{Command, ExitCode};

use anyhow::Result;
use xtask::{services::orphans, workspace};

use super::release;
use crate::job;

/// The judge, and the package with the workers' programs.
const PACKAGES: &[&str] = &["drakkar-oracle", "drakkar-tests"];

pub(crate) fn run(args: &[String]) -> Result<ExitCode> {
    job::hold_interrupts()?;
    let mut command = Command::new(release::build(PACKAGES)?.join("drakkar-oracle"));
    command.args(args).current_dir(workspace::root());
    let status = job::run(&mut command);
    // A judge that was killed leaves its broker behind.
    orphans::sweep()?;
    Ok(job::exit_code(status?))
}
