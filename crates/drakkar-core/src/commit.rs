//! Decides when offsets are committed, and what is known of each commit.
//!
//! Commits are coalesced and asynchronous: one is in flight at a time and covers every assignment that advanced. A commit
//! whose outcome is unknown after a while is issued again with the newest offsets; one that the group refuses because it
//! moved on is given up without forgetting what settled.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    ids::{Assignment, Offset, PartitionId, Time},
    retry::RetryPolicy,
};

/// The pace of commits.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Time between two commits.
    pub interval: Duration,
    /// Time after which an unanswered commit counts as failed.
    pub timeout: Duration,
}

/// What one assignment has reached.
#[derive(Clone, Copy, Debug, Default)]
struct Reached {
    settled: Option<Offset>,
    acknowledged: Option<Offset>,
}

impl Reached {
    fn is_behind(&self) -> bool {
        self.settled > self.acknowledged
    }
}

#[derive(Clone, Debug)]
struct InFlight {
    since: Time,
    offsets: Vec<(Assignment, Offset)>,
}

/// The commits of one worker. See the [module](self).
#[derive(Debug)]
pub struct Commits {
    pace: Pace,
    reached: BTreeMap<Assignment, Reached>,
    in_flight: Option<InFlight>,
    next: Time,
    failures: u32,
    forced: bool,
}

impl Commits {
    /// No assignment, nothing in flight.
    pub fn new(pace: Pace) -> Self {
        Self { pace, reached: BTreeMap::new(), in_flight: None, next: Time(0), failures: 0, forced: false }
    }

    /// Notes that everything of an assignment before `next` settled. Never goes backwards.
    pub fn observe(&mut self, assignment: Assignment, next: Offset) {
        let reached = self.reached.entry(assignment).or_default();
        reached.settled = reached.settled.max(Some(next));
    }

    /// Forgets an assignment: nothing more is committed for it.
    pub fn remove(&mut self, assignment: Assignment) {
        self.reached.remove(&assignment);
        if let Some(flight) = &mut self.in_flight {
            flight.offsets.retain(|(a, _)| *a != assignment);
            if flight.offsets.is_empty() {
                self.in_flight = None;
            }
        }
    }

    /// Lets the next commit go without waiting for its time.
    pub fn force(&mut self) {
        self.forced = true;
    }

    /// Whether everything these assignments settled is acknowledged.
    pub fn is_clean(&self, assignments: impl IntoIterator<Item = Assignment>) -> bool {
        assignments.into_iter().all(|a| !self.reached.get(&a).is_some_and(Reached::is_behind))
    }

    /// Whether a commit is in flight.
    pub fn is_waiting(&self) -> bool {
        self.in_flight.is_some()
    }

    /// What to commit now, if anything.
    pub fn poll(&mut self, now: Time) -> Option<Vec<(Assignment, Offset)>> {
        if self.in_flight.as_ref().is_some_and(|f| now.since(f.since) >= self.pace.timeout) {
            self.give_up(now);
        }
        if self.in_flight.is_some() || (now < self.next && !self.forced) {
            return None;
        }
        let offsets: Vec<_> = self
            .reached
            .iter()
            .filter(|(_, r)| r.is_behind())
            .filter_map(|(a, r)| Some((*a, r.settled?)))
            .collect();
        if offsets.is_empty() {
            return None;
        }
        self.forced = false;
        self.next = now.after(self.pace.interval);
        self.in_flight = Some(InFlight { since: now, offsets: offsets.clone() });
        Some(offsets)
    }

    /// Whether the commit in flight just passed its time; [`Commits::poll`] will issue another one.
    pub fn is_overdue(&self, now: Time) -> bool {
        self.in_flight.as_ref().is_some_and(|f| now.since(f.since) >= self.pace.timeout)
    }

    /// The broker stored these offsets, for this commit or for one that was given up before.
    pub fn acknowledged(&mut self, stored: &[(PartitionId, Offset)]) {
        for (partition, offset) in stored {
            // At most one assignment of a partition is current; an acknowledgement never exceeds what it settled.
            let of_partition = self.reached.iter_mut().filter(|(a, _)| a.partition == *partition);
            for (_, reached) in of_partition.filter(|(_, r)| r.settled >= Some(*offset)) {
                reached.acknowledged = reached.acknowledged.max(Some(*offset));
            }
        }
        let done = |flight: &InFlight| {
            flight
                .offsets
                .iter()
                .all(|(a, offset)| self.reached.get(a).is_none_or(|r| r.acknowledged >= Some(*offset)))
        };
        if self.in_flight.as_ref().is_some_and(done) {
            self.in_flight = None;
            self.failures = 0;
        }
    }

    /// The commit in flight failed in a way that may pass.
    pub fn failed(&mut self, now: Time) {
        if self.in_flight.is_some() {
            self.give_up(now);
        }
    }

    /// The group moved on: the commit is given up. What settled stays noted and goes with a later commit.
    pub fn discarded(&mut self, now: Time) {
        self.in_flight = None;
        self.forced = false;
        self.next = now.after(self.pace.interval);
    }

    fn give_up(&mut self, now: Time) {
        self.in_flight = None;
        self.failures = self.failures.saturating_add(1);
        let policy = RetryPolicy {
            max_attempts: u32::MAX,
            max_elapsed: Duration::MAX,
            initial: self.pace.interval,
            max: Duration::from_secs(5),
        };
        // Half of the bound at least: a broker that is down is not asked in a tight loop.
        self.next = now.after(policy.backoff(self.failures, u64::MAX / 2));
    }
}

#[cfg(test)]
mod tests;
