//! Kafka in, an external program per task in a managed process pool, results out to many sinks.
//!
//! You annotate one impl block with [`handler`]; drakkar owns polling, windows, backpressure, processes, retries, delivery,
//! dead letters and offsets. At least once, per partition, nothing lost silently.
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use drakkar::prelude::*;
//!
//! #[derive(Deserialize)]
//! struct Request {
//!     id: String,
//!     pattern: String,
//!     path: String,
//! }
//!
//! #[derive(Serialize)]
//! struct Matches {
//!     id: String,
//!     count: u64,
//! }
//!
//! /// Where results go: each field is a route to a sink of the configuration.
//! #[derive(Default, SinkOutputs)]
//! struct Outputs {
//!     #[sink(kafka = "results", key = "id")]
//!     matches: Vec<Matches>,
//! }
//!
//! struct Search;
//!
//! #[drakkar::handler]
//! impl Search {
//!     async fn arrange(&self, window: Window<'_, Request>) -> Result<Vec<Task>> {
//!         let task = |m: &Message<Request>| {
//!             Task::for_message(m)
//!                 .program("grep")
//!                 .args(["-c", "-e", &m.payload().pattern, &m.payload().path])
//!                 .success_codes([0, 1])
//!                 .label("id", &m.payload().id)
//!         };
//!         Ok(window.messages().map(task).collect())
//!     }
//!
//!     async fn on_task_complete(&self, done: &TaskResult) -> Result<Outputs> {
//!         let id = done.task.labels()["id"].to_owned();
//!         let count = done.stdout_text().trim().parse()?;
//!         Ok(Outputs { matches: vec![Matches { id, count }] })
//!     }
//! }
//!
//! fn main() -> ExitCode {
//!     drakkar::run(Search)
//! }
//! ```
//!
//! # Features
//!
//! - `cli`: the command line behind [`run`].
//! - `mimalloc`: mimalloc as the global allocator of the program. Messages go from thread to thread, which the system's
//!   own allocator handles at about half the rate. Leave it out to use another one.
//! - `sink-kafka`, `sink-filesystem`: one sink type each.
//! - `kafka-ssl`: TLS and the SCRAM mechanisms (`kafka.security`) for the source, Kafka sinks and dead letters. It builds
//!   librdkafka against the OpenSSL of the system: building needs its development package and `pkg-config` (Debian:
//!   `libssl-dev`), running needs its library. That is why it is off by default. Without it a configuration that asks for
//!   encryption is refused.

#[cfg(feature = "mimalloc")]
mod allocator;
mod assemble;
#[cfg(feature = "cli")]
mod check;
#[cfg(feature = "cli")]
mod cli;
mod client;
mod error;
mod identity;
#[cfg(feature = "cli")]
mod signals;
mod worker;

#[cfg(feature = "cli")]
pub use cli::run;
pub use drakkar_core::{
    config,
    error::{HookError as Error, HookResult as Result},
    event, ledger,
};
pub use drakkar_macros::{SinkOutputs, handler};
pub use drakkar_runtime::{Exit, Status, Stop, StopHandle, Summary};
pub use error::RunError;
pub use worker::{Builder, Worker};

/// Everything a handler needs.
pub mod prelude {
    pub use bytes::Bytes;
    pub use drakkar_core::{
        config::Config,
        context::Context,
        error::{HookError as Error, HookResult as Result},
        handler::Handler,
        ids::PartitionId,
        message::{Message, Record, Unparsed, Window},
        outcome::{
            DeliveryAction, DeliveryFailure, Ended, ErrorAction, MessageGroup, TaskFailure, TaskResult,
            WindowGroup,
        },
        task::{Precomputed, Task},
    };
    pub use drakkar_macros::SinkOutputs;
    pub use serde::{Deserialize, Serialize};
}

/// What generated code uses. Not part of the public interface.
#[doc(hidden)]
pub mod __private {
    pub use bytes::Bytes;
    pub use drakkar_core as core;
}
