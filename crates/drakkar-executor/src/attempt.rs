//! One run of one program, from its start to its last trace, on a thread of its own.

use std::{
    os::fd::AsFd,
    os::unix::process::ExitStatusExt,
    process::ExitStatus,
    thread,
    time::{Duration, Instant},
};

use drakkar_core::{
    outcome::{Ended, Report},
    task::{Command, Task},
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::{
    group::Group,
    launch::{Launched, Launcher},
    memory::Peak,
    pipes::{Input, Output, Scratch},
    settings::Settings,
    spawn::{self, Reaped, Stack},
    stop::StopSignal,
};

/// Time without output after which the pipes of an ended program count as held by somebody else.
const DRAIN_IDLE: Duration = Duration::from_millis(200);
/// Time after which they do even if output goes on.
const DRAIN_MAX: Duration = Duration::from_secs(2);
/// Time a killed program gets to vanish: one stuck in the kernel must not hold its slot for ever.
pub(crate) const REAP: Duration = Duration::from_secs(5);
/// How often to look for the end of a program where the kernel does not tell.
const LOOK: Duration = Duration::from_millis(10);

/// What a thread uses for one program after the other.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) stack: Stack,
    pub(crate) scratch: Scratch,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self { stack: Stack::new(), scratch: Scratch::new() }
    }
}

/// Runs a command to its end. Everything it started is gone when this returns, unless the system cannot end it.
pub(crate) fn run(
    launcher: &Launcher,
    task: &Task,
    command: &Command,
    stop: &StopSignal,
    bench: &mut Bench,
) -> Report {
    let start = Instant::now();
    let (command, folder) = match launcher.with_folder(command) {
        Ok(ready) => ready,
        Err(reason) => return Report::without_output(Ended::NotStarted { reason }),
    };
    let command = &*command;
    let launched = launcher.launch(command, &mut bench.stack);
    let spawn_time = start.elapsed();
    let report = match launched {
        Ok(launched) => {
            let limit = command.timeout.unwrap_or(launcher.settings.timeout);
            let sent = command.stdin.as_ref().map_or(0, |bytes| bytes.len() as u64);
            let attempt = Attempt::new(launcher, task, launched, start, limit, stop, &mut bench.scratch);
            Report { stdin_bytes: sent, ..attempt.run(launcher) }
        }
        Err(reason) => Report::without_output(Ended::NotStarted { reason }),
    };
    let success = is_success(&launcher.settings, command, &report.ended);
    let folder = folder.map(|folder| folder as _);
    Report { success, spawn_time, run_time: start.elapsed(), folder, ..report }
}

/// Whether a program ended as its task or the settings want it to.
pub(crate) fn is_success(settings: &Settings, command: &Command, ended: &Ended) -> bool {
    let codes = match command.success_codes.as_slice() {
        [] => &settings.success_codes,
        codes => codes,
    };
    ended.exit_code().is_some_and(|code| codes.contains(&code))
}

/// When a task that was started at this moment counts as slow.
pub(crate) fn slow_from(settings: &Settings, start: Instant) -> Option<Instant> {
    (!settings.slow_after.is_zero()).then(|| after(start, settings.slow_after))
}

pub(crate) fn log_slow(task: &Task, pid: i32, so_far: Duration) {
    tracing::warn!(
        category = "executor",
        task = task.id(),
        pid,
        seconds = so_far.as_secs_f64(),
        "task runs for long"
    );
}

/// How far down the ladder a program is.
#[derive(Clone, Copy)]
enum Phase {
    /// Nobody asked it to end.
    Running,
    /// TERM was sent; KILL follows.
    Terminating,
    /// KILL was sent.
    Killed,
}

/// What the thread woke up for.
#[derive(Default)]
struct Woke {
    ended: bool,
    stop: bool,
    output: bool,
}

struct Attempt<'a> {
    task: &'a Task,
    /// When it is logged as slow.
    slow: Option<Instant>,
    start: Instant,
    group: Group,
    program: spawn::Started,
    output: Output,
    input: Input,
    settings: &'a Settings,
    stop: &'a StopSignal,
    scratch: &'a mut Scratch,
    peak: Peak,
    limit: Duration,
    phase: Phase,
    /// When the current phase ends.
    until: Instant,
    /// Why it was told to end; the first reason counts.
    cause: Option<Ended>,
}

