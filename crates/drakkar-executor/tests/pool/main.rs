//! Tests of the pool with real processes.

mod harness;
mod launch;
mod outcome;
mod slots;
mod stop;
