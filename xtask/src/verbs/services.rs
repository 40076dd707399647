//! `cargo xtask services`: the real servers that tests share.

use std::{
    io::{self, IsTerminal},
    process::ExitCode,
    time::Duration,
};

use anyhow::Result;
use clap::Subcommand;
use xtask::services::{
    orphans,
    recipe::Kind,
    shared::{self, Condition, Report},
};

/// What to do with the servers.
#[derive(Subcommand)]
pub(crate) enum Action {
    /// Starts what does not run and prints the variables that tests read.
    ///
    /// In a shell: `eval "$(cargo xtask services up)"`.
    Up {
        /// All if none is named.
        kinds: Vec<Kind>,
    },
    /// Stops servers and forgets their data.
    Down {
        /// All if none is named.
        kinds: Vec<Kind>,
    },
    /// Shows how each server is.
    Status,
    /// Stops a server; its data and port are kept.
    Stop {
        /// Which.
        kind: Kind,
    },
    /// Starts a server that was stopped, with its data and port.
    Start {
        /// Which.
        kind: Kind,
    },
}

pub(crate) fn run(action: &Action) -> Result<ExitCode> {
    match action {
        Action::Up { kinds } => {
            // Only the variables go to stdout, so that a shell can take them as they are.
            for (name, value) in shared::up(or_all(kinds))?.variables {
                println!("export {name}={value}");
            }
        }
        Action::Down { kinds } => {
            let orphans = orphans::sweep()?;
            let ended = shared::down(or_all(kinds))?;
            if orphans > 0 {
                eprintln!("ended {orphans} servers of tests that are gone");
            } else if ended.is_empty() {
                eprintln!("nothing ran");
            }
            for kind in ended {
                eprintln!("{}: stopped", kind.name());
            }
        }
        Action::Status => print!("{}", table(&shared::status()?, io::stdout().is_terminal())),
        Action::Stop { kind } => shared::stop(*kind)?,
        Action::Start { kind } => shared::start(*kind)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn or_all(kinds: &[Kind]) -> &[Kind] {
    if kinds.is_empty() { Kind::ALL } else { kinds }
}

fn table(reports: &[Report], colour: bool) -> String {
    let header = ["service", "state", "address", "pid", "up for", "memory"].map(str::to_owned);
    let mut rows = vec![header];
    rows.extend(reports.iter().map(|report| {
        let dash = || "-".to_owned();
        let process = report.process;
        [
            report.kind.name().to_owned(),
            word(report.condition).to_owned(),
            report.address.clone().unwrap_or_else(dash),
            process.map_or_else(dash, |process| process.pid.to_string()),
            process.and_then(|process| process.age()).map_or_else(dash, age),
            process
                .and_then(|process| process.memory())
                .map_or_else(dash, |bytes| format!("{} MiB", bytes >> 20)),
        ]
    }));
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: [usize; 6] = std::array::from_fn(width);
    let mut text = String::new();
    for (at, row) in rows.iter().enumerate() {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let padded = format!("{cell:<width$}  ", width = widths[column]);
            let paint = match at.checked_sub(1).map(|at| reports[at].condition) {
                Some(condition) if colour && column == 1 => paint(condition),
                _ => "",
            };
            line += &if paint.is_empty() { padded } else { format!("{paint}{padded}\x1b[0m") };
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

fn word(condition: Condition) -> &'static str {
    match condition {
        Condition::Running => "running",
        Condition::Silent => "not answering",
        Condition::Frozen => "frozen",
        Condition::Stopped => "stopped",
        Condition::Died => "died",
        Condition::Absent => "not started",
    }
}

fn paint(condition: Condition) -> &'static str {
    match condition {
        Condition::Running => "\x1b[32m",
        Condition::Silent | Condition::Frozen | Condition::Died => "\x1b[31m",
        Condition::Stopped | Condition::Absent => "",
    }
}

fn age(age: Duration) -> String {
    let seconds = age.as_secs();
    match (seconds / 3600, seconds / 60 % 60) {
        (0, 0) => format!("{seconds} s"),
        (0, minutes) => format!("{minutes} min {} s", seconds % 60),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_aligned() {
        let absent = Report { kind: Kind::Kafka, condition: Condition::Absent, address: None, process: None };
        let died =
            Report { condition: Condition::Died, address: Some("127.0.0.1:15001".into()), ..absent.clone() };
        let expected = "service  state        address          pid  up for  memory\n\
                        kafka    not started  -                -    -       -\n\
                        kafka    died         127.0.0.1:15001  -    -       -\n";
        assert_eq!(table(&[absent, died], false), expected);
    }
}
