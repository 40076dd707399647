//! The Kafka sink of drakkar: an idempotent producer that gives each record its own verdict.
//!
//! # How it works
//!
//! A whole batch is put into librdkafka's queue at once; nothing waits per record. Delivery reports arrive on the
//! producer's poll thread and fill the batch's verdicts by index; the last one wakes the delivery. librdkafka retries by
//! itself within `message_timeout`, without duplicates.
//!
//! # Pitfalls
//!
//! - An idempotent producer that lost track of its sequence stops for good. The sink makes another one for the next batch;
//!   records of the old one fail and are tried again, which may write some of them twice.
//! - A record that is purged was not delivered: it is a failure like any other.
//! - Without `message.max.bytes` the client would refuse what the broker may accept; it is set high, the broker decides.

mod batch;
mod classify;
mod connect;
mod context;
mod settings;
mod sink;

pub use settings::Settings;
pub use sink::KafkaSink;
