//! Counts the words of texts with a program of yours. Whether it is started for each text or answers one request after the
//! other is a matter of the configuration.

use std::process::ExitCode;

mod words;

fn main() -> ExitCode {
    drakkar::run(words::Words)
}

#[cfg(test)]
mod tests;
