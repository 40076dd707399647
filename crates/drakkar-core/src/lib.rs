//! The ground of drakkar: messages, tasks, outcomes, payloads, traits, configuration, events and the pure state machines.
//!
//! Nothing here does I/O, reads a clock or needs an async runtime: time and randomness come in as arguments, so every
//! rule of the pipeline can be simulated. A sink written outside this repository needs this crate alone.
//!
//! # How it works
//!
//! [`pipeline::Pipeline`] holds the state of one assigned partition. The runtime feeds it batches of inputs (messages,
//! outcomes, verdicts, ticks) and performs the effects that come out. The machine knows ids and sizes only; payloads and
//! user types stay with the runtime. [`commit`] decides when offsets are committed, [`slots`] who runs next,
//! [`bytes_in_hand`] how much may be held at once. [`breaker`] tells when a sink is left alone; the runtime does not drive
//! it yet.

pub mod breaker;
pub mod bytes_in_hand;
pub mod commit;
pub mod config;
pub mod context;
pub mod error;
pub mod event;
pub mod executor;
pub mod frames;
pub mod handler;
pub mod ids;
pub mod labels;
pub mod ledger;
pub mod message;
pub mod outcome;
pub mod payload;
pub mod pending;
pub mod pipeline;
pub mod retry;
pub mod sink;
pub mod slots;
pub mod source;
pub mod task;

/// A boxed future that can be sent between threads.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
