//! Logs of drakkar: one line per event, as JSON for machines or as text for people.
//!
//! # How it works
//!
//! [`init`] installs a `tracing` subscriber that writes what drakkar, the handler and the libraries say. [`EventLog`]
//! subscribes to the worker's event stream and turns lifecycle and trouble into log lines; the pipeline itself logs nothing
//! per message at INFO.

mod error;
mod event_log;
mod json;
mod output;

pub use error::Error;
pub use event_log::EventLog;

use drakkar_core::config::{Format, Level, Logging};
use tracing_subscriber::{
    EnvFilter,
    fmt::{format::FmtSpan, time::SystemTime},
};

/// Who writes the lines: attached to every one of them.
#[derive(Clone, Debug, Default)]
pub struct Identity {
    /// The worker's name.
    pub worker: String,
    /// The cluster's name; empty when none is set.
    pub cluster: String,
    /// The consumer group.
    pub group: String,
}

/// Installs the log output of this process.
///
/// `RUST_LOG` adds directives to the configured level, for debugging.
///
/// # Errors
/// When the output cannot be opened, a placeholder in its path is unknown, or logs were installed before.
pub fn init(logging: &Logging, identity: &Identity) -> Result<(), Error> {
    let filter = filter(logging.level);
    let (writer, terminal) = output::open(&logging.output, identity)?;
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_span_events(FmtSpan::NONE);
    let installed = match logging.format {
        Format::Json => builder.event_format(json::Json::new(identity.clone())).try_init(),
        Format::Console => builder.with_timer(SystemTime).with_ansi(terminal).with_target(false).try_init(),
    };
    installed.map_err(|source| Error::Installed { source })
}

fn filter(level: Level) -> EnvFilter {
    let base = match level {
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warning => "warn",
        Level::Error | Level::Critical => "error",
    };
    let extra = std::env::var("RUST_LOG").unwrap_or_default();
    EnvFilter::builder().parse_lossy(if extra.is_empty() {
        base.to_owned()
    } else {
        format!("{base},{extra}")
    })
}
