//! Decides when offsets are committed, and what is known of each commit.
//!
//! Commits are coalesced and asynchronous: one is in flight at a time and covers every assignment that advanced. The next
//! one waits for its answer, as two that are under way at once can arrive in either order. Only one whose answer is surely
//! lost is given up and issued again with the newest offsets; one that the group refuses because it
//! moved on is given up without forgetting what settled. No clock and no I/O: the caller says what time it is, performs the
//! [`CommitRequest`] and reports its answer.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    ids::{Assignment, Offset, Time},
    retry::RetryPolicy,
};

/// The longest wait before a commit that failed is tried again.
const BACKOFF: Duration = Duration::from_secs(5);

/// The pace of commits.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Time between two commits.
    pub interval: Duration,
    /// Time after which an unanswered commit counts as failed: far more than the client takes to answer each of them. A
    /// client that still tries it then could take the group back to its offsets.
    pub timeout: Duration,
    /// Offsets one assignment may be ahead of its last commit before the next one goes without waiting for its time.
    pub advance: u64,
}

/// One commit: the next-to-read offset of every assignment that advanced.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct CommitRequest {
    /// The offsets, in the order of the assignments.
    pub offsets: Vec<(Assignment, Offset)>,
}

/// What one assignment has reached.
#[derive(Clone, Copy, Debug)]
struct Reached {
    settled: Offset,
    acknowledged: Option<Offset>,
    /// What `advance` is counted from: the last offset that was issued, or the first that was seen.
    counted_from: Offset,
}

impl Reached {
    fn is_behind(&self) -> bool {
        self.acknowledged.is_none_or(|a| a < self.settled)
    }
}

#[derive(Clone, Debug)]
struct InFlight {
    since: Time,
    /// In the order of the assignments.
    offsets: Vec<(Assignment, Offset)>,
    /// An older commit was unanswered when it went, so that an answer proves only what it names.
    doubtful: bool,
}

impl InFlight {
    fn offset_of(&self, assignment: Assignment) -> Option<Offset> {
        let at = self.offsets.binary_search_by_key(&assignment, |(a, _)| *a).ok()?;
        Some(self.offsets[at].1)
    }
}

/// The commits of one worker. See the [module](self).
#[derive(Debug)]
pub struct Commits {
    pace: Pace,
    reached: BTreeMap<Assignment, Reached>,
    in_flight: Option<InFlight>,
    /// Commits that were issued and not answered, given up or not.
    unanswered: u32,
    next: Time,
    failures: u32,
    /// The next commit goes as soon as none is in flight.
    forced: bool,
    /// An assignment is so far ahead that the next commit goes early. A backoff still holds it.
    far_ahead: bool,
}

impl Commits {
    /// No assignment, nothing in flight.
    pub fn new(pace: Pace) -> Self {
        Self {
            pace,
            reached: BTreeMap::new(),
            in_flight: None,
            unanswered: 0,
            next: Time(0),
            failures: 0,
            forced: false,
            far_ahead: false,
        }
    }

    /// Notes that everything of an assignment before `next` settled. Never goes backwards.
    pub fn observe(&mut self, assignment: Assignment, next: Offset) {
        let fresh = Reached { settled: next, acknowledged: None, counted_from: next };
        let reached = self.reached.entry(assignment).or_insert(fresh);
        reached.settled = reached.settled.max(next);
        let ahead = reached.settled.0.saturating_sub(reached.counted_from.0);
        self.far_ahead |= ahead.unsigned_abs() >= self.pace.advance;
    }

    /// Forgets an assignment: nothing more is committed for it, and answers that still come are not for it.
    pub fn remove(&mut self, assignment: Assignment) {
        self.reached.remove(&assignment);
        self.refused(assignment);
    }

    /// Takes an assignment out of the commit in flight, as its offset could not be sent. It goes with a later one.
    pub fn refused(&mut self, assignment: Assignment) {
        if let Some(flight) = &mut self.in_flight {
            flight.offsets.retain(|(a, _)| *a != assignment);
            if flight.offsets.is_empty() {
                self.in_flight = None;
            }
        }
    }

    /// Lets the next commit go without waiting for its time: for partitions that go, and at the end.
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

    /// Since when the commit in flight waits for its answer.
    pub fn waiting_since(&self) -> Option<Time> {
        self.in_flight.as_ref().map(|flight| flight.since)
    }

