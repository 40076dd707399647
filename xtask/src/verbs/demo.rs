//! `cargo xtask demo`: builds the demo and the search example, and becomes the demo.

use std::{
    os::unix::process::CommandExt,
    process::{Command, ExitCode},
};

use anyhow::{Context, Result};
use xtask::workspace;

use super::release;
use crate::job;

const PACKAGES: &[&str] = &["drakkar-demo", "example-search"];

/// Becomes the demo: it sees the terminal's signals itself.
pub(crate) fn run(args: &[String]) -> Result<ExitCode> {
    let mut command = command(args)?;
    Err(command.exec()).with_context(|| format!("starting {}", command.get_program().display()))
}

/// Runs the demo as a step of other work.
pub(crate) fn step(args: &[String]) -> Result<bool> {
    Ok(job::run(&mut command(args)?)?.success())
}

fn command(args: &[String]) -> Result<Command> {
    let mut command = Command::new(release::build(PACKAGES)?.join("drakkar-demo"));
    command.args(args).current_dir(workspace::root());
    Ok(command)
}
