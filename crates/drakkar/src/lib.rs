//! Kafka in, an external program per task in a managed process pool, results out to many sinks.
//!
//! The user annotates one impl block with [`handler`]; drakkar owns polling, windows, backpressure, processes, retries,
//! delivery, dead letters and offsets.

pub use drakkar_core::{config, error::HookError as Error, error::HookResult as Result};
pub use drakkar_macros::{SinkOutputs, handler};

/// Everything a handler needs.
pub mod prelude {
    pub use bytes::Bytes;
    pub use drakkar_core::{
        context::Context,
        error::{HookError as Error, HookResult as Result},
        handler::Handler,
        message::{Message, Window},
        outcome::{Ended, ErrorAction, MessageGroup, TaskFailure, TaskResult},
        task::Task,
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
