//! A slot's thread talking to one child: requests out, answers in, each within its time.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use drakkar_core::{
    frames::{Answer, Frame, Request},
    ids::Assignment,
    outcome::{Ended, Report, Stream},
};

use super::{
    Keeper,
    child::{Child, Flow, Trouble},
    roster::{Offer, Roster},
};
use crate::{
    attempt::{Bench, after, is_success, log_slow, slow_from},
    folders::Folder,
    job::Waiting,
    launch::Launcher,
    settings::OnOutputLimit,
    stop::{StopSignal, Wish},
};

/// The longest wait for a child that another thread may give back.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Gives the next job for the same children, told for whom the session works now.
pub(crate) type Line<'a> = dyn FnMut(&[Assignment]) -> Option<Waiting> + 'a;

/// Serves a job and those that the line gives after it. All of them are answered when this returns.
pub(crate) fn serve(
    launcher: &Launcher,
    keeper: &Keeper,
    roster: &Arc<Roster>,
    first: Waiting,
    stop: &StopSignal,
    bench: &mut Bench,
    line: &mut Line<'_>,
) {
    let start = Instant::now();
    let Some((first, child)) = child_for(launcher, roster, first, stop, bench) else { return };
    let spawn_time = start.elapsed();
    let session = Session {
        launcher,
        roster,
        stop,
        bench,
        child,
        held: Vec::new(),
        owners: Vec::new(),
        spawn_time,
        heard: Instant::now(),
        kill_at: None,
    };
    if let Some(child) = session.run(first, line)
        && let Some(child) = roster.give_back(child)
    {
        keeper.retire(child, roster);
    }
}

/// Finds or starts a child for a job, which is answered here if there is none.
fn child_for(
    launcher: &Launcher,
    roster: &Arc<Roster>,
    job: Waiting,
    stop: &StopSignal,
    bench: &mut Bench,
) -> Option<(Waiting, Child)> {
    let since = Instant::now();
    let limit = job.job.task.command().and_then(|c| c.timeout).unwrap_or(launcher.settings.timeout);
    let fail = |job: Waiting, ended| {
        let queue_wait = since.saturating_duration_since(job.since);
        job.answer(Report { queue_wait, run_time: since.elapsed(), ..Report::without_output(ended) });
    };
    loop {
        let now = Instant::now();
        match roster.offer(now) {
            Offer::Idle(mut child) => match child.look(&mut bench.scratch) {
                None => return Some((job, *child)),
                Some(reason) => {
                    let ended = child.end(launcher, Duration::ZERO, &mut bench.scratch);
                    roster.ended(&ended, reason);
                }
            },
            Offer::Start(alive) => {
                return match roster.start(launcher, &mut bench.stack, alive) {
                    Ok(child) => Some((job, child)),
                    Err(reason) => {
                        fail(job, Ended::NotStarted { reason });
                        None
                    }
                };
            }
            Offer::Wait(at) => {
                if now.duration_since(since) >= limit {
                    let reason = format!(
                        "no resident child of `{}` within {:.1} s: they end without an answer",
                        roster.path().display(),
                        limit.as_secs_f64()
                    );
                    fail(job, Ended::NotStarted { reason });
                    return None;
                }
                if stopped_within(stop, &job, at.min(now + LOOK_AGAIN)) {
                    fail(job, Ended::Cancelled);
                    return None;
                }
            }
        }
    }
}

/// Waits until a moment. True if the job is not wanted any more.
fn stopped_within(stop: &StopSignal, job: &Waiting, until: Instant) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let mut fds = [PollFd::from_borrowed_fd(stop.fd(), PollFlags::IN)];
    let timeout = Timespec::try_from(until.saturating_duration_since(Instant::now())).ok();
    // Interrupted, it is looked at again.
    poll(&mut fds, timeout.as_ref()).unwrap_or_default();
    stop.take().iter().any(|wish| wish.owner.is_none_or(|owner| owner == job.job.owner))
}

/// A request that the child holds.
struct Held {
    id: u64,
    folder: Option<Arc<Folder>>,
    waiting: Waiting,
    sent: Instant,
    limit: Duration,
    sent_bytes: u64,
    /// When it gets no more time, because nobody wants its answer.
    cancelled: Option<Instant>,
    /// When it is logged as slow.
    slow: Option<Instant>,
}

