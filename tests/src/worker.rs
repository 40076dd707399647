//! Real worker processes.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::wait;

/// What a worker is told.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The brokers.
    pub brokers: String,
    /// The source topic.
    pub topic: String,
    /// The topic of answers.
    pub answers: String,
    /// The group.
    pub group: String,
    /// More lines of YAML for the sections `kafka` and `executor`, without indentation.
    pub kafka: Vec<String>,
    /// More lines for the section `executor`.
    pub executor: Vec<String>,
    /// More lines for the section `app`.
    pub app: Vec<String>,
    /// The folder for configuration and logs.
    pub folder: PathBuf,
    /// The worker program.
    pub program: PathBuf,
    /// The child program.
    pub child: PathBuf,
}

impl Setup {
    fn config(&self) -> String {
        let section = |lines: &[String]| lines.iter().map(|l| format!("  {l}\n")).collect::<String>();
        format!(
            "kafka:\n  brokers: {}\n  source_topic: {}\n  consumer_group: {}\n  startup_align_enabled: false\n{}\
             executor:\n  max_executors: 4\n{}\
             sinks:\n  kafka:\n    answers:\n      topic: {}\n\
             app:\n  child: {:?}\n{}",
            self.brokers,
            self.topic,
            self.group,
            section(&self.kafka),
            section(&self.executor),
            self.answers,
            self.child,
            section(&self.app),
        )
    }

    /// Starts a worker with this name.
    pub fn start(&self, name: &str) -> Result<Worker> {
        fs::create_dir_all(&self.folder)?;
        let config = self.folder.join(format!("{name}.yaml"));
        fs::write(&config, self.config())?;
        let open = |suffix: &str| {
            fs::OpenOptions::new()
                .create(true)
                .append(true)
                .open(self.folder.join(format!("{name}.{suffix}")))
        };
        let child = Command::new(&self.program)
            .arg("--config")
            .arg(&config)
            .env("WORKER_ID", name)
            .stdin(Stdio::null())
            .stdout(open("out")?)
            .stderr(open("log")?)
            .spawn()
            .with_context(|| format!("starting {}", self.program.display()))?;
        Ok(Worker {
            child,
            out: self.folder.join(format!("{name}.out")),
            log: self.folder.join(format!("{name}.log")),
        })
    }
}

/// A running worker; killed when dropped.
#[derive(Debug)]
pub struct Worker {
    child: Child,
    out: PathBuf,
    log: PathBuf,
}

/// How a worker ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit status.
    pub status: ExitStatus,
    /// How long it took from the signal on.
    pub took: Duration,
    /// The ledger it printed, by name.
    pub ledger: Vec<(String, u64)>,
}

impl Ended {
    /// A number of the ledger.
    ///
    /// # Panics
    /// When the ledger has no such number.
    pub fn count(&self, name: &str) -> u64 {
        let found = self.ledger.iter().find(|(n, _)| n == name);
        found.unwrap_or_else(|| panic!("no `{name}` in the ledger {:?}", self.ledger)).1
    }
}

impl Worker {
    /// Sends a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill(self.pid(), signal)?)
    }

    /// The process.
    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id() as i32)
    }

    /// Kills it as a crash would.
    pub fn crash(mut self) -> Result<()> {
        self.signal(Signal::SIGKILL)?;
        self.child.wait()?;
        Ok(())
    }

    /// How it ended, if it did.
    pub fn status(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Asks it to stop and waits for the end.
    ///
    /// # Panics
    /// When it does not end within the limit.
    pub fn stop(mut self, limit: Duration) -> Result<Ended> {
        let asked = Instant::now();
        self.signal(Signal::SIGTERM)?;
        self.ended(asked, limit)
    }

    /// Waits for the end.
    ///
    /// # Panics
    /// When it does not end within the limit.
    pub fn ended(&mut self, since: Instant, limit: Duration) -> Result<Ended> {
        let what = format!("end of the worker with log {}", self.log.display());
        let status = wait::until(&what, limit, || self.child.try_wait().ok().flatten());
        let out = fs::read_to_string(&self.out)?;
        let line = out.lines().rev().find(|l| l.starts_with("ledger ")).unwrap_or_default();
        let ledger = line
            .split_whitespace()
            .filter_map(|field| field.split_once('='))
            .filter_map(|(name, count)| Some((name.to_owned(), count.parse().ok()?)))
            .collect();
        Ok(Ended { status, took: since.elapsed(), ledger })
    }

    /// What it logged.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Where it logs to.
    pub fn log_path(&self) -> &Path {
        &self.log
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // Nothing can be done about a process that cannot be killed.
            self.child.kill().and_then(|()| self.child.wait().map(drop)).unwrap_or_default();
        }
    }
}