impl<'a> Attempt<'a> {
    fn new(
        launcher: &'a Launcher,
        task: &'a Task,
        launched: Launched,
        start: Instant,
        limit: Duration,
        stop: &'a StopSignal,
        scratch: &'a mut Scratch,
    ) -> Self {
        let Launched { program, output, input } = launched;
        Self {
            task,
            slow: slow_from(&launcher.settings, start),
            start,
            group: Group::led_by(program.pid),
            peak: Peak::of(program.pid, start),
            program,
            output,
            input,
            settings: &launcher.settings,
            stop,
            scratch,
            limit,
            phase: Phase::Running,
            until: after(start, limit),
            cause: None,
        }
    }

    fn run(mut self, launcher: &Launcher) -> Report {
        let ended = self.until_exit();
        self.input.close();
        if ended {
            self.await_group();
        }
        let leaked = ended && self.drain();
        let Self { group, program, output, cause, peak, .. } = self;
        group.retire();
        let pid = program.pid;
        let reaped = if ended { reap(pid) } else { None };
        match reaped {
            Some(_) => launcher.forget_child(pid),
            None => launcher.leave_for_later(pid),
        }
        let over = output.over_limit().map(|(stream, limit)| Ended::OverLimit { stream, limit });
        let ended = cause.or(over).unwrap_or_else(|| by_itself(reaped, leaked));
        Report {
            pid: u32::try_from(pid).ok(),
            stdout_truncated: output.stdout.truncated(),
            stderr_truncated: output.stderr.truncated(),
            stdout_bytes: output.stdout.total(),
            stderr_bytes: output.stderr.total(),
            stdout: output.stdout.into_bytes(),
            stderr: output.stderr.into_bytes(),
            cpu_user: reaped.map_or(Duration::ZERO, |r| r.user),
            cpu_system: reaped.map_or(Duration::ZERO, |r| r.system),
            peak_memory: peak.finish(reaped.map(|r| r.peak_memory)),
            ..Report::without_output(ended)
        }
    }

    /// Waits for whatever comes first, until a moment, and moves bytes.
    fn wait(&mut self, until: Instant, for_end: bool) -> Woke {
        let pidfd = self.program.pidfd.as_ref().filter(|_| for_end);
        let blind = for_end && pidfd.is_none();
        let mut timeout = until.saturating_duration_since(Instant::now());
        if blind {
            timeout = timeout.min(LOOK);
        }
        let (ended, stop, stdout, stderr, stdin);
        {
            // An absent descriptor is left out by waiting for nothing on the one that is always there.
            let wake = self.stop.fd();
            let nothing = (wake, PollFlags::empty());
            let wanted = [
                (wake, PollFlags::IN),
                pidfd.map(AsFd::as_fd).map_or(nothing, |fd| (fd, PollFlags::IN)),
                self.output.stdout.fd().map_or(nothing, |fd| (fd, PollFlags::IN)),
                self.output.stderr.fd().map_or(nothing, |fd| (fd, PollFlags::IN)),
                self.input.fd().map_or(nothing, |fd| (fd, PollFlags::OUT)),
            ];
            let mut fds = wanted.map(|(fd, flags)| PollFd::from_borrowed_fd(fd, flags));
            let limit = Timespec::try_from(timeout).ok();
            // An interrupted wait looks again, as one that ended early does.
            if poll(&mut fds, limit.as_ref()).is_err() {
                return Woke::default();
            }
            let ready = |index: usize| !wanted[index].1.is_empty() && !fds[index].revents().is_empty();
            (stop, ended, stdout, stderr, stdin) = (ready(0), ready(1), ready(2), ready(3), ready(4));
        }
        if stdout {
            self.output.stdout.read(self.scratch);
        }
        if stderr {
            self.output.stderr.read(self.scratch);
        }
        if stdin {
            self.input.write();
        }
        let ended = ended || (blind && self.group.leader_has_ended());
        Woke { ended, stop, output: stdout || stderr }
    }

