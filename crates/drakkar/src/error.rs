//! Why a worker could not start or go on.

use drakkar_core::{config::Invalid, payload::SinkKind};
use drakkar_runtime::Exit;

/// Why a worker could not start or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// `on_startup` failed.
    #[error("hook `on_startup` failed: {0}")]
    Startup(String),
    /// The worker's name cannot be used.
    #[error(
        "the worker name `{name}` (from the variable `{variable}`) may hold only letters, digits, `.`, `_` and `-`, \
         and must start with a letter or digit"
    )]
    WorkerName {
        /// The name.
        name: String,
        /// Where it came from.
        variable: String,
    },
    /// The configuration asks for something that this program or its Kafka client cannot do.
    #[error("the configuration is wrong: {0}")]
    Config(#[from] Invalid),
    /// The name of the static member cannot be made.
    #[error("`kafka.group_instance_id` (`{template}`) cannot be used: {reason}")]
    InstanceId {
        /// The setting.
        template: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A configured sink cannot be made.
    #[error("failed to prepare {kind} sink `{name}`: {message}")]
    Sink {
        /// Its type.
        kind: SinkKind,
        /// Its name.
        name: String,
        /// What is wrong.
        message: String,
    },
    /// The program pool cannot start.
    #[error("failed to start the executor")]
    Executor(#[from] drakkar_executor::StartError),
    /// The threads for `ctx.offload` cannot start.
    #[error("failed to start the threads for offloaded work; lower `executor.offload_max_threads`")]
    Threads(#[source] std::io::Error),
    /// The folder of `executor.crash_marker_dir` cannot be used.
    #[error("`executor.crash_marker_dir` cannot be used")]
    CrashMarker(#[source] drakkar_runtime::crash_marker::MarkerError),
    /// The engine could not start or go on.
    #[error(transparent)]
    Engine(#[from] drakkar_runtime::RunError),
}

impl RunError {
    /// The exit code that goes with it.
    pub fn exit(&self) -> Exit {
        match self {
            RunError::WorkerName { .. } | RunError::Config(_) | RunError::InstanceId { .. } => Exit::Config,
            RunError::Startup(_)
            | RunError::Sink { .. }
            | RunError::Executor(_)
            | RunError::Threads(_)
            | RunError::CrashMarker(_) => Exit::Startup,
            RunError::Engine(error) => error.exit(),
        }
    }
}
