//! Tests of the pool with real processes.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

mod harness;
mod launch;
mod limits;
mod outcome;
mod resident;
mod slots;
mod stop;
