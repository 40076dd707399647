//! Why a worker ended, and with which exit code.

use drakkar_core::{error::Class, source::SourceError};

use crate::routes::RouteError;

/// The exit codes of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Stopped in order; everything in flight settled.
    Clean,
    /// The configuration, or the command line, is wrong. Nothing was connected.
    Config,
    /// A part could not start: a broker or a sink that cannot be reached, a missing topic, a program that cannot run.
    Startup,
    /// The stop deadline passed with work in flight; it was given back and will be read again.
    DrainTimeout,
    /// The Kafka client reported an error that it cannot recover from.
    Fatal,
    /// A second signal ended the worker at once.
    Forced,
}

impl Exit {
    /// The process exit code.
    pub fn code(self) -> u8 {
        match self {
            Exit::Clean => 0,
            Exit::Config => 2,
            Exit::Startup => 3,
            Exit::DrainTimeout => 4,
            Exit::Fatal => 5,
            Exit::Forced => 6,
        }
    }
}

/// Why a worker could not start.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A route of the handler has no sink in the configuration, or the wrong one.
    #[error(transparent)]
    Route(#[from] RouteError),
    /// A sink could not be reached.
    #[error("failed to connect {kind} sink `{name}`: {message}")]
    Sink {
        /// Its type.
        kind: &'static str,
        /// Its name.
        name: String,
        /// What went wrong.
        message: String,
        /// Whether trying again can help.
        class: Class,
    },
    /// A hook that runs at start failed.
    #[error("hook `{hook}` failed: {error}")]
    Hook {
        /// The hook.
        hook: &'static str,
        /// Its error.
        error: String,
    },
    /// The source could not start.
    #[error("failed to open the source")]
    Source(#[source] SourceError),
}

impl RunError {
    /// The exit code that goes with it.
    pub fn exit(&self) -> Exit {
        match self {
            RunError::Route(_) => Exit::Config,
            RunError::Sink { .. } | RunError::Hook { .. } | RunError::Source(_) => Exit::Startup,
        }
    }
}
