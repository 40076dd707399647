//! `cargo xtask soak`: the tests against real servers in release, at full length.

use std::process::ExitCode;

use anyhow::Result;

use super::test::{self, Args};
use crate::job;

/// Tells the tests to take their full length.
const VARIABLE: &str = "DRAKKAR_SOAK";

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    job::hold_interrupts()?;
    let selection = [
        "--release",
        "--package",
        "drakkar-tests",
        "--features",
        "drakkar-tests/real-services",
        "--test",
        "integration",
    ];
    test::build_programs(&["--release"])?;
    let outcome = test::cargo_test(&selection, args, &[(VARIABLE, "1".to_owned())])?;
    println!("\n{}", outcome.tally);
    Ok(outcome.exit_code())
}
