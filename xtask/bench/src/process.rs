//! The programs that are measured, each in a process of its own.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

use anyhow::{Context, Result, ensure};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::broker::Feed;

/// Which side of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Ours = 0,
    Reference = 1,
}

/// A program that reads the feed and writes an output topic.
pub(crate) struct Program {
    brokers: String,
    input: String,
    child: Option<PathBuf>,
    concurrency: usize,
    in_flight: usize,
    kind: Kind,
}

enum Kind {
    /// The drakkar worker, in this mode.
    Worker(&'static str),
    /// One of our bare loops.
    Bare(&'static str),
}

/// A program that runs; killed when dropped.
pub(crate) struct Running(Child);

/// Compiles a program in C.
pub(crate) fn compiled(name: &str, source: &str) -> Result<PathBuf> {
    let folder = folder()?;
    let (file, program) = (folder.join(name).with_extension("c"), folder.join(name));
    fs::write(&file, source)?;
    let mut cc = Command::new("cc");
    let status = cc.args(["-O2", "-static", "-pthread", "-o"]).arg(&program).arg(&file).status();
    ensure!(status.context("running cc")?.success(), "cc failed on {}", file.display());
    Ok(program)
}

impl Program {
    pub(crate) fn worker(
        feed: &Feed,
        mode: &'static str,
        child: Option<&Path>,
        concurrency: usize,
    ) -> Result<Self> {
        Self::new(feed, child, concurrency, Kind::Worker(mode))
    }

    pub(crate) fn bare(
        name: &'static str,
        feed: &Feed,
        child: Option<&Path>,
        concurrency: usize,
    ) -> Result<Self> {
        Self::new(feed, child, concurrency, Kind::Bare(name))
    }

    fn new(feed: &Feed, child: Option<&Path>, concurrency: usize, kind: Kind) -> Result<Self> {
        let child = child.map(Path::to_owned);
        let (brokers, input) = (feed.brokers.clone(), feed.topic.clone());
        Ok(Self { brokers, input, child, concurrency, in_flight: 10_000, kind })
    }

    /// Lets this many messages of a partition be in flight.
    pub(crate) fn in_flight(self, in_flight: usize) -> Self {
        Self { in_flight, ..self }
    }

    /// A tiny static program that copies its input, so that the cost of a process is all there is.
    pub(crate) fn tiny_child() -> Result<PathBuf> {
        compiled("child", include_str!("../child.c"))
    }

    /// Starts it with an empty group of its own.
    pub(crate) fn start(&self, output: &str) -> Result<Running> {
        let folder = folder()?;
        let me = std::env::current_exe()?;
        let mut command = match self.kind {
            Kind::Worker(mode) => {
                let config = folder.join("worker.yaml");
                fs::write(&config, self.config(mode, output))?;
                let mut command = Command::new(me.with_file_name("bench-worker"));
                command.arg("--config").arg(config);
                command
            }
            Kind::Bare(name) => {
                let mut command = Command::new(me);
                command.args([name, "--brokers", &self.brokers, "--input", &self.input, "--output", output]);
                command.args(["--concurrency", &self.concurrency.to_string()]);
                if let Some(child) = &self.child {
                    command.arg("--child").arg(child);
                }
                command
            }
        };
        let log = fs::File::create(folder.join("run.log"))?;
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        Ok(Running(command.spawn().with_context(|| format!("starting {command:?}"))?))
    }

    fn config(&self, mode: &str, output: &str) -> String {
        let child = self.child.as_ref().map_or_else(|| "/bin/true".into(), |c| c.display().to_string());
        format!(
            "kafka:\n  brokers: {}\n  source_topic: {}\n  consumer_group: {output}\n  startup_align_enabled: false\n  \
             max_poll_records: 1000\n\
             executor:\n  binary_path: {child}\n  max_executors: {}\n  window_size: 500\n  \
             max_in_flight_messages: {}\n\
             sinks:\n  kafka:\n    results:\n      topic: {output}\n\
             logging:\n  level: WARNING\n\
             app:\n  mode: {mode}\n",
            self.brokers, self.input, self.concurrency, self.in_flight
        )
    }
}

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.0.try_wait()?)
    }

    /// Asks it to stop and waits.
    pub(crate) fn stop(&mut self) -> Result<()> {
        kill(Pid::from_raw(self.0.id() as i32), Signal::SIGTERM)?;
        self.0.wait()?;
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            self.0.kill().and_then(|()| self.0.wait().map(drop)).unwrap_or_default();
        }
    }
}

/// The folder for files of the benchmark.
fn folder() -> Result<PathBuf> {
    let folder = std::env::current_exe()?.with_file_name("bench-files");
    fs::create_dir_all(&folder)?;
    Ok(folder)
}
