//! Counts matches with `grep`: search requests in; counts to a Kafka topic and to files out.
//!
//! `grep` knows nothing of drakkar. It answers 1 for "nothing found", which is no failure here, and 2 for a pattern it does
//! not understand, which no retry can help.

use std::process::ExitCode;

mod search;

fn main() -> ExitCode {
    drakkar::run(search::Search)
}

#[cfg(test)]
mod tests;
