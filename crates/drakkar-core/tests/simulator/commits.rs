//! Commits of a worker, on the core's machine, and what the broker makes of them.

use std::collections::BTreeMap;

use drakkar_core::{
    commit::{CommitRequest, Commits},
    ids::{Assignment, Offset},
};

use crate::{
    outside::{Outside, What},
    pace::{End, PaceCheck},
    violation::rule,
};

type Offsets = Vec<(Assignment, Offset)>;

/// What a worker hears of a commit.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Answered {
        stored: Offsets,
        failed: Offsets,
    },
    Failed(Offsets),
    Discarded(Offsets),
    /// The client left everything out: the group has it.
    Covered,
}

impl Reply {
    /// How a commit ends with it, and whether it tells so without naming anything.
    fn end(&self) -> (End, bool) {
        match self {
            Reply::Answered { failed, .. } if failed.is_empty() => (End::Well, false),
            Reply::Answered { .. } | Reply::Failed(_) => (End::Failed, false),
            Reply::Discarded(_) => (End::Discarded, false),
            Reply::Covered => (End::Well, true),
        }
    }

    /// Whether it may be about a commit of these offsets.
    fn names(&self, flight: &Offsets) -> bool {
        match self {
            Reply::Answered { stored, failed } => {
                stored.iter().chain(failed).any(|sent| flight.contains(sent))
            }
            Reply::Failed(sent) | Reply::Discarded(sent) => sent.iter().any(|sent| flight.contains(sent)),
            Reply::Covered => true,
        }
    }
}

#[derive(Debug)]
pub(crate) struct CommitSide {
    worker: u32,
    commits: Commits,
    pace: PaceCheck,
    scheduled: bool,
    /// What the machine was told, and what it asked to commit, by assignment.
    observed: BTreeMap<Assignment, Offset>,
    requested: BTreeMap<Assignment, Offset>,
    /// What the client library knows to be committed.
    known: BTreeMap<Assignment, Offset>,
    /// How many commits were issued, and what the last one has.
    issued: u64,
    flight: Offsets,
}

impl CommitSide {
    pub(crate) fn new(worker: u32, out: &Outside) -> Self {
        Self {
            worker,
            commits: Commits::new(out.setup.pace),
            pace: PaceCheck::new(out.setup.pace),
            scheduled: false,
            observed: BTreeMap::new(),
            requested: BTreeMap::new(),
            known: BTreeMap::new(),
            issued: 0,
            flight: Vec::new(),
        }
    }

    /// Looks at commits soon.
    pub(crate) fn wake(&mut self, wait: u64, out: &mut Outside) {
        if !std::mem::replace(&mut self.scheduled, true) {
            out.in_worker(wait, self.worker, What::Commit);
        }
    }

    pub(crate) fn observe(&mut self, assignment: Assignment, next: Offset) {
        self.commits.observe(assignment, next);
        self.observed.insert(assignment, next);
        self.pace.observed(assignment, next);
    }

    /// The next commit goes without waiting for its time.
    pub(crate) fn force(&mut self) {
        self.commits.force();
        self.pace.force();
    }

    pub(crate) fn remove(&mut self, assignment: Assignment) {
        self.commits.remove(assignment);
        self.observed.remove(&assignment);
        self.requested.remove(&assignment);
        self.known.remove(&assignment);
        self.pace.removed(assignment);
        self.flight.retain(|(a, _)| *a != assignment);
    }

    pub(crate) fn is_clean(&self, assignment: Assignment) -> bool {
        self.commits.is_clean([assignment])
    }

    /// Commits if it is time. Goes on until everything is committed.
    pub(crate) fn poll(&mut self, out: &mut Outside) {
        self.scheduled = false;
        let now = out.time();
        let over = self.commits.is_waiting() && self.pace.is_over(now);
        let expired = self.commits.expire(now);
        rule!(expired == over, "an unanswered commit is given up in time", "{expired} at {now:?}");
        if expired {
            out.stats.met("commits without an answer");
            self.pace.ended(End::Failed, now);
        }
        let waiting = self.commits.is_waiting();
        rule!(!(expired && waiting), "an unanswered commit is given up in time", "it is still in flight");
        let behind = !self.commits.is_clean(self.observed.keys().copied());
        let request = self.commits.poll(now);
        if !waiting {
            self.pace.polled(now, behind, request.as_ref().map(|r| &r.offsets[..]));
        }
        if let Some(CommitRequest { offsets }) = request {
            rule!(!waiting, "one commit is in flight", "{offsets:?}");
            rule!(behind, "a commit commits something", "{offsets:?}");
            self.check_request(&offsets);
            self.issued += 1;
            self.flight.clone_from(&offsets);
            self.send(offsets, out);
        }
        if self.commits.is_waiting() || !self.commits.is_clean(self.observed.keys().copied()) {
            let wait = 1 + out.rng.below(200_000);
            self.wake(wait, out);
        }
    }

