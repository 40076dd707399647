//! Progress on a terminal: one line that is rewritten. Elsewhere nothing is shown.

use std::{
    io::{IsTerminal, Write, stderr},
    time::{Duration, Instant},
};

use crate::journal::Journal;

const EVERY: Duration = Duration::from_millis(250);

/// Shows how far a run is.
pub(crate) struct Display {
    terminal: bool,
    shown: Option<(Instant, usize)>,
    rate: f64,
}

/// How far a run is.
pub(crate) struct Progress {
    pub(crate) issued: usize,
    pub(crate) settled: usize,
    pub(crate) dead: usize,
    pub(crate) duplicates: usize,
    pub(crate) faults: usize,
    pub(crate) faults_asked: usize,
}

impl Display {
    pub(crate) fn new() -> Self {
        Self { terminal: stderr().is_terminal(), shown: None, rate: 0.0 }
    }

    pub(crate) fn show(&mut self, progress: &Progress, journal: &Journal) {
        let now = Instant::now();
        if !self.terminal || self.shown.is_some_and(|(at, _)| now < at + EVERY) {
            return;
        }
        if let Some((at, before)) = self.shown {
            let rate = (progress.settled - before) as f64 / (now - at).as_secs_f64();
            self.rate = 0.8 * self.rate + 0.2 * rate;
        }
        self.shown = Some((now, progress.settled));
        let line = format!(
            "{:>6.1} s  issued {:>8}  settled {:>8}  {:>6.0}/s  dead {:>4}  duplicates {:>6}  faults {}/{}  {}",
            journal.started().elapsed().as_secs_f64(),
            progress.issued,
            progress.settled,
            self.rate,
            progress.dead,
            progress.duplicates,
            progress.faults,
            progress.faults_asked,
            journal.last(),
        );
        // A closed terminal is no reason to stop.
        write!(stderr(), "\r{line}\x1b[K").unwrap_or_default();
    }

    pub(crate) fn end(&self) {
        if self.shown.is_some() {
            eprintln!();
        }
    }
}
