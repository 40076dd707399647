//! The wish that a running program ends.

use std::{
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rustix::{
    event::{EventfdFlags, eventfd},
    io::{read, write},
};

/// Wakes the thread that serves a program, with the time the program gets between TERM and KILL.
#[derive(Debug)]
pub(crate) struct StopSignal {
    wanted: Mutex<Option<Duration>>,
    wake: OwnedFd,
}

impl StopSignal {
    pub(crate) fn new() -> std::io::Result<Self> {
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self { wanted: Mutex::new(None), wake })
    }

    /// Asks the program to end. Asked again, the shorter grace counts.
    pub(crate) fn ask(&self, grace: Duration) {
        let mut wanted = self.wanted();
        *wanted = Some(wanted.map_or(grace, |before| before.min(grace)));
        // It fails only when it is full of wishes, and then the thread wakes anyway.
        write(&self.wake, &1u64.to_ne_bytes()).unwrap_or_default();
    }

    /// What to wait on.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }

    /// Takes the wish.
    pub(crate) fn take(&self) -> Option<Duration> {
        let mut wanted = self.wanted();
        read(&self.wake, &mut [0; 8]).unwrap_or_default();
        wanted.take()
    }

    fn wanted(&self) -> MutexGuard<'_, Option<Duration>> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_grace_counts_and_is_taken_once() {
        let stop = StopSignal::new().unwrap();
        assert_eq!(stop.take(), None);
        for seconds in [5, 1, 3] {
            stop.ask(Duration::from_secs(seconds));
        }
        assert_eq!((stop.take(), stop.take()), (Some(Duration::from_secs(1)), None));
    }
}
