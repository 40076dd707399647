//! Real servers for tests, started from what the machine has or can install.
//!
//! `cargo xtask services` works on the servers that all tests share ([`shared`]).
//! A test that needs a server to go away starts one of its own ([`kafka::Broker`]).
//!
//! # How it works
//!
//! Everything lives below `target/services`: `jars` holds what was fetched, `<name>` the settings, data and logs of a shared
//! server, `state.json` which of them run, `owned` one note per server that a test started, so that [`orphans`] can end those
//! whose test is gone. A process is known by its number and its start time, since numbers are used again.
//! Names, versions and checks are in one table, `xtask/services.json` ([`recipe`]).

pub mod install;
pub mod kafka;
pub mod orphans;
mod ports;
pub mod process;
pub mod recipe;
pub mod shared;

use std::path::PathBuf;

/// The folder of everything that belongs to services.
pub(crate) fn folder() -> PathBuf {
    crate::workspace::target().join("services")
}
