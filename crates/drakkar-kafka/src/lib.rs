//! The Kafka source of drakkar: one thread owns the consumer, and never waits for anything but Kafka.
//!
//! # How it works
//!
//! [`KafkaSource::open`] connects, checks the topic and starts the thread. The thread polls, assigns, pauses, forwards
//! batches to one bounded queue per partition and commits what each partition's
//! [`Progress`](drakkar_core::source::Progress) reports. The rebalance callback only stores the event; the loop performs
//! it, so that it keeps polling while the partitions that go drain. A new assignment gets a new `Progress`: work of an old
//! one writes where nobody reads, and is never committed.
//!
//! # Pitfalls
//!
//! - A commit of a partition we do not own is accepted by the broker: offsets only go through `store_offsets`, which
//!   refuses it, and only for assignments of the current epoch.
//! - Pausing throws away what was prefetched, and resuming a partition that was not paused throws records away too: both
//!   are called once per edge. A pause outlives the assignment, so a partition that goes is resumed behind its unassign.
//! - Resuming does not wake the thread that fetches: it is woken by hand, or the first record comes a second late.
//! - Every rebalance event has to be answered, an empty one too: until then librdkafka holds every partition's fetches.
//! - Closing a consumer can block for minutes while the brokers are away: it happens on a thread that is left behind at a
//!   deadline.

mod assignment;
mod classify;
pub mod client;
mod close;
mod commit_queue;
mod commits;
mod context;
mod control;
mod flow;
mod forward;
mod lookout;
mod lost;
mod open;
mod outbox;
mod rebalance;
mod setting_names;
mod settings;
mod thread;
mod wake;
mod watchdog;
mod watermarks;

pub use open::KafkaSource;
pub use settings::Settings;