    fn check_request(&mut self, offsets: &Offsets) {
        rule!(!offsets.is_empty(), "a commit commits something", "nothing");
        for (assignment, next) in offsets {
            let observed = self.observed.get(assignment);
            rule!(observed.is_some(), "commits are for partitions in hand", "{assignment}");
            rule!(
                observed == Some(next),
                "a commit has the newest offset",
                "{assignment}: {next}, not {observed:?}"
            );
            let known = self.known.get(assignment);
            rule!(
                known.is_none_or(|known| known < next),
                "a commit commits something",
                "{assignment}: {next}, of {known:?}"
            );
            let before = self.requested.insert(*assignment, *next);
            rule!(
                before.is_none_or(|b| b <= *next),
                "commits never go backwards",
                "{assignment}: {before:?}, {next}"
            );
        }
    }

    fn send(&mut self, mut offsets: Offsets, out: &mut Outside) {
        out.stats.met("commits");
        let sent = offsets.clone();
        out.note(|| format!("commit {sent:?}"));
        let worker = self.worker;
        let stale =
            offsets.iter().any(|(a, _)| out.topic.log(a.partition.0).owner != Some((worker, a.epoch)));
        if stale {
            // The generation is an old one: the broker refuses all of it.
            out.stats.met("commits of a stale generation");
            return self.reply(Reply::Discarded(offsets), out);
        }
        if out.goes_wrong(out.setup.commits_fail) && out.rng.percent(20) {
            let refused = offsets.remove(out.rng.index(offsets.len()));
            out.stats.met("offsets that were not stored");
            self.commits.refused(refused.0);
            self.flight.retain(|(a, _)| *a != refused.0);
        }
        if offsets.is_empty() {
            // The client has nothing to commit and says so.
            return self.reply(Reply::Covered, out);
        }
        if !out.goes_wrong(out.setup.commits_fail) {
            store(&offsets, out);
            return self.reply(Reply::Answered { stored: offsets, failed: Vec::new() }, out);
        }
        match out.rng.below(6) {
            0 => {
                let failed = offsets.split_off(out.rng.index(offsets.len()));
                store(&offsets, out);
                out.stats.met("commits that failed in part");
                self.reply(Reply::Answered { stored: offsets, failed }, out);
            }
            1 => {
                out.stats.met("commits that failed");
                self.reply(Reply::Failed(offsets), out);
            }
            2 => self.reply(Reply::Discarded(offsets), out),
            // It cannot even be sent.
            5 => self.answered(self.issued, Reply::Failed(offsets), out),
            // The broker stores it and the answer comes late, or it comes late that it did not.
            3 => {
                store(&offsets, out);
                self.reply_late(Reply::Answered { stored: offsets, failed: Vec::new() }, out);
            }
            _ => self.reply_late(Reply::Failed(offsets), out),
        }
    }

    fn reply(&mut self, reply: Reply, out: &mut Outside) {
        let wait = out.rng.delay(3_000);
        out.in_worker(wait, self.worker, What::CommitAnswered(self.issued, reply));
    }

    fn reply_late(&mut self, reply: Reply, out: &mut Outside) {
        if out.rng.percent(10) {
            return out.stats.met("commits that are never answered");
        }
        let timeout = out.setup.pace.timeout.as_micros() as u64;
        let wait = out.rng.below(timeout * 3);
        out.in_worker(wait, self.worker, What::CommitAnswered(self.issued, reply));
    }

    pub(crate) fn answered(&mut self, number: u64, reply: Reply, out: &mut Outside) {
        out.note(|| format!("commit {number} answered: {reply:?}"));
        let now = out.time();
        let waited = self.commits.is_waiting();
        let end = reply.end();
        let names = reply.names(&self.flight);
        match reply {
            Reply::Answered { stored, failed } => {
                for (assignment, next) in &stored {
                    if self.observed.contains_key(assignment) {
                        let known = self.known.entry(*assignment).or_insert(*next);
                        *known = (*known).max(*next);
                    }
                }
                self.commits.succeeded(&stored, &failed, now);
            }
            Reply::Failed(sent) => self.commits.failed(&sent, now),
            Reply::Discarded(sent) => self.commits.discarded(&sent, now),
            Reply::Covered => self.commits.covered(),
        }
        let waits = self.commits.is_waiting();
        rule!(!waits || number < self.issued, "an answered commit is over", "{number} is in flight");
        // Whose answer it is can be told by what it names alone.
        rule!(
            waits || names || !waited,
            "the answer of another commit ends none",
            "{number} of {}",
            self.issued
        );
        if (waited && !waits) || matches!(end, (End::Well, true)) {
            self.pace.ended(end.0, now);
        }
        for (assignment, next) in &self.observed {
            let committed = out.topic.log(assignment.partition.0).committed;
            rule!(
                !self.commits.is_clean([*assignment]) || committed >= Some(*next),
                "what counts as committed is committed",
                "{assignment}: {committed:?}, though {next} settled"
            );
        }
        if !self.commits.is_clean(self.observed.keys().copied()) {
            let wait = out.rng.below(50_000);
            self.wake(wait, out);
        }
    }
}

/// The broker stores offsets.
fn store(offsets: &Offsets, out: &mut Outside) {
    for (assignment, next) in offsets {
        out.topic.log(assignment.partition.0).commit(*next);
    }
}
