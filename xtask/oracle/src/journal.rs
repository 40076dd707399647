//! What happened when: a line per event, in a file beside the logs of the workers.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context, Result};

/// The journal of a run.
pub(crate) struct Journal {
    file: File,
    path: PathBuf,
    started: Instant,
    settled: usize,
    last: String,
}

impl Journal {
    pub(crate) fn new(folder: &Path) -> Result<Self> {
        let path = folder.join("oracle.log");
        let file = File::create(&path).with_context(|| format!("writing {}", path.display()))?;
        Ok(Self { file, path, started: Instant::now(), settled: 0, last: String::new() })
    }

    /// Adds a line.
    pub(crate) fn note(&mut self, what: &str) -> Result<()> {
        what.clone_into(&mut self.last);
        let at = self.started.elapsed().as_secs_f64();
        let settled = self.settled;
        writeln!(self.file, "{at:9.3} s  {settled:>9} settled  {what}")
            .with_context(|| format!("writing {}", self.path.display()))
    }

    /// How many messages ended, which each line tells.
    pub(crate) fn reached(&mut self, settled: usize) {
        self.settled = settled;
    }

    /// The latest event.
    pub(crate) fn last(&self) -> &str {
        &self.last
    }

    /// Since when it is kept.
    pub(crate) fn started(&self) -> Instant {
        self.started
    }
}
