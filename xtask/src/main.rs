//! The tasks of this repository: `cargo xtask VERB`.

mod ci;
mod run;
mod verb_services;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

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
    Demo {
        /// Handed to the demo.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Runs every test, with the real servers they need.
    Test {
        /// Leaves the servers running.
        #[arg(long)]
        keep_services: bool,
        /// Handed to `cargo test`.
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// Runs the long versions of the tests against real servers.
    Soak,
    /// Measures drakkar against bare loops. See `cargo xtask bench --help`.
    #[command(disable_help_flag = true)]
    Bench {
        /// Handed to the benchmark.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Starts and stops the real servers of the tests.
    Services {
        /// What to do.
        #[command(subcommand)]
        action: verb_services::Action,
    },
    /// Everything that CI runs.
    Ci {
        /// Goes on after a step that failed.
        #[arg(long)]
        keep_going: bool,
    },
    /// Checks what the compiler does not: layers, file sizes, banned calls.
    Tidy,
}

fn main() -> ExitCode {
    let result = match Args::parse().verb {
        Verb::Demo { args } => run::demo(&args),
        Verb::Test { keep_services, args } => run::test(keep_services, &args),
        Verb::Soak => run::soak(),
        Verb::Bench { args } => run::bench(&args),
        Verb::Services { action } => verb_services::run(action).map(|()| true),
        Verb::Ci { keep_going } => ci::run(keep_going),
        Verb::Tidy => run::tidy(),
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