    /// Serves the program until it ends. False if it does not even after KILL.
    fn until_exit(&mut self) -> bool {
        loop {
            let sample = self.peak.next();
            let next = self.slow.map_or(sample, |slow| slow.min(sample));
            let woke = self.wait(self.until.min(next), true);
            // A program that ended in time is not late or cancelled.
            if woke.ended {
                return true;
            }
            if woke.stop {
                self.asked();
            }
            let now = Instant::now();
            if now >= sample {
                self.peak.sample(now);
            }
            if self.slow.is_some_and(|at| now >= at) {
                self.slow = None;
                log_slow(self.task, self.program.pid, now.duration_since(self.start));
            }
            if now >= self.until {
                match self.phase {
                    Phase::Running => {
                        self.stop(Ended::TimedOut { limit: self.limit }, self.settings.kill_grace);
                    }
                    Phase::Terminating => self.kill(),
                    Phase::Killed => {
                        let pid = self.program.pid;
                        tracing::error!(pid, "a killed program does not end; its slot is given free");
                        return false;
                    }
                }
            }
            if let (true, Phase::Running, Some((stream, limit))) =
                (woke.output, self.phase, self.output.over_limit())
            {
                self.stop(Ended::OverLimit { stream, limit }, self.settings.kill_grace);
            }
        }
    }

    /// Takes wishes to end. The program runs for one owner only: any wish is meant for it.
    fn asked(&mut self) {
        if let Some(grace) = self.stop.take().iter().map(|wish| wish.grace).min() {
            self.stop(Ended::Cancelled, grace);
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
    fn await_group(&mut self) {
        while matches!(self.phase, Phase::Terminating) && self.output.is_open() {
            if self.wait(self.until, false).stop {
                self.asked();
            } else if Instant::now() >= self.until {
                self.kill();
            }
        }
    }

    /// Reads what the ended program left in its pipes. True if somebody else holds them open.
    ///
    /// A stop ends it early: nobody waits for that output any more.
    fn drain(&mut self) -> bool {
        let cancelled = matches!(self.cause, Some(Ended::Cancelled));
        let last = after(Instant::now(), if cancelled { DRAIN_IDLE } else { DRAIN_MAX });
        let mut idle = after(Instant::now(), DRAIN_IDLE).min(last);
        // Above a cap nothing more matters: the verdict is known.
        while self.output.is_open() && self.output.over_limit().is_none() {
            let woke = self.wait(idle, false);
            if woke.stop {
                return true;
            }
            let now = Instant::now();
            if woke.output {
                idle = after(now, DRAIN_IDLE).min(last);
                if now >= last {
                    return self.output.is_open();
                }
            } else if now >= idle {
                return true;
            }
        }
        false
    }
}

/// Reaps a program that has ended.
pub(crate) fn reap(pid: i32) -> Option<Reaped> {
    let deadline = Instant::now() + REAP;
    loop {
        match spawn::try_reap(pid) {
            Ok(Some(reaped)) => return Some(reaped),
            Ok(None) if Instant::now() < deadline => thread::park_timeout(Duration::from_millis(1)),
            Ok(None) => {
                tracing::error!(pid, "a program that ended cannot be reaped");
                return None;
            }
            Err(error) => {
                tracing::error!(%error, pid, "cannot learn how a program ended");
                return None;
            }
        }
    }
}

pub(crate) fn by_itself(reaped: Option<Reaped>, leaked: bool) -> Ended {
    let Some(status) = reaped.map(|r| ExitStatus::from_raw(r.status)) else { return Ended::Lost };
    match (status.code(), status.signal()) {
        (Some(code), _) if leaked => Ended::Leaked { code },
        (Some(code), _) => Ended::Exited { code },
        (None, Some(signal)) => Ended::Signalled { signal },
        (None, None) => Ended::Lost,
    }
}

/// A moment `duration` later; one too far to count is in 30 years.
pub(crate) fn after(start: Instant, duration: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 3600);
    start + duration.min(FAR)
}
