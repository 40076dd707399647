//! `cargo xtask tidy`: what the compiler does not check.

use std::process::ExitCode;

use anyhow::Result;
use xtask::{tidy, workspace};

pub(crate) fn run() -> Result<ExitCode> {
    Ok(if step()? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints the findings; whether there were none.
pub(crate) fn step() -> Result<bool> {
    let findings = tidy::check(&workspace::root())?;
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => {}
        1 => eprintln!("tidy: 1 finding"),
        count => eprintln!("tidy: {count} findings"),
    }
    Ok(findings.is_empty())
}
