//! The command line that every drakkar program has.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use clap::{Parser, Subcommand};
use drakkar_core::{
    config::{self, Loaded},
    error::chain,
    handler::Handler,
};
use drakkar_runtime::{Exit, StopHandle};
use drakkar_telemetry::EventLog;

use crate::{RunError, Worker, check, client, identity::identity, signals};

#[derive(Parser)]
#[command(
    about = "A drakkar worker: reads messages from Kafka, runs a program for each task, delivers the results.",
    version,
    after_help = "Exit codes: 0 stopped in order, 2 wrong configuration, 3 failed to start, 4 stop deadline passed with \
                  work in flight, 5 fatal Kafka error, 6 ended by a second signal."
)]
struct Cli {
    /// The configuration file. Variables named DK_SECTION__KEY override it.
    #[arg(long, global = true, env = "DK_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the worker until SIGTERM or SIGINT (the default).
    Run,
    /// Checks the configuration, the program and the routes of the outputs without running anything.
    Check {
        /// Also connects to the brokers and sinks.
        #[arg(long)]
        connect: bool,
    },
}

/// Runs the command line with this handler: `run` (the default) and `check`.
///
/// The exit code tells how it ended; see [`Exit`].
pub fn run<H: Handler>(handler: H) -> ExitCode {
    run_from(handler, std::env::args_os())
}

fn run_from<H: Handler>(handler: H, args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way too. A closed output is nothing to complain about.
            error.print().unwrap_or_default();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(Exit::Config.code()));
        }
    };
    let file = cli.config.filter(|path| !path.as_os_str().is_empty());
    let loaded = match load(file.as_deref()) {
        Ok(loaded) => loaded,
        Err(text) => return fail(&text, Exit::Config),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("failed to start the runtime: {error}"), Exit::Startup),
    };
    let exit = match cli.command.unwrap_or(Command::Run) {
        Command::Run => runtime.block_on(run_worker(handler, loaded)),
        Command::Check { connect } => runtime.block_on(check::check::<H>(&loaded, connect)),
    };
    // A thread that hangs in a client library must not hold the process.
    runtime.shutdown_timeout(Duration::from_millis(200));
    ExitCode::from(exit.code())
}

fn fail(text: &str, exit: Exit) -> ExitCode {
    eprintln!("error: {text}");
    ExitCode::from(exit.code())
}

/// Reads the file and the variables.
fn load(file: Option<&Path>) -> Result<Loaded, String> {
    let text = match file {
        None => None,
        Some(path) => {
            let bytes = std::fs::read(path).map_err(|error| {
                format!("failed to read the configuration file {}: {error}", path.display())
            })?;
            let text = String::from_utf8(bytes)
                .map_err(|_| format!("the configuration file {} is not UTF-8 text", path.display()))?;
            Some((path.display().to_string(), text))
        }
    };
    let variables =
        std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
    let source = text.as_ref().map(|(name, text)| config::File { name, text });
    let loaded = config::load(source, variables);
    let checked = loaded.and_then(|loaded| {
        client::check(&loaded.config, |path| loaded.origin(path))?;
        Ok(loaded)
    });
    checked.map_err(|invalid| {
        let shown = invalid.render(text.as_ref().map_or("", |(_, text)| text));
        format!("the configuration is wrong\n\n{shown}")
    })
}

async fn run_worker<H: Handler>(handler: H, loaded: Loaded) -> Exit {
    let identity = match identity(&loaded.config, None) {
        Ok(identity) => identity,
        Err(error) => return report(&error),
    };
    if let Err(error) = drakkar_telemetry::init(&loaded.config.logging, &identity) {
        eprintln!("error: failed to set up the logs: {}", chain(&error));
        return Exit::Config;
    }
    log_panics();
    for warning in loaded.warnings.iter().map(ToString::to_string).chain(check::unbuilt_sections(&loaded)) {
        tracing::warn!(category = "lifecycle", "{warning}");
    }
    let (stopper, stop) = StopHandle::new();
    let signals = match signals::listen(stopper) {
        Ok(signals) => signals,
        Err(error) => {
            eprintln!("error: failed to listen for signals: {error}");
            return Exit::Startup;
        }
    };
    let worker = Worker::builder(handler)
        .config(loaded.config)
        .name(identity.worker)
        .subscriber(Arc::new(EventLog::new()))
        .build();
    let exit = match worker {
        Err(error) => report(&error),
        Ok(worker) => match worker.run(stop).await {
            Err(error) => report(&error),
            Ok(summary) => {
                println!("{}", summary.ledger);
                summary.exit
            }
        },
    };
    signals.abort();
    exit
}

/// Panics of hooks are contained; here they become log lines like everything else, instead of text between them.
fn log_panics() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        let text = info.payload_as_str().unwrap_or("(no message)");
        tracing::error!(category = "handler", place, panic = text, "panic");
    }));
}

fn report(error: &RunError) -> Exit {
    eprintln!("error: {}", chain(error));
    error.exit()
}