struct Session<'a> {
    launcher: &'a Launcher,
    roster: &'a Arc<Roster>,
    stop: &'a StopSignal,
    bench: &'a mut Bench,
    child: Child,
    held: Vec<Held>,
    owners: Vec<Assignment>,
    /// Time it took to get the child, counted for the first request.
    spawn_time: Duration,
    /// When something came from the child, or the first request was sent.
    heard: Instant,
    /// When a child that was told to end is killed.
    kill_at: Option<Instant>,
}

/// Why the child cannot go on.
struct Fault {
    reason: Trouble,
    /// The request that is to blame, and how it ended.
    culprit: Option<(u64, Ended)>,
    /// Time between TERM and KILL.
    grace: Duration,
}

impl<'a> Session<'a> {
    /// Serves until the line gives nothing more. Returns the child unless it had to be ended.
    fn run(mut self, first: Waiting, line: &mut Line<'_>) -> Option<Child> {
        if !self.child.ready {
            match self.await_ready(&first) {
                Ok(true) => {}
                Ok(false) => {
                    first.cancelled();
                    return Some(self.child);
                }
                Err(fault) => {
                    let (reason, stderr) = self.end(fault);
                    let report = Report { stderr, ..Report::without_output(Ended::ChildFailed { reason }) };
                    first.answer(report);
                    return None;
                }
            }
        }
        self.add(first);
        loop {
            // A request without a frame was answered at once, so there may be room again.
            while self.may_take() {
                self.owners.clear();
                self.owners.extend(self.held.iter().map(|held| held.waiting.job.owner));
                match line(&self.owners) {
                    Some(next) => self.add(next),
                    None => break,
                }
            }
            if self.held.is_empty() {
                return Some(self.child);
            }
            if let Err(fault) = self.turn() {
                self.fail(fault);
                return None;
            }
        }
    }

    /// Whether the child may be given another request.
    fn may_take(&mut self) -> bool {
        self.held.len() < self.roster.settings.depth.max(1)
            && self.kill_at.is_none()
            && !self.child.is_due(Instant::now())
    }

    /// Waits until the child says that it is ready. False if the job is not wanted any more.
    fn await_ready(&mut self, first: &Waiting) -> Result<bool, Fault> {
        let limit = self.roster.settings.ready_timeout;
        let until = after(self.child.started, limit);
        while !self.child.ready {
            let woke = self.child.wait(Some(self.stop.fd()), Some(until));
            if woke.stop {
                let wishes = self.stop.take();
                if wishes.iter().any(|wish| wish.owner.is_none_or(|owner| owner == first.job.owner)) {
                    return Ok(false);
                }
            }
            if let Some(reason) = self.child.look(&mut self.bench.scratch) {
                return Err(self.fault(reason));
            }
            if !self.child.ready && Instant::now() >= until {
                return Err(self.fault(format!("it was not ready within {:.1} s", limit.as_secs_f64())));
            }
        }
        Ok(true)
    }

    /// Gives the child another request.
    fn add(&mut self, waiting: Waiting) {
        let settings = &self.launcher.settings;
        let Some(command) = waiting.job.task.command() else {
            return waiting.answer(Report::without_output(Ended::Lost));
        };
        let limit = command.timeout.unwrap_or(settings.timeout);
        let id = self.child.next_id();
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let (command, folder) = match self.launcher.with_folder(command) {
            Ok(ready) => ready,
            Err(reason) => {
                let queue_wait = waiting.since.elapsed();
                let ended = Ended::NotStarted { reason };
                return waiting.answer(Report { queue_wait, ..Report::without_output(ended) });
            }
        };
        let command = &*command;
        let request = Request { id, command, deadline: since_1970.saturating_add(limit) };
        let encoded = if command.limits == Default::default() {
            request.encode(self.roster.settings.protocol, self.child.out())
        } else {
            Err("a request cannot have limits of its own; set `executor.limits` for its children".to_owned())
        };
        if let Err(reason) = encoded {
            let reason = format!("cannot ask `{}`: {reason}", self.roster.path().display());
            let queue_wait = waiting.since.elapsed();
            let report = Report { queue_wait, ..Report::without_output(Ended::NotStarted { reason }) };
            return waiting.answer(report);
        }
        let sent = Instant::now();
        if self.held.is_empty() {
            self.heard = sent;
        }
        let sent_bytes = command.stdin.as_ref().map_or(0, |stdin| stdin.len() as u64);
        self.held.push(Held {
            id,
            folder,
            waiting,
            sent,
            limit,
            sent_bytes,
            cancelled: None,
            slow: slow_from(settings, sent),
        });
    }

