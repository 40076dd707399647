//! When a partition's fetching is paused, and when the thread waits a moment instead.

use std::time::{Duration, Instant};

use drakkar_core::{ids::Assignment, source::SourceEvent};
use rdkafka::consumer::Consumer;

use crate::{assignment::Assignments, thread::SourceThread, wake};

/// The longest time to throttle: what takes longer to drain is paused instead, so that others are not kept waiting.
const THROTTLE_AT_MOST: Duration = Duration::from_millis(100);

/// Whether a partition should be paused, given whether it is, the records that wait, the most that may, and whether
/// everything is held.
///
/// It resumes at half of the mark: each pause throws away what was prefetched.
pub(crate) fn wants_pause(paused: bool, waiting: u64, most: u64, hold_all: bool) -> bool {
    let mark = if paused { most / 2 + 1 } else { most };
    hold_all || waiting >= mark
}

/// Whether every queue that is used is so full that its records are better left where they are for a moment.
///
/// A pause would throw away what was prefetched; where the queues drain within a blink, waiting is far cheaper.
fn is_full_enough(assignments: &Assignments, most: u64, throttled: bool) -> bool {
    let mark = if throttled { most / 4 } else { most / 2 };
    let mut used = assignments.iter().filter(|a| !a.paused && a.progress.queued() > 0).peekable();
    used.peek().is_some() && used.all(|a| a.progress.queued() >= mark)
}

impl SourceThread {
    /// Whether to wait a moment instead of polling for records.
    pub(crate) fn throttle(&mut self, now: Instant) -> bool {
        let most = self.settings.queue_max_messages as u64;
        if !is_full_enough(&self.assignments, most, self.throttled.is_some()) {
            self.throttled = None;
            return false;
        }
        now.duration_since(*self.throttled.get_or_insert(now)) < THROTTLE_AT_MOST
    }

    /// Pauses and resumes, once per edge. Looks at all partitions, or only at those that just got records.
    pub(crate) fn flow(&mut self, all: bool) {
        let full = if self.bytes_full { !self.bytes.has_room() } else { self.bytes.is_full() };
        let all = all || full != self.bytes_full;
        self.bytes_full = full;
        let hold_all = full || self.control.intake_stopped();
        let most = self.settings.queue_max_messages as u64;
        let (mut pause, mut resume) = (Vec::new(), Vec::new());
        let touched = if all { self.assignments.numbers() } else { std::mem::take(&mut self.touched) };
        for partition in touched {
            // A partition that goes is left alone: librdkafka holds it, and its records are dropped.
            let Some(assigned) = self.assignments.get_mut(partition).filter(|a| !a.revoking) else {
                continue;
            };
            let wanted = wants_pause(assigned.paused, assigned.waiting(), most, hold_all);
            if wanted != assigned.paused {
                assigned.paused = wanted;
                self.held |= wanted;
                if wanted { &mut pause } else { &mut resume }.push(assigned.assignment);
            }
        }
        self.edge(&pause, true);
        self.edge(&resume, false);
        self.touched.clear();
    }

    fn edge(&mut self, assignments: &[Assignment], paused: bool) {
        if assignments.is_empty() {
            return;
        }
        let list = self.list(assignments.iter().map(|a| a.partition.0));
        let done = if paused { self.consumer.pause(&list) } else { self.consumer.resume(&list) };
        if let Err(error) = done {
            let what = if paused { "pause" } else { "resume" };
            self.outbox.trouble(format!("failed to {what} fetching: {error}"));
        }
        if !paused {
            wake::fetchers(&self.consumer, &self.credentials);
        }
        for assignment in assignments {
            self.outbox.emit(SourceEvent::Flow { assignment: *assignment, paused });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_at_the_mark_and_resumes_at_half_of_it() {
        assert!(!wants_pause(false, 9, 10, false));
        assert!(wants_pause(false, 10, 10, false));
        assert!(wants_pause(true, 6, 10, false));
        assert!(!wants_pause(true, 5, 10, false));
        assert!(wants_pause(false, 1, 1, false) && !wants_pause(true, 0, 1, false));
        assert!(wants_pause(false, 0, 10, true));
    }

    #[test]
    fn no_edge_follows_itself_and_the_queue_stays_below_the_mark() {
        let (mut paused, mut waiting, mut edges) = (false, 0u64, Vec::new());
        for n in 0..10_000u64 {
            waiting = if paused { waiting.saturating_sub(n % 7) } else { waiting + n % 5 };
            let wanted = wants_pause(paused, waiting, 100, false);
            if wanted != paused {
                edges.push(wanted);
                paused = wanted;
            }
            assert!(waiting < 100 + 5);
        }
        assert!(edges.len() > 10 && edges.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn waits_only_while_every_queue_that_is_used_is_full_enough() {
        let mut assignments = Assignments::default();
        let queues = assignments.add(&[0, 1, 2]);
        assert!(!is_full_enough(&assignments, 100, false), "none is used");
        queues[0].progress.enqueued(50);
        assert!(is_full_enough(&assignments, 100, false));
        queues[1].progress.enqueued(49);
        assert!(!is_full_enough(&assignments, 100, false));
        assert!(is_full_enough(&assignments, 100, true), "once it waits, it waits longer");
        assignments.get_mut(1).unwrap().paused = true;
        assert!(is_full_enough(&assignments, 100, false), "a paused one gets nothing anyway");
    }
}
