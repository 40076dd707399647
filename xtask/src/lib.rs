//! The parts of the repository's tasks that tests use as well.

pub mod services;
pub mod tidy;