    /// Writes, waits for whatever comes first, and takes it.
    fn turn(&mut self) -> Result<(), Fault> {
        // What is not read any more shows in the end of the child, which has its own reason.
        self.child.write();
        let woke = self.child.wait(Some(self.stop.fd()), Some(self.next_deadline()));
        if woke.stderr {
            self.child.read_stderr(&mut self.bench.scratch);
        }
        if woke.stdout || woke.ended {
            self.read(woke.ended)?;
        }
        if woke.stop {
            for wish in self.stop.take() {
                self.asked(wish);
            }
        }
        self.check_time()
    }

    /// The next moment at which something is due.
    fn next_deadline(&self) -> Instant {
        let of = |held: &Held| [Some(after(held.sent, held.limit)), held.cancelled, held.slow];
        let requests = self.held.iter().flat_map(of);
        let heartbeat = self.roster.settings.heartbeat;
        let silent = (!heartbeat.is_zero()).then(|| after(self.heard, heartbeat));
        let far = after(self.heard, Duration::MAX);
        requests.chain([silent, self.kill_at]).flatten().min().unwrap_or(far)
    }

    /// Takes what the child says. What it said before it ended counts.
    fn read(&mut self, ended: bool) -> Result<(), Fault> {
        loop {
            let flow = self.child.read_stdout(&mut self.bench.scratch);
            let before = self.child.decoder.held();
            self.frames()?;
            match flow {
                Flow::Open => self.child.settle_room(),
                Flow::Ended => return Err(self.fault(Trouble::Ended)),
                Flow::NoRoom => {
                    let reason =
                        "an answer for which `executor.max_running_output_bytes` has no room".to_owned();
                    return Err(self.fault(reason));
                }
            }
            if !ended {
                return Ok(());
            }
            // The rest of what it wrote; something it left behind may hold the pipe open for ever.
            if before == self.child.decoder.held() && !self.child.wait(None, None).stdout {
                return Err(self.fault(Trouble::Ended));
            }
        }
    }

    fn frames(&mut self) -> Result<(), Fault> {
        loop {
            let frame = match self.child.decoder.next_frame() {
                Ok(Some(frame)) => frame,
                Ok(None) => return Ok(()),
                Err(error) => return Err(self.fault(error.to_string())),
            };
            self.heard = Instant::now();
            match frame {
                Frame::Ready => {}
                Frame::Heartbeat { id } => {
                    if !self.held.iter().any(|held| held.id == id) {
                        return Err(
                            self.fault(format!("a heartbeat for request {id}, which it does not hold"))
                        );
                    }
                }
                Frame::Answer(answer) => {
                    let Some(at) = self.held.iter().position(|held| held.id == answer.id) else {
                        let id = answer.id;
                        return Err(self.fault(format!("an answer to request {id}, which it does not hold")));
                    };
                    let held = self.held.remove(at);
                    self.answer(held, answer);
                }
            }
        }
    }

    /// Answers a request with what the child said.
    fn answer(&mut self, mut held: Held, answer: Answer) {
        self.child.served += 1;
        if self.child.served == 1 {
            self.roster.answered();
        }
        let settings = &self.launcher.settings;
        let over = |stream, bytes: &Bytes, limit| {
            let fails = settings.on_output_limit == OnOutputLimit::Fail && bytes.len() as u64 > limit;
            fails.then_some(Ended::OverLimit { stream, limit })
        };
        let ended = over(Stream::Stdout, &answer.stdout, settings.max_stdout)
            .or_else(|| over(Stream::Stderr, &answer.stderr, settings.max_stderr))
            .unwrap_or(Ended::Exited { code: answer.exit_code });
        let success =
            held.waiting.job.task.command().is_some_and(|command| is_success(settings, command, &ended));
        if !success && self.roster.settings.replace_after_failure {
            self.child.spent = true;
        }
        let cut = |bytes: Bytes, limit: u64| {
            let length = usize::try_from(limit).unwrap_or(usize::MAX).min(bytes.len());
            (length < bytes.len(), bytes.len() as u64, bytes.slice(..length))
        };
        let (stdout_truncated, stdout_bytes, stdout) = cut(answer.stdout, settings.max_stdout);
        let (stderr_truncated, stderr_bytes, stderr) = cut(answer.stderr, settings.max_stderr);
        let report = Report {
            success,
            stdout,
            stderr,
            stdout_truncated,
            stderr_truncated,
            stdout_bytes,
            stderr_bytes,
            ..self.report(&mut held, ended)
        };
        held.waiting.answer(report);
    }

