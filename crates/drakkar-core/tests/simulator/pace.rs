//! When a commit may go, and when it must.

use std::{collections::BTreeMap, time::Duration};

use drakkar_core::{
    commit::Pace,
    ids::{Assignment, Offset, Time},
};

use crate::violation::rule;

/// The longest wait after a failure, unless the interval is longer.
const LONGEST: Duration = Duration::from_secs(5);

/// How the commit in flight ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Well,
    Failed,
    Discarded,
}

#[derive(Debug)]
pub(crate) struct PaceCheck {
    pace: Pace,
    /// When the commit in flight, or the last one, was issued.
    issued: Time,
    /// When the next one is due.
    next: Time,
    /// It was asked for without waiting for its time.
    forced: bool,
    /// How many failed in a row.
    failures: u32,
    /// What the advance of each assignment is counted from.
    from: BTreeMap<Assignment, Offset>,
    /// One of them is so far ahead that the next commit goes early.
    far_ahead: bool,
}

impl PaceCheck {
    pub(crate) fn new(pace: Pace) -> Self {
        Self {
            pace,
            issued: Time(0),
            next: Time(0),
            forced: false,
            failures: 0,
            from: BTreeMap::new(),
            far_ahead: false,
        }
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

    /// Whether the commit in flight has been unanswered for too long.
    pub(crate) fn is_over(&self, now: Time) -> bool {
        now.since(self.issued) >= self.pace.timeout
    }

    pub(crate) fn ended(&mut self, end: End, now: Time) {
        match end {
            End::Well => self.failures = 0,
            End::Failed => {
                self.failures += 1;
                let doubled = self.pace.interval.saturating_mul(1 << (self.failures - 1).min(20));
                self.next = now.after(doubled.min(LONGEST.max(self.pace.interval)) / 2);
            }
            End::Discarded => {
                // What was asked for is not wanted any more.
                self.forced = false;
                self.next = now.after(self.pace.interval);
            }
        }
    }

    /// Nothing is in flight. Something may be to be committed, and went now, or did not.
    pub(crate) fn polled(&mut self, now: Time, behind: bool, went: Option<&[(Assignment, Offset)]>) {
        // Half of a wait is rounded.
        let nearly = Time(self.next.0 + 1);
        let early = self.forced || (self.far_ahead && self.failures == 0);
        self.far_ahead &= !(early || now >= self.next);
        let Some(offsets) = went else {
            let due = early || now > nearly;
            return rule!(
                !(behind && due),
                "a commit goes when it is time",
                "{now:?}, due at {:?}",
                self.next
            );
        };
        rule!(
            early || Time(now.0 + 1) >= self.next,
            "commits keep their pace",
            "{now:?}, due at {:?}",
            self.next
        );
        (self.issued, self.next, self.forced) = (now, now.after(self.pace.interval), false);
        for (assignment, next) in offsets {
            self.from.insert(*assignment, *next);
        }
    }
}
