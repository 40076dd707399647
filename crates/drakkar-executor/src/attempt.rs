//! One run of one program, from its start to its last trace.

use std::{
    os::unix::{ffi::OsStrExt, process::ExitStatusExt},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use drakkar_core::{
    outcome::{Ended, Report},
    task::Command,
};
use tokio::{
    process::Child,
    sync::watch,
    time::{Instant, sleep_until},
};

use crate::{
    environment::{self, Environment},
    group::{Exit, Group},
    output::{Capture, Input, Output},
    program::Programs,
    settings::Settings,
};

/// Time without output after which the pipes of an ended program count as held by somebody else.
const DRAIN_IDLE: Duration = Duration::from_millis(200);
/// Time after which they do even if output goes on.
const DRAIN_MAX: Duration = Duration::from_secs(2);
/// Time a killed program gets to vanish: one stuck in the kernel must not hold its slot for ever.
const REAP: Duration = Duration::from_secs(5);

/// The wish that a running program ends, with the time it gets between TERM and KILL.
pub(crate) type Stop = Option<Duration>;

/// What all attempts share.
#[derive(Debug)]
pub(crate) struct Launcher {
    pub(crate) settings: Settings,
    pub(crate) programs: Programs,
    pub(crate) environment: Environment,
}

impl Launcher {
    /// Runs a command to its end. Everything it started is gone when this resolves, unless the system cannot end it.
    pub(crate) async fn run(&self, command: &Command, stop: watch::Receiver<Stop>) -> Report {
        if stop.borrow().is_some() {
            return Report::without_output(Ended::Cancelled);
        }
        let start = Instant::now();
        let started = self.spawn(command);
        let spawn_time = start.elapsed();
        let report = match started {
            Ok(child) => {
                let limit = command.timeout.unwrap_or(self.settings.timeout);
                Attempt::new(self, command, child, start, limit).run(stop).await
            }
            Err(reason) => Report::without_output(Ended::NotStarted { reason }),
        };
        let codes = match command.success_codes.as_slice() {
            [] => &self.settings.success_codes,
            codes => codes,
        };
        let success = report.ended.exit_code().is_some_and(|code| codes.contains(&code));
        Report { success, spawn_time, run_time: start.elapsed(), ..report }
    }

    /// Starts the program, or tells why that is impossible.
    fn spawn(&self, command: &Command) -> Result<Child, String> {
        let path = self.programs.resolve(command.program.as_deref())?;
        let refuse = |what: String| Err(format!("cannot run `{}`: {what}", path.display()));
        if let Some(at) = command.args.iter().position(|arg| arg.as_bytes().contains(&0)) {
            return refuse(format!("argument {} has a NUL byte", at + 1));
        }
        if let Err((name, reason)) = environment::check(&command.env) {
            return refuse(format!("the variable `{name}` cannot be set: {reason}"));
        }
        let mut spawner = tokio::process::Command::new(&*path);
        spawner
            .args(&command.args)
            .env_clear()
            .envs(self.environment.base())
            .envs(command.env.iter().map(|(name, value)| (name, value)))
            .process_group(0)
            .stdin(if command.stdin.is_some() { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(dir) = &command.current_dir {
            if !dir.is_dir() {
                return refuse(format!("`{}` is no directory to run it in", dir.display()));
            }
            spawner.current_dir(dir);
        }
        spawner.spawn().or_else(|error| {
            self.programs.forget(&path);
            refuse(error.to_string())
        })
    }
}

/// How far down the ladder a program is.
enum Phase {
    /// Nobody asked it to end.
    Running,
    /// TERM was sent; KILL follows.
    Terminating,
    /// KILL was sent.
    Killed,
}

struct Attempt<'a> {
    // Fields are dropped in this order: the group dies before the child may be reaped.
    group: Group,
    exit: Exit,
    child: Child,
    output: Output,
    input: Input,
    settings: &'a Settings,
    limit: Duration,
    phase: Phase,
    /// When the current phase ends.
    until: Instant,
    /// Why it was told to end; the first reason counts.
    cause: Option<Ended>,
    pid: u32,
}

impl<'a> Attempt<'a> {
    fn new(
        launcher: &'a Launcher,
        command: &Command,
        mut child: Child,
        start: Instant,
        limit: Duration,
    ) -> Self {
        // A child that was never waited for has an id.
        let pid = child.id().unwrap_or_default();
        let group = Group::led_by(pid);
        let settings = &launcher.settings;
        let mut cause = None;
        let exit = Exit::of(pid).unwrap_or_else(|error| {
            // Out of descriptors, say: without news of its end the program cannot be left running.
            group.kill();
            cause = Some(Ended::NotStarted { reason: format!("cannot watch process {pid}: {error}") });
            Exit::Seen
        });
        let output = Output {
            stdout: Capture::new(child.stdout.take(), settings.max_stdout),
            stderr: Capture::new(child.stderr.take(), settings.max_stderr),
        };
        let input = Input::new(child.stdin.take(), command.stdin.clone().unwrap_or_default());
        let until = after(start, limit);
        Self { group, exit, child, output, input, settings, limit, phase: Phase::Running, until, cause, pid }
    }

    async fn run(mut self, mut stop: watch::Receiver<Stop>) -> Report {
        let ended = self.until_exit(&mut stop).await;
        self.input.close();
        if ended {
            self.await_group(&mut stop).await;
        }
        let leaked = if ended { self.drain(&mut stop).await } else { false };
        let Self { group, exit, mut child, output, cause, pid, .. } = self;
        group.retire();
        drop(exit);
        let status = if ended { reap(&mut child, pid).await } else { None };
        let over = output.over_limit().map(|(stream, limit)| Ended::OverLimit { stream, limit });
        let ended = cause.or(over).unwrap_or_else(|| by_itself(status, leaked));
        Report {
            pid: Some(pid),
            stdout_truncated: output.stdout.truncated(),
            stderr_truncated: output.stderr.truncated(),
            stdout: output.stdout.into_bytes(),
            stderr: output.stderr.into_bytes(),
            ..Report::without_output(ended)
        }
    }

    /// Serves the program until it ends. False if it does not even after KILL.
    async fn until_exit(&mut self, stop: &mut watch::Receiver<Stop>) -> bool {
        let timer = sleep_until(self.until);
        tokio::pin!(timer);
        loop {
            if timer.deadline() != self.until {
                timer.as_mut().reset(self.until);
            }
            tokio::select! {
                // A program that ended in time is not late or cancelled; and no flood of output delays a stop.
                biased;
                () = self.exit.wait() => return true,
                grace = asked(stop) => self.stop(Ended::Cancelled, grace),
                () = &mut timer => match self.phase {
                    Phase::Running => self.stop(Ended::TimedOut { limit: self.limit }, self.settings.kill_grace),
                    Phase::Terminating => self.kill(),
                    Phase::Killed => {
                        tracing::error!(pid = self.pid, "a killed program does not end; its slot is given free");
                        return false;
                    }
                },
                () = self.output.step() => {
                    if let (Phase::Running, Some((stream, limit))) = (&self.phase, self.output.over_limit()) {
                        self.stop(Ended::OverLimit { stream, limit }, self.settings.kill_grace);
                    }
                }
                () = self.input.step() => {}
            }
        }
    }

    /// Goes down the ladder. A second request can only shorten the time to KILL.
    fn stop(&mut self, cause: Ended, grace: Duration) {
        let kill_at = after(Instant::now(), grace);
        match self.phase {
            Phase::Running => {
                self.cause = Some(cause);
                if grace.is_zero() {
                    return self.kill();
                }
                self.group.terminate();
                self.phase = Phase::Terminating;
                self.until = kill_at;
            }
            Phase::Terminating if grace.is_zero() => self.kill(),
            Phase::Terminating => self.until = self.until.min(kill_at),
            Phase::Killed => {}
        }
    }

    fn kill(&mut self) {
        self.group.kill();
        self.phase = Phase::Killed;
        self.until = after(Instant::now(), REAP);
    }

    /// Leaves the rest of a group its grace when the leader has died of TERM, as a shell in front of the real program
    /// does. Closed pipes tell that nobody is left who could clean up.
    async fn await_group(&mut self, stop: &mut watch::Receiver<Stop>) {
        while matches!(self.phase, Phase::Terminating) && self.output.is_open() {
            let until = self.until;
            tokio::select! {
                biased;
                grace = asked(stop) => self.stop(Ended::Cancelled, grace),
                () = sleep_until(until) => self.kill(),
                () = self.output.step() => {}
            }
        }
    }

    /// Reads what the ended program left in its pipes. True if somebody else holds them open.
    ///
    /// A stop ends it early: nobody waits for that output any more.
    async fn drain(&mut self, stop: &mut watch::Receiver<Stop>) -> bool {
        let cancelled = matches!(self.cause, Some(Ended::Cancelled));
        let last = after(Instant::now(), if cancelled { DRAIN_IDLE } else { DRAIN_MAX });
        // Above a cap nothing more matters: the verdict is known.
        while self.output.is_open() && self.output.over_limit().is_none() {
            let idle = after(Instant::now(), DRAIN_IDLE).min(last);
            tokio::select! {
                // Bytes that are there are read even if the worker was too busy to look in time.
                biased;
                _ = asked(stop) => return true,
                () = self.output.step() => {
                    if Instant::now() >= last {
                        return self.output.is_open();
                    }
                }
                () = sleep_until(idle) => return true,
            }
        }
        false
    }
}

/// Resolves with the grace of the next wish to end.
///
/// # Cancel safety
///
/// A wish is taken only when this resolves.
async fn asked(stop: &mut watch::Receiver<Stop>) -> Duration {
    while stop.changed().await.is_ok() {
        if let Some(grace) = *stop.borrow_and_update() {
            return grace;
        }
    }
    // The pool is gone, and this attempt goes with it.
    std::future::pending().await
}

async fn reap(child: &mut Child, pid: u32) -> Option<ExitStatus> {
    match tokio::time::timeout(REAP, child.wait()).await {
        Ok(Ok(status)) => Some(status),
        Ok(Err(error)) => {
            tracing::error!(%error, pid, "cannot learn how a program ended");
            None
        }
        Err(_) => {
            tracing::error!(pid, "a program that ended cannot be reaped");
            None
        }
    }
}

fn by_itself(status: Option<ExitStatus>, leaked: bool) -> Ended {
    let Some(status) = status else { return Ended::Lost };
    match (status.code(), status.signal()) {
        (Some(code), _) if leaked => Ended::Leaked { code },
        (Some(code), _) => Ended::Exited { code },
        (None, Some(signal)) => Ended::Signalled { signal },
        (None, None) => Ended::Lost,
    }
}

/// A moment `duration` later; one too far to count is in 30 years.
fn after(start: Instant, duration: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 3600);
    start + duration.min(FAR)
}
