//! What waits for a time.

use std::{cmp::Reverse, collections::BinaryHeap};

use super::Owner;
use crate::ids::{TaskKey, Time};

/// Something that is due at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// The next attempt of a task.
    Task(TaskKey),
    /// Another delivery of failed outputs.
    Outputs(Owner),
    /// The brake lets a message through.
    Brake,
}

/// Timers, the earliest first. A timer that is not wanted any more is recognised by its number, which nobody has kept.
#[derive(Debug, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(Time, u64, Timer)>>,
    numbers: u64,
}

impl Timers {
    /// Adds a timer and gives it a number.
    pub fn add(&mut self, at: Time, timer: Timer) -> u64 {
        self.numbers += 1;
        self.heap.push(Reverse((at, self.numbers, timer)));
        self.numbers
    }

    /// When the first one is due.
    pub fn next(&self) -> Option<Time> {
        self.heap.peek().map(|Reverse((at, ..))| *at)
    }

    /// Takes one that is due, with its number.
    pub fn take_due(&mut self, now: Time) -> Option<(Timer, u64)> {
        let Reverse((at, ..)) = self.heap.peek()?;
        if *at > now {
            return None;
        }
        self.heap.pop().map(|Reverse((_, number, timer))| (timer, number))
    }

    /// Takes all of them.
    pub fn take_all(&mut self) -> Vec<(Timer, u64)> {
        let mut all: Vec<_> =
            std::mem::take(&mut self.heap).into_iter().map(|Reverse(entry)| entry).collect();
        all.sort_unstable();
        all.into_iter().map(|(_, number, timer)| (timer, number)).collect()
    }
}
