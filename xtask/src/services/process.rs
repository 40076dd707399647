//! Processes that are known by number and start time, and led by their own process group.

use std::{
    fs,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use nix::{
    errno::Errno,
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use serde::{Deserialize, Serialize};

/// A process, told from a later one with the same number by when it started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// When it started, in clock ticks since boot.
    pub started: u64,
}

impl Process {
    /// The process that has this number now. A zombie counts as ended.
    pub fn find(pid: u32) -> Option<Self> {
        let fields = stat(pid)?;
        let started = fields.get(19)?.parse().ok()?;
        (fields[0] != "Z").then_some(Self { pid, started })
    }

    /// This very process.
    ///
    /// # Errors
    /// When the system has no `/proc`.
    pub fn current() -> Result<Self> {
        Self::find(std::process::id()).context("the services need /proc, which this system does not have")
    }

    /// Whether it still runs.
    pub fn runs(&self) -> bool {
        Self::find(self.pid) == Some(*self)
    }

    /// Whether it is stopped by a signal.
    pub fn is_frozen(&self) -> bool {
        self.runs() && stat(self.pid).is_some_and(|fields| fields[0] == "T")
    }

    /// Resident memory, in bytes.
    pub fn memory(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
    }

    /// How long it has run.
    pub fn age(&self) -> Option<Duration> {
        let uptime = fs::read_to_string("/proc/uptime").ok()?;
        let uptime: f64 = uptime.split_whitespace().next()?.parse().ok()?;
        let ticks = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK).ok()??;
        Duration::try_from_secs_f64(uptime - self.started as f64 / ticks as f64).ok()
    }

    /// Signals its group. A group that is gone is no error.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        if !self.runs() {
            return Ok(());
        }
        match killpg(Pid::from_raw(i32::try_from(self.pid)?), signal) {
            Ok(()) | Err(Errno::ESRCH) => Ok(()),
            Err(errno) => Err(errno).with_context(|| format!("sending {signal} to process {}", self.pid)),
        }
    }

    /// Ends it: TERM, and KILL after the grace. Returns when it is gone.
    ///
    /// # Errors
    /// When it cannot be signalled or outlives the KILL.
    pub fn end(&self, grace: Duration) -> Result<()> {
        self.signal(Signal::SIGTERM)?;
        // A frozen process sees the TERM only once it goes on.
        self.signal(Signal::SIGCONT)?;
        if !self.gone_within(grace) {
            self.kill()?;
        }
        Ok(())
    }

    /// Kills it. Returns when it is gone.
    ///
    /// # Errors
    /// When it cannot be signalled or outlives the KILL.
    pub fn kill(&self) -> Result<()> {
        self.signal(Signal::SIGKILL)?;
        ensure!(self.gone_within(Duration::from_secs(10)), "process {} does not go away", self.pid);
        Ok(())
    }

    fn gone_within(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while self.runs() {
            if Instant::now() >= deadline {
                return false;
            }
            thread::park_timeout(Duration::from_millis(20));
        }
        true
    }
}

/// The fields of `/proc/PID/stat` from the state on.
fn stat(pid: u32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold anything, also spaces and parentheses: fields count from behind it.
    let fields: Vec<_> = stat.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect();
    (!fields.is_empty()).then_some(fields)
}

/// Starts a program that outlives this one: a process group of its own, no input, output added to a log file.
///
/// # Errors
/// When the log cannot be written or the program not started.
pub fn spawn(command: &mut Command, log: &Path) -> Result<Child> {
    let output = fs::OpenOptions::new().create(true).append(true).open(log);
    let output = output.with_context(|| format!("opening {}", log.display()))?;
    command
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .process_group(0)
        .spawn()
        .with_context(|| format!("starting {}", command.get_program().display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_runs_and_one_with_another_start_time_does_not() {
        let process = Process::current().unwrap();
        assert!(process.runs());
        assert!(!Process { started: process.started + 1, ..process }.runs());
        assert!(process.memory().unwrap() > 0);
        assert!(process.age().is_some());
    }

    #[test]
    fn a_child_that_ended_does_not_run_before_it_is_reaped() {
        let folder = tempfile::tempdir().unwrap();
        // `cat` without input waits for nothing and ends.
        let mut child = spawn(&mut Command::new("cat"), &folder.path().join("log")).unwrap();
        if let Some(process) = Process::find(child.id()) {
            assert!(process.gone_within(Duration::from_secs(10)));
            process.kill().unwrap();
        }
        child.wait().unwrap();
    }
}
