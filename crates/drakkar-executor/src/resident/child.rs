//! One resident child: its process, its pipes, and how long it stays.

use std::{
    fs,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    os::unix::process::ExitStatusExt,
    process::ExitStatus,
    sync::Arc,
    time::{Duration, Instant},
};

use drakkar_core::frames::{Decoder, Frame};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::{Errno, read, write},
};

use super::{
    roster::{Alive, random_fraction},
    tail::Tail,
};
use crate::{
    attempt::{self, REAP, after},
    group::Group,
    launch::{Connected, Launcher},
    pipes::Scratch,
    room::{Grant, Room},
    settings::Resident,
    spawn::Started,
};

/// Between two looks at the memory of a child.
const LOOK: Duration = Duration::from_secs(1);

/// A child that runs. Dropped without [`Child::end`], its group is killed.
#[derive(Debug)]
pub(crate) struct Child {
    program: Started,
    group: Option<Group>,
    stdin: Option<OwnedFd>,
    stdout: Option<OwnedFd>,
    stderr: Option<OwnedFd>,
    pub(super) decoder: Decoder,
    /// What the decoder may hold.
    grant: Grant,
    pub(super) tail: Tail,
    /// What was not written yet.
    out: Vec<u8>,
    written: usize,
    /// Whether it may be given requests.
    pub(super) ready: bool,
    pub(super) started: Instant,
    /// Since when nobody has talked to it.
    pub(super) idle_since: Instant,
    /// Answers it gave.
    pub(super) served: u64,
    next_id: u64,
    /// When it is replaced: after so many answers, then, or above so much memory.
    most: u64,
    expires: Option<Instant>,
    most_rss: u64,
    looked: Instant,
    /// Whether it must not be used again.
    pub(super) spent: bool,
    _alive: Alive,
}

/// How a child's output goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// There may be more.
    Open,
    /// There will be no more.
    Ended,
    /// There is no memory for what comes.
    NoRoom,
}

/// Why a child must go.
#[derive(Clone, Debug)]
pub(super) enum Trouble {
    /// It ended by itself.
    Ended,
    /// It did something that it must not.
    Wrong(String),
}

impl Trouble {
    /// The reason in words, told how the child ended.
    pub(super) fn in_words(self, how: &str) -> String {
        match self {
            Trouble::Ended => format!("it {how}"),
            Trouble::Wrong(what) => what,
        }
    }
}

impl From<String> for Trouble {
    fn from(what: String) -> Self {
        Trouble::Wrong(what)
    }
}

/// What there is to do for a child.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Woke {
    pub(super) stop: bool,
    pub(super) ended: bool,
    pub(super) stdout: bool,
    pub(super) stderr: bool,
}

impl Child {
    pub(super) fn new(
        connected: Connected,
        settings: &Resident,
        most_frame: usize,
        room: &Arc<Room>,
        alive: Alive,
    ) -> Self {
        let now = Instant::now();
        // A tenth earlier or later, so that children that started together do not go together.
        let jitter = 0.9 + 0.2 * random_fraction();
        let some = |limit: u64| if limit == 0 { u64::MAX } else { (limit as f64 * jitter).ceil() as u64 };
        let Connected { program, stdin, stdout, stderr } = connected;
        Self {
            group: Some(Group::led_by(program.pid)),
            program,
            stdin: Some(stdin),
            stdout: Some(stdout),
            stderr: Some(stderr),
            decoder: Decoder::new(settings.protocol, most_frame),
            grant: Grant::new(room),
            tail: Tail::default(),
            out: Vec::new(),
            written: 0,
            ready: settings.ready_timeout.is_zero(),
            started: now,
            idle_since: now,
            served: 0,
            next_id: 1,
            most: some(settings.max_requests),
            expires: (!settings.max_age.is_zero()).then(|| after(now, settings.max_age.mul_f64(jitter))),
            most_rss: some(settings.max_rss),
            looked: now,
            spent: false,
            _alive: alive,
        }
    }

    pub(super) fn pid(&self) -> i32 {
        self.program.pid
    }

