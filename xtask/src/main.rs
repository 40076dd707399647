//! The tasks of this repository: `cargo xtask VERB`.

mod job;
mod verbs;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::verbs::{bench, ci, demo, oracle, sabotage, services, soak, test, tidy};

/// The tasks of the drakkar repository.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Shows drakkar at work on an embedded broker. See `cargo xtask demo --help`.
    #[command(disable_help_flag = true)]
    Demo(Rest),
    /// Runs every test, with the real servers they need.
    Test(test::Args),
    /// Runs the tests against real servers in release, at full length.
    Soak(test::Args),
    /// Measures drakkar against bare loops. See `cargo xtask bench --help`.
    #[command(disable_help_flag = true)]
    Bench(Rest),
    /// Judges drakkar from outside, with workers that have accidents. See `cargo xtask oracle --help`.
    #[command(disable_help_flag = true)]
    Oracle(Rest),
    /// Breaks the core in many ways and looks whether the simulator notices each.
    Sabotage(sabotage::Args),
    /// Starts and stops the real servers of the tests.
    #[command(subcommand)]
    Services(services::Action),
    /// Everything that CI runs.
    Ci(ci::Args),
    /// Checks what the compiler does not: layers, file sizes, banned calls.
    Tidy,
}

/// Arguments for another program.
#[derive(clap::Args)]
struct Rest {
    /// Handed on.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

fn main() -> ExitCode {
    let result = match Args::parse().verb {
        Verb::Demo(rest) => demo::run(&rest.args),
        Verb::Test(args) => test::run(&args),
        Verb::Soak(args) => soak::run(&args),
        Verb::Bench(rest) => bench::run(&rest.args),
        Verb::Oracle(rest) => oracle::run(&rest.args),
        Verb::Sabotage(args) => sabotage::run(&args),
        Verb::Services(action) => services::run(&action),
        Verb::Ci(args) => ci::run(&args),
        Verb::Tidy => tidy::run(),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        job::exit_code_of(&error)
    })
}
