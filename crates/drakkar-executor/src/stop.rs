//! The wish that what runs in a slot ends.

use std::{
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use drakkar_core::ids::Assignment;
use rustix::{
    event::{EventfdFlags, eventfd},
    io::{read, write},
};

/// What is to end, and the time it gets between TERM and KILL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    /// Whose work; all of it if nobody is named.
    pub(crate) owner: Option<Assignment>,
    pub(crate) grace: Duration,
}

/// Wakes the thread that serves a slot.
#[derive(Debug)]
pub(crate) struct StopSignal {
    state: Mutex<State>,
    wake: OwnedFd,
}

#[derive(Debug, Default)]
struct State {
    wishes: Vec<Wish>,
    woken: bool,
}

impl StopSignal {
    pub(crate) fn new() -> std::io::Result<Self> {
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self { state: Mutex::default(), wake })
    }

    /// Asks what runs to end.
    pub(crate) fn ask(&self, wish: Wish) {
        let mut state = self.state();
        state.wishes.push(wish);
        self.wake(&mut state);
    }

    /// Wakes the thread without a wish.
    pub(crate) fn nudge(&self) {
        self.wake(&mut self.state());
    }

    /// What to wait on.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }

    /// Takes the wishes.
    pub(crate) fn take(&self) -> Vec<Wish> {
        let mut state = self.state();
        if std::mem::take(&mut state.woken) {
            read(&self.wake, &mut [0; 8]).unwrap_or_default();
        }
        std::mem::take(&mut state.wishes)
    }

    fn wake(&self, state: &mut State) {
        if !state.woken {
            state.woken = true;
            // It fails only when it is full, and then the thread wakes anyway.
            write(&self.wake, &1u64.to_ne_bytes()).unwrap_or_default();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use super::*;

    fn is_awake(stop: &StopSignal) -> bool {
        let mut fds = [PollFd::from_borrowed_fd(stop.fd(), PollFlags::IN)];
        poll(&mut fds, Some(&Timespec::default())).unwrap() == 1
    }

    #[test]
    fn wishes_wake_and_are_taken_once() {
        let stop = StopSignal::new().unwrap();
        assert!(stop.take().is_empty() && !is_awake(&stop));
        let wishes = [5, 1].map(|seconds| Wish { owner: None, grace: Duration::from_secs(seconds) });
        for wish in wishes {
            stop.ask(wish);
            assert!(is_awake(&stop));
        }
        assert_eq!(stop.take(), wishes);
        assert!(stop.take().is_empty() && !is_awake(&stop));
        stop.nudge();
        assert!(is_awake(&stop) && stop.take().is_empty() && !is_awake(&stop));
    }
}
