//! Runs a drakkar handler in a unit test: messages in; tasks run by a fake or by real processes; outputs, dead letters and
//! committed offsets out. No broker, the same engine.
//!
//! ```
//! use drakkar_core::{
//!     context::Context, error::HookResult, handler::{DecodeError, Handler, decode_json}, message::{Record, Window},
//!     task::Task,
//! };
//! use drakkar_testkit::{FakeExecutor, Harness};
//!
//! struct Upper;
//!
//! impl Handler for Upper {
//!     type Input = String;
//!     type TaskOutputs = ();
//!     type MessageOutputs = ();
//!     type WindowOutputs = ();
//!
//!     fn decode(&self, record: &Record) -> Result<String, DecodeError> {
//!         decode_json(record)
//!     }
//!
//!     async fn arrange(&self, window: Window<'_, String>, _: &Context) -> HookResult<Vec<Task>> {
//!         Ok(window.messages().map(|m| Task::for_message(m).arg(m.payload())).collect())
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
//! let run = Harness::new(Upper)
//!     .executor(FakeExecutor::exit(0))
//!     .json(0, &"one")
//!     .bytes(0, b"not json")
//!     .run()
//!     .await;
//! assert_eq!(run.committed(0), Some(2));
//! assert_eq!((run.ledger().delivered, run.ledger().dead), (1, 1));
//! # });
//! ```

mod executor;
mod harness;
mod sink;
mod source;

pub use executor::FakeExecutor;
pub use harness::{Harness, Run};
pub use sink::MemorySink;
