//! The parts of the repository's tasks that tests use as well.
//!
//! - [`services`] starts and stops real servers; [`services::kafka::Broker`] is a broker of one test's own.
//! - [`tidy`] checks what the compiler does not.
//!
//! Nothing here knows a Kafka client or an async runtime: `cargo xtask` has to build in seconds.

pub mod services;
pub mod tidy;
pub mod workspace;