    /// What is known of any request.
    fn report(&mut self, held: &mut Held, ended: Ended) -> Report {
        Report {
            pid: u32::try_from(self.child.pid()).ok(),
            stdin_bytes: held.sent_bytes,
            queue_wait: held.sent.saturating_duration_since(held.waiting.since),
            spawn_time: std::mem::take(&mut self.spawn_time),
            run_time: held.sent.elapsed(),
            folder: held.folder.take().map(|folder| folder as _),
            ..Report::without_output(ended)
        }
    }

    /// Takes a wish to end.
    fn asked(&mut self, wish: Wish) {
        let now = Instant::now();
        match wish.owner {
            // Others may use the child: it gets the time to answer, and goes only if it does not.
            Some(owner) => {
                let until = after(now, wish.grace / 2);
                for held in self.held.iter_mut().filter(|held| held.waiting.job.owner == owner) {
                    held.cancelled = Some(held.cancelled.map_or(until, |before| before.min(until)));
                }
            }
            // All ends: there is no use for the child any more.
            None => {
                let until = after(now, wish.grace);
                self.child.spent = true;
                self.child.terminate();
                self.kill_at = Some(self.kill_at.map_or(until, |before| before.min(until)));
                for held in &mut self.held {
                    held.cancelled = Some(held.cancelled.map_or(until, |before| before.min(until)));
                }
            }
        }
    }

    /// Ends what is late.
    fn check_time(&mut self) -> Result<(), Fault> {
        let now = Instant::now();
        if self.kill_at.is_some_and(|at| now >= at) {
            return Err(Fault {
                grace: Duration::ZERO,
                ..self.fault("it was told to end and did not".to_owned())
            });
        }
        let pid = self.child.pid();
        for held in &mut self.held {
            if held.slow.is_some_and(|at| now >= at) {
                held.slow = None;
                log_slow(&held.waiting.job.task, pid, now.duration_since(held.sent));
            }
        }
        for held in &self.held {
            if held.cancelled.is_some_and(|at| now >= at) {
                let reason = "a request that it held was cancelled".to_owned();
                return Err(Fault { grace: self.launcher.settings.kill_grace / 2, ..self.fault(reason) });
            }
            if now >= after(held.sent, held.limit) {
                let reason =
                    format!("request {} was not answered within {:.3} s", held.id, held.limit.as_secs_f64());
                let culprit = Some((held.id, Ended::TimedOut { limit: held.limit }));
                return Err(Fault { culprit, ..self.fault(reason) });
            }
        }
        let heartbeat = self.roster.settings.heartbeat;
        if !heartbeat.is_zero() && now >= after(self.heard, heartbeat) {
            return Err(self.fault(format!("it was silent for {:.1} s", heartbeat.as_secs_f64())));
        }
        Ok(())
    }

    fn fault(&self, reason: impl Into<Trouble>) -> Fault {
        Fault { reason: reason.into(), culprit: None, grace: self.launcher.settings.kill_grace }
    }

    /// Ends the child and answers what it held.
    fn fail(mut self, fault: Fault) {
        let held = std::mem::take(&mut self.held);
        let culprit = fault.culprit.clone();
        let mut reports: Vec<_> = held
            .into_iter()
            .map(|mut held| {
                let ended = match &culprit {
                    Some((id, ended)) if *id == held.id => Some(ended.clone()),
                    _ => held.cancelled.map(|_| Ended::Cancelled),
                };
                let report = self.report(&mut held, Ended::Lost);
                (held, ended, report)
            })
            .collect();
        let (reason, stderr) = self.end(fault);
        for (held, ended, report) in reports.drain(..) {
            let ended = ended.unwrap_or_else(|| Ended::ChildFailed { reason: reason.clone() });
            let stderr_bytes = stderr.len() as u64;
            let run_time = held.sent.elapsed();
            held.waiting.answer(Report { ended, stderr: stderr.clone(), stderr_bytes, run_time, ..report });
        }
    }

    /// Ends the child. Returns the whole reason, and the end of what it wrote to its standard error.
    fn end(self, fault: Fault) -> (String, Bytes) {
        let Self { launcher, roster, bench, child, kill_at, .. } = self;
        let asked = kill_at.is_some();
        let ended = child.end(launcher, fault.grace, &mut bench.scratch);
        let reason = if asked {
            tracing::info!(pid = ended.pid, how = ended.how, "resident child ended with the pool");
            fault.reason.in_words(&ended.how)
        } else {
            roster.ended(&ended, fault.reason)
        };
        (reason, ended.tail.into())
    }
}