    /// An id for the next request.
    pub(super) fn next_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    /// What is to be written; [`Child::write`] does it.
    pub(super) fn out(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// Whether it is to be replaced as soon as it holds no request.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        if self.spent || self.served >= self.most || self.expires.is_some_and(|at| now >= at) {
            self.spent = true;
        } else if self.most_rss < u64::MAX && now.duration_since(self.looked) >= LOOK {
            self.looked = now;
            self.spent = resident_memory(self.pid()).is_some_and(|rss| rss > self.most_rss);
        }
        self.spent
    }

    /// Waits until there is something to do, or a moment. Without a signal it only looks at the child.
    pub(super) fn wait(&self, stop: Option<BorrowedFd<'_>>, until: Option<Instant>) -> Woke {
        // An absent descriptor is left out by waiting for nothing on one that is there.
        let some = stop.or(self.fds().into_iter().flatten().next());
        let Some(some) = some else { return Woke { ended: true, ..Woke::default() } };
        let nothing = (some, PollFlags::empty());
        let [stdout, stderr, stdin] = self.fds();
        let input = |fd: Option<_>| fd.map_or(nothing, |fd| (fd, PollFlags::IN));
        let unwritten = stdin.filter(|_| self.written < self.out.len());
        let wanted = [
            input(stop),
            input(self.program.pidfd.as_ref().map(AsFd::as_fd)),
            input(stdout),
            input(stderr),
            unwritten.map_or(nothing, |fd| (fd, PollFlags::OUT)),
        ];
        let mut fds = wanted.each_ref().map(|(fd, flags)| PollFd::from_borrowed_fd(*fd, *flags));
        let timeout = until.map_or(Duration::ZERO, |at| at.saturating_duration_since(Instant::now()));
        let timeout = Timespec::try_from(timeout).ok();
        if poll(&mut fds, timeout.as_ref()).is_err() {
            // Interrupted: whoever waits looks again.
            return Woke::default();
        }
        let is = |index: usize| !wanted[index].1.is_empty() && !fds[index].revents().is_empty();
        // Room for input shows in the next attempt to write.
        Woke { stop: is(0), ended: is(1), stdout: is(2), stderr: is(3) }
    }

    fn fds(&self) -> [Option<BorrowedFd<'_>>; 3] {
        [&self.stdout, &self.stderr, &self.stdin].map(|fd| fd.as_ref().map(AsFd::as_fd))
    }

    /// Writes what fits. False once the child reads no more.
    pub(super) fn write(&mut self) -> bool {
        while self.written < self.out.len() {
            let Some(stdin) = &self.stdin else { return false };
            match write(stdin, &self.out[self.written..]) {
                Ok(count) => self.written += count,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return true,
                Err(_) => {
                    self.stdin = None;
                    return false;
                }
            }
        }
        self.out.clear();
        self.out.shrink_to(64 << 10);
        self.written = 0;
        true
    }

    /// Takes what is there of standard output.
    pub(super) fn read_stdout(&mut self, scratch: &mut Scratch) -> Flow {
        let Some(stdout) = &self.stdout else { return Flow::Ended };
        match read(stdout, &mut *scratch.0) {
            Ok(0) => self.stdout = None,
            Ok(count) => self.decoder.feed(&scratch.0[..count]),
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(error) => {
                tracing::warn!(%error, pid = self.pid(), "cannot read the answers of a resident child");
                self.stdout = None;
            }
        }
        let held = self.decoder.held() as u64;
        if held > self.grant.bytes() && self.grant.ask(2 * held, held) < held {
            return Flow::NoRoom;
        }
        if self.stdout.is_some() { Flow::Open } else { Flow::Ended }
    }

    /// Gives back the room of frames that were taken.
    pub(super) fn settle_room(&mut self) {
        self.grant.keep(self.decoder.held() as u64);
    }

    /// Takes what is there of standard error.
    pub(super) fn read_stderr(&mut self, scratch: &mut Scratch) {
        let Some(stderr) = &self.stderr else { return };
        match read(stderr, &mut *scratch.0) {
            Ok(count) if count > 0 => self.tail.add(&scratch.0[..count]),
            Err(Errno::INTR | Errno::AGAIN) => {}
            _ => self.stderr = None,
        }
    }

    /// What it says while nobody talks to it. A reason if it must go.
    pub(super) fn look(&mut self, scratch: &mut Scratch) -> Option<Trouble> {
        let wrong = |what: &str| Some(Trouble::Wrong(what.to_owned()));
        let woke = self.wait(None, None);
        if woke.stderr {
            self.read_stderr(scratch);
        }
        if woke.stdout {
            if self.read_stdout(scratch) == Flow::NoRoom {
                return wrong("it wrote without being asked");
            }
            loop {
                match self.decoder.next_frame() {
                    Ok(Some(Frame::Ready)) => self.ready = true,
                    Ok(Some(_)) => return wrong("it answered a request that it was not given"),
                    Ok(None) => break,
                    Err(error) => return Some(error.to_string().into()),
                }
            }
        }
        let gone = woke.ended || self.stdout.is_none() || self.has_ended();
        gone.then_some(Trouble::Ended)
    }

    /// Whether it has ended, where the kernel has no descriptor that tells.
    fn has_ended(&self) -> bool {
        self.program.pidfd.is_none() && self.group.as_ref().is_none_or(Group::leader_has_ended)
    }

    /// Tells it that there will be no more requests.
    pub(super) fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Asks it to end.
    pub(super) fn terminate(&self) {
        if let Some(group) = &self.group {
            group.terminate();
        }
    }

    /// Ends it at once.
    pub(super) fn kill(&self) {
        if let Some(group) = &self.group {
            group.kill();
        }
    }

    /// Ends it: TERM, KILL after the grace. Tells how it ended; its last errors are in the tail.
    pub(super) fn end(mut self, launcher: &Launcher, grace: Duration, scratch: &mut Scratch) -> Ended {
        self.close_stdin();
        let mut ended = self.await_end(Instant::now(), scratch);
        if !ended && !grace.is_zero() {
            self.terminate();
            ended = self.await_end(after(Instant::now(), grace), scratch);
        }
        if !ended {
            self.kill();
            ended = self.await_end(after(Instant::now(), REAP), scratch);
        }
        self.bury(launcher, ended, scratch)
    }

    /// Takes note of its end, which was waited for.
    pub(super) fn bury(mut self, launcher: &Launcher, ended: bool, scratch: &mut Scratch) -> Ended {
        if self.wait(None, None).stderr {
            self.read_stderr(scratch);
        }
        if let Some(group) = self.group.take() {
            group.retire();
        }
        let reaped = if ended { attempt::reap(self.pid()) } else { None };
        match reaped {
            Some(_) => launcher.forget_child(self.pid()),
            None => {
                tracing::error!(pid = self.pid(), "a killed resident child does not end");
                launcher.leave_for_later(self.pid());
            }
        }
        let how = reaped.map_or_else(
            || "does not end".to_owned(),
            |reaped| match ExitStatus::from_raw(reaped.status) {
                status if status.signal().is_some() => {
                    format!("ended by signal {}", status.signal().unwrap_or_default())
                }
                status => format!("exited with code {}", status.code().unwrap_or_default()),
            },
        );
        Ended {
            how,
            served: self.served,
            pid: self.pid(),
            last_line: self.tail.last_line(),
            tail: self.tail.bytes(),
        }
    }

    /// Waits for the end until a moment, reading what it still writes so that it can.
    pub(super) fn await_end(&mut self, until: Instant, scratch: &mut Scratch) -> bool {
        // Without a descriptor for the end there is only looking.
        const BLIND: Duration = Duration::from_millis(10);
        loop {
            let now = Instant::now();
            let wake = if self.program.pidfd.is_some() { until } else { until.min(now + BLIND) };
            let woke = self.wait(None, Some(wake));
            if woke.stderr {
                self.read_stderr(scratch);
            }
            if woke.stdout {
                // Answers that nobody waits for any more.
                self.read_stdout(scratch);
                self.decoder.discard();
            }
            if woke.ended || self.has_ended() {
                return true;
            }
            if Instant::now() >= until {
                return false;
            }
        }
    }
}

/// How a child ended.
#[derive(Clone, Debug)]
pub(super) struct Ended {
    pub(super) how: String,
    pub(super) served: u64,
    pub(super) pid: i32,
    pub(super) last_line: String,
    pub(super) tail: Vec<u8>,
}

impl Drop for Child {
    fn drop(&mut self) {
        // Only after a panic: everything else ends it in order.
        if let Some(group) = self.group.take() {
            group.retire();
            attempt::reap(self.program.pid);
        }
    }
}

fn resident_memory(pid: i32) -> Option<u64> {
    let statm = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

/// One that is being ended without anybody waiting for it.
#[derive(Debug)]
pub(super) struct Retiring {
    pub(super) child: Child,
    pub(super) terminate_at: Option<Instant>,
    pub(super) kill_at: Instant,
    pub(super) give_up_at: Instant,
    pub(super) roster: Arc<super::Roster>,
}

impl Retiring {
    /// Leaves it less time.
    pub(super) fn hurry(&mut self, kill_at: Instant) {
        if kill_at < self.kill_at {
            self.kill_at = kill_at;
            self.give_up_at = after(kill_at.max(Instant::now()), REAP);
            self.terminate_at = self.terminate_at.map(|at| at.min(kill_at));
        }
    }
}
