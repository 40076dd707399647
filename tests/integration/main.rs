//! Tests against a real broker, with real worker processes. Run them with `cargo xtask test`.
#![expect(clippy::unwrap_used, reason = "a test panics on what it does not expect")]

#[cfg(feature = "real-services")]
mod compression;
#[cfg(feature = "real-services")]
mod crash;
#[cfg(feature = "real-services")]
mod hol;
#[cfg(feature = "real-services")]
mod lost;
#[cfg(feature = "real-services")]
mod marker;
#[cfg(feature = "real-services")]
mod membership;
#[cfg(feature = "real-services")]
mod memory;
#[cfg(feature = "real-services")]
mod oracle;
#[cfg(feature = "real-services")]
mod outage;
#[cfg(feature = "real-services")]
mod poison;
#[cfg(feature = "real-services")]
mod rebalance;
#[cfg(feature = "real-services")]
mod resident;
#[cfg(feature = "real-services")]
mod resume;
#[cfg(feature = "real-services")]
mod scene;
#[cfg(feature = "real-services")]
mod security;
#[cfg(feature = "real-services")]
mod startup;
#[cfg(feature = "real-services")]
mod stop;
#[cfg(feature = "real-services")]
mod storm;
#[cfg(feature = "real-services")]
mod throughput;
#[cfg(feature = "real-services")]
mod watchdog;
