//! Backpressure on tasks that hold or await a slot.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::watch;

/// Closes at the high mark and opens again at the low mark.
///
/// Partitions ask it before they start a window, so the number can pass the high mark by what one window creates.
#[derive(Debug)]
pub(crate) struct TaskGate {
    tasks: AtomicUsize,
    high: usize,
    low: usize,
    open: watch::Sender<bool>,
}

impl TaskGate {
    pub(crate) fn new(high: usize, low: usize) -> Self {
        Self { tasks: AtomicUsize::new(0), high: high.max(1), low: low.max(1), open: watch::channel(true).0 }
    }

    pub(crate) fn watch(&self) -> watch::Receiver<bool> {
        self.open.subscribe()
    }

    /// Notes a task that now awaits a slot.
    pub(crate) fn enter(&self) {
        if self.tasks.fetch_add(1, Ordering::Relaxed) + 1 >= self.high {
            self.open.send_if_modified(|open| std::mem::replace(open, false));
        }
    }

    /// Notes that tasks need no slot any more.
    pub(crate) fn leave(&self, tasks: usize) {
        if tasks == 0 {
            return;
        }
        let left = self.tasks.fetch_sub(tasks, Ordering::Relaxed) - tasks;
        if left <= self.low {
            // The check runs under the channel's lock, so that an `enter` past the high mark in between is seen.
            self.open.send_if_modified(|open| {
                let reopen = !*open && self.tasks.load(Ordering::Relaxed) <= self.low;
                *open |= reopen;
                reopen
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closes_at_the_high_mark_and_opens_at_the_low_one() {
        let gate = TaskGate::new(4, 2);
        let open = gate.watch();
        for _ in 0..4 {
            assert!(*open.borrow());
            gate.enter();
        }
        assert!(!*open.borrow());
        gate.leave(1);
        assert!(!*open.borrow());
        gate.leave(1);
        assert!(*open.borrow());
    }
}
