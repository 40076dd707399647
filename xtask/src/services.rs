//! Real servers for tests, started from what the machine has or can install.

pub mod install;
pub mod kafka;
pub mod shared;
