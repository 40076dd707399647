//! What was met: a simulator that meets nothing proves nothing.

use std::collections::BTreeMap;

/// What some hundred seeds must have met, or they were spent in vain.
const EXPECTED: &[&str] = &[
    "answers that came twice",
    "attempts that were stopped",
    "brakes off",
    "brakes on",
    "commits of a stale generation",
    "commits that are never answered",
    "commits that failed",
    "commits that failed in part",
    "commits without an answer",
    "crashes",
    "dead letters that had to wait",
    "dead messages",
    "delivered messages",
    "drains cut short",
    "drains in time",
    "failed calls of arrange",
    "failed hooks",
    "fetches that had to wait",
    "freezes",
    "jumps of time",
    "losses",
    "messages that were done twice",
    "offsets that were not stored",
    "orderly stops",
    "outages of sinks",
    "probes of sinks",
    "processes ended by a message",
    "redeliveries",
    "refused offsets",
    "replacements",
    "retries",
    "returned messages",
    "revokes",
    "skipped messages",
    "strange plans",
    "tasks for several messages",
    "unparsed messages",
    "window hooks",
];

/// Counts by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stats {
    counts: BTreeMap<&'static str, u64>,
    /// Distinct messages.
    pub(crate) messages: u64,
    pub(crate) steps: u64,
}

impl Stats {
    pub(crate) fn met(&mut self, what: &'static str) {
        self.add(what, 1);
    }

    pub(crate) fn add(&mut self, what: &'static str, count: u64) {
        *self.counts.entry(what).or_default() += count;
    }

    /// What should have been met and was not.
    pub(crate) fn not_met(&self) -> Vec<&'static str> {
        EXPECTED.iter().copied().filter(|what| !self.counts.contains_key(what)).collect()
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.messages += other.messages;
        self.steps += other.steps;
        for (what, count) in &other.counts {
            self.add(what, *count);
        }
    }

    pub(crate) fn describe(&self) -> String {
        let counts: Vec<_> = self.counts.iter().map(|(what, count)| format!("{what} {count}")).collect();
        counts.join(", ")
    }
}
