//! The worker process of the demo.

use std::{
    fs,
    io::Read,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

use anyhow::{Context, Result, ensure};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::broker::{DEAD_LETTERS, GROUP, REQUESTS, RESULTS};

/// Tells a folder that a demo may empty.
const MARKER: &str = ".drakkar-demo";

/// A running search worker.
pub(crate) struct Worker {
    child: Child,
    log: PathBuf,
}

/// An empty folder for everything the demo writes.
pub(crate) fn prepare_folder(folder: &Path) -> Result<PathBuf> {
    if folder.exists() {
        ensure!(
            folder.join(MARKER).exists() || fs::read_dir(folder)?.next().is_none(),
            "{} holds something that is not a demo; name another --folder",
            folder.display()
        );
        fs::remove_dir_all(folder).with_context(|| format!("emptying {}", folder.display()))?;
    }
    fs::create_dir_all(folder.join("matches")).with_context(|| format!("making {}", folder.display()))?;
    fs::write(folder.join(MARKER), "")?;
    Ok(folder.canonicalize()?)
}

impl Worker {
    pub(crate) fn start(program: &Path, brokers: String, folder: &Path) -> Result<Self> {
        let config = folder.join("drakkar.yaml");
        let log = folder.join("worker.log");
        let matches = folder.join("matches");
        let text = format!(
            "kafka:\n  brokers: {brokers}\n  source_topic: {REQUESTS}\n  consumer_group: {GROUP}\n  \
             startup_align_enabled: false\n\
             executor:\n  max_executors: 4\n\
             sinks:\n  kafka:\n    results:\n      topic: {RESULTS}\n  \
             filesystem:\n    matches:\n      base_path: {matches:?}\n\
             dlq:\n  topic: {DEAD_LETTERS}\n\
             logging:\n  format: console\n"
        );
        fs::write(&config, text).with_context(|| format!("writing {}", config.display()))?;
        let file = fs::File::create(&log).with_context(|| format!("writing {}", log.display()))?;
        let child = Command::new(program)
            .args(["run", "--config"])
            .arg(&config)
            .env("WORKER_ID", "demo")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(file)
            // Ctrl+C is for the demo, which then asks the worker once; a second request would end it at once.
            .process_group(0)
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        Ok(Self { child, log })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    /// How it ended, if it did.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Asks it to stop, waits, and returns the ledger it printed.
    pub(crate) fn stop(mut self) -> Result<(ExitStatus, String)> {
        if self.child.try_wait()?.is_none() {
            kill(Pid::from_raw(self.child.id() as i32), Signal::SIGTERM).context("stopping the worker")?;
        }
        let mut output = String::new();
        if let Some(mut stdout) = self.child.stdout.take() {
            stdout.read_to_string(&mut output).context("reading the worker's ledger")?;
        }
        let status = self.child.wait()?;
        let ledger = output.lines().rev().find(|l| l.starts_with("ledger "));
        let ledger =
            ledger.with_context(|| format!("the worker printed no ledger; see {}", self.log.display()))?;
        Ok((status, ledger.to_owned()))
    }
}

impl Drop for Worker {
    /// Whatever made the demo end, the worker goes with it: it ends by itself within its deadline.
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            kill(Pid::from_raw(self.child.id() as i32), Signal::SIGTERM).unwrap_or_default();
            self.child.wait().map(drop).unwrap_or_default();
        }
    }
}
