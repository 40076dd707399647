//! When a commit may go, and when it must.

use std::collections::BTreeMap;

use drakkar_core::{
    commit::Pace,
    ids::{Assignment, Offset, Time},
};

use crate::violation::rule;

#[derive(Debug)]
pub(crate) struct PaceCheck {
    pace: Pace,
    /// When the last commit was issued.
    last: Option<Time>,
    /// The next one was asked for without waiting for its time.
    forced: bool,
    /// The last one did not go well: the machine waits as it likes, within bounds.
    trouble: bool,
    /// What the advance of each assignment is counted from.
    from: BTreeMap<Assignment, Offset>,
    /// One of them is so far ahead that the next commit goes early.
    far_ahead: bool,
}

impl PaceCheck {
    pub(crate) fn new(pace: Pace) -> Self {
        Self { pace, last: None, forced: false, trouble: false, from: BTreeMap::new(), far_ahead: false }
    }

    pub(crate) fn observed(&mut self, assignment: Assignment, next: Offset) {
        let from = *self.from.entry(assignment).or_insert(next);
        self.far_ahead |= (next.0 - from.0) as u64 >= self.pace.advance;
    }

    pub(crate) fn removed(&mut self, assignment: Assignment) {
        self.from.remove(&assignment);
    }

    pub(crate) fn force(&mut self) {
        self.forced = true;
    }

    /// The last commit was answered, or given up.
    pub(crate) fn ended(&mut self, well: bool) {
        self.trouble = !well;
    }

    /// The group moved on: what was asked for is not wanted any more.
    pub(crate) fn discarded(&mut self) {
        self.forced = false;
    }

    /// Something is to be committed, and nothing is in flight: whether a commit went now.
    pub(crate) fn polled(&mut self, now: Time, went: Option<&[(Assignment, Offset)]>) {
        let since = self.last.map(|last| now.since(last));
        let early = self.forced || self.far_ahead;
        match went {
            None => {
                let due = self.forced
                    || (!self.trouble && (early || since.is_none_or(|s| s >= self.pace.interval)));
                rule!(!due, "a commit goes when it is time", "{since:?} after the last one");
            }
            Some(offsets) => {
                // The wait after a failure is drawn around the interval.
                let least = if self.trouble { self.pace.interval / 2 } else { self.pace.interval };
                let in_time = since.is_none_or(|since| since >= least);
                rule!(early || in_time, "commits keep their pace", "{since:?} after the last one");
                self.last = Some(now);
                self.forced = false;
                for (assignment, next) in offsets {
                    self.from.insert(*assignment, *next);
                }
            }
        }
        self.far_ahead = false;
    }
}
