//! The engine of drakkar: it drives the pure pipeline of `drakkar-core` with tokio.
//!
//! # How it works
//!
//! [`Worker`] connects the sinks, starts the source and keeps one tokio task per assigned partition. A partition task owns
//! its [`Pipeline`](drakkar_core::pipeline::Pipeline): it feeds inputs and performs effects (hooks, jobs, deliveries, dead
//! letters). One delivery task per sink instance batches across tasks and partitions and answers each payload with its own
//! verdict. Everything that goes between tasks goes in batches through bounded channels.

mod align;
mod clock;
pub mod crash_marker;
mod dead_letter;
mod delivery;
mod error;
mod gate;
mod offload;
mod partition;
mod port;
mod routes;
mod settings;
mod status;
mod stop;
mod worker;

pub use dead_letter::{Cause, DeadLetter, Stage};
pub use error::{Exit, RunError};
pub use offload::OffloadPool;
pub use routes::{NamedSink, RouteError, check_routes, required_sinks};
pub use settings::Settings;
pub use status::{NotReady, PartitionStatus, Status};
pub use stop::{Stop, StopHandle};
pub use worker::{Parts, Summary, Worker};
