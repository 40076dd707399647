//! The Kafka source of drakkar: one thread owns the consumer, and never waits for anything but Kafka.
//!
//! # How it works
//!
//! [`KafkaSource::open`] connects, checks the topic and starts the thread. The thread polls, assigns, pauses, forwards
//! batches to one bounded queue per partition and commits what each partition's
//! [`Progress`](drakkar_core::source::Progress) reports. The rebalance callback only stores the event; the loop performs
//! it, so that partitions which stay keep flowing while those that go drain. A new assignment gets a new `Progress`: work of
//! an old one writes where nobody reads, and is never committed.
//!
//! # Pitfalls
//!
//! - A commit of a partition we do not own is accepted by the broker: offsets only go through `store_offsets`, which
//!   refuses it, and only for assignments of the current epoch.
//! - Pausing throws away what was prefetched, and resuming a partition that was not paused rewinds it: both are called once
//!   per edge.
//! - Closing a consumer can block for minutes while the brokers are away: it happens on a thread that is left behind at a
//!   deadline.

mod assignment;
mod close;
mod commit_queue;
mod commits;
mod context;
mod control;
mod forward;
mod open;
mod rebalance;
mod settings;
mod thread;

pub use open::KafkaSource;
pub use settings::Settings;