    /// Gives the commit in flight up if it has been unanswered for too long. Returns whether it did.
    pub fn expire(&mut self, now: Time) -> bool {
        let expired = self.in_flight.as_ref().is_some_and(|f| now.since(f.since) >= self.pace.timeout);
        if expired {
            self.give_up(now);
        }
        expired
    }

    /// What to commit now, if anything.
    pub fn poll(&mut self, now: Time) -> Option<CommitRequest> {
        self.expire(now);
        let due = now >= self.next || self.forced || (self.far_ahead && self.failures == 0);
        if self.in_flight.is_some() || !due {
            return None;
        }
        let mut offsets = Vec::new();
        for (assignment, reached) in self.reached.iter_mut().filter(|(_, r)| r.is_behind()) {
            reached.counted_from = reached.settled;
            offsets.push((*assignment, reached.settled));
        }
        self.far_ahead = false;
        if offsets.is_empty() {
            return None;
        }
        self.forced = false;
        self.next = now.after(self.pace.interval);
        let doubtful = self.unanswered > 0;
        self.unanswered += 1;
        self.in_flight = Some(InFlight { since: now, offsets: offsets.clone(), doubtful });
        Some(CommitRequest { offsets })
    }

    /// The broker stored these offsets and refused those, for the commit in flight or for one that was given up before.
    ///
    /// What was in flight and is in neither list was left out because the group has it already. After a commit that was
    /// given up nobody can tell whose answer this is: then what it does not name goes again.
    pub fn succeeded(&mut self, stored: &[(Assignment, Offset)], failed: &[(Assignment, Offset)], now: Time) {
        for (assignment, offset) in stored {
            self.acknowledge(*assignment, *offset);
        }
        self.unanswered = self.unanswered.saturating_sub(1);
        if !self.answers(stored.iter().chain(failed)) {
            return;
        }
        if failed.is_empty() {
            self.end_flight();
        } else {
            self.give_up(now);
        }
    }

    /// The group has every offset of the commit in flight already, or higher ones.
    pub fn covered(&mut self) {
        self.unanswered = self.unanswered.saturating_sub(1);
        self.end_flight();
    }

    /// The commit in flight went well. What its answer did not name is in the group already, unless the answer is that of
    /// another commit.
    fn end_flight(&mut self) {
        let flight = self.in_flight.take().filter(|f| !f.doubtful);
        for (assignment, offset) in flight.into_iter().flat_map(|f| f.offsets) {
            self.acknowledge(assignment, offset);
        }
        self.failures = 0;
    }

    /// A commit of these offsets failed in a way that may pass: the newest offsets go again after a wait. The answer to a
    /// commit that was given up before changes nothing.
    pub fn failed(&mut self, sent: &[(Assignment, Offset)], now: Time) {
        self.unanswered = self.unanswered.saturating_sub(1);
        if self.answers(sent.iter()) {
            self.give_up(now);
        }
    }

    /// The group moved on: the commit is given up. What settled stays noted and goes with a later commit.
    pub fn discarded(&mut self, sent: &[(Assignment, Offset)], now: Time) {
        self.unanswered = self.unanswered.saturating_sub(1);
        if self.answers(sent.iter()) {
            self.in_flight = None;
            self.forced = false;
            self.next = now.after(self.pace.interval);
        }
    }

    /// Whether an answer about these offsets is about the commit in flight. One that names none is.
    fn answers<'a>(&self, sent: impl Iterator<Item = &'a (Assignment, Offset)>) -> bool {
        let Some(flight) = &self.in_flight else { return false };
        let mut sent = sent.peekable();
        sent.peek().is_none() || sent.any(|(a, o)| flight.offset_of(*a) == Some(*o))
    }

    fn acknowledge(&mut self, assignment: Assignment, offset: Offset) {
        if let Some(reached) = self.reached.get_mut(&assignment) {
            reached.acknowledged = reached.acknowledged.max(Some(offset));
        }
    }

    fn give_up(&mut self, now: Time) {
        self.in_flight = None;
        self.failures = self.failures.saturating_add(1);
        let policy = RetryPolicy {
            max_attempts: u32::MAX,
            max_elapsed: Duration::MAX,
            initial: self.pace.interval,
            max: BACKOFF.max(self.pace.interval),
        };
        // Half of the bound: a broker that is down is not asked in a tight loop, and every run is the same.
        self.next = now.after(policy.backoff(self.failures, u64::MAX / 2));
    }
}

#[cfg(test)]
mod tests;
