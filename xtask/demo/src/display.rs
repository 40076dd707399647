//! Live progress: one line that is rewritten on a terminal, a line every few seconds elsewhere.

use std::{
    io::{IsTerminal, Write, stdout},
    time::Duration,
};

use crate::follow::Follower;

/// Shows how far the demo is.
pub(crate) struct Display {
    terminal: bool,
    shown: Option<(Duration, u64)>,
    rate: f64,
}

impl Display {
    pub(crate) fn new() -> Self {
        Self { terminal: stdout().is_terminal(), shown: None, rate: 0.0 }
    }

    pub(crate) fn show(&mut self, elapsed: Duration, produced: u64, follower: &Follower) {
        let every = if self.terminal { Duration::from_millis(250) } else { Duration::from_secs(2) };
        let answered = follower.answered();
        if let Some((at, before)) = self.shown {
            if elapsed < at + every {
                return;
            }
            let rate = (answered - before) as f64 / (elapsed - at).as_secs_f64();
            self.rate = if self.rate == 0.0 { rate } else { 0.6 * self.rate + 0.4 * rate };
        }
        self.shown = Some((elapsed, answered));
        let line = format!(
            "{:>5.1} s  {:>8} requests  {:>8} answered  {:>6.0}/s  in flight {:>5}  lag {:>5}  failures {:>4}",
            elapsed.as_secs_f64(),
            produced,
            answered,
            self.rate,
            produced.saturating_sub(answered),
            produced.saturating_sub(follower.committed()),
            follower.letters().len(),
        );
        let mut out = stdout();
        let written = if self.terminal { write!(out, "\r{line}\x1b[K") } else { writeln!(out, "{line}") };
        // A closed output is no reason to stop the demo.
        written.and_then(|()| out.flush()).unwrap_or_default();
    }

    pub(crate) fn end(&self) {
        if self.terminal {
            println!();
        }
    }
}
