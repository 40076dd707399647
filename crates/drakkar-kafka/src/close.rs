//! The end: the last commit, leaving the group, and a consumer that may not want to go.

use std::{
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use drakkar_core::source::SourceEvent;
use rdkafka::consumer::{BaseConsumer, Consumer};

use crate::{context::Context, thread::SourceThread};

/// The longest time for the last commit.
const LAST_COMMIT: Duration = Duration::from_secs(5);

impl SourceThread {
    /// Commits what is left, then leaves the group. Takes `close_timeout` at most.
    pub(crate) fn close(mut self) {
        let limit = self.settings.close_timeout;
        let started = Instant::now();
        // What the commit leaves is for leaving: a group that nobody leaves waits for its session to end.
        let for_commit = self.settings.commit_timeout.min(LAST_COMMIT).min(limit / 2);
        self.commits.force();
        while !self.failed && started.elapsed() < for_commit {
            self.turn();
            let mut all = self.assignments.iter().map(|a| a.assignment);
            if self.revoking.is_none() && self.commits.is_clean(&mut all) && !self.commits.is_waiting() {
                break;
            }
        }
        let numbers = self.assignments.numbers();
        let removed = numbers.into_iter().filter_map(|p| self.assignments.remove(p, &self.bytes));
        let assignments: Vec<_> = removed.map(|(assignment, _)| assignment).collect();
        if !assignments.is_empty() {
            self.outbox.emit(SourceEvent::Released { assignments, lost: false });
        }
        self.consumer.context().close();
        let orderly = drop_within(self.consumer, limit.saturating_sub(started.elapsed()));
        self.outbox.finish(SourceEvent::Closed { orderly });
    }
}

/// Drops a consumer on a thread of its own and waits for it, up to a limit. Returns whether it ended in time.
///
/// Dropping can block for minutes when the brokers are away. Past the limit the thread is left behind: it ends with the
/// process. That is the one thread nobody joins.
pub(crate) fn drop_within(consumer: BaseConsumer<Context>, limit: Duration) -> bool {
    let (tx, rx) = mpsc::sync_channel(1);
    let spawned = thread::Builder::new().name("drakkar-kafka-close".to_owned()).spawn(move || {
        drop(consumer);
        tx.send(()).unwrap_or_default();
    });
    spawned.is_ok() && rx.recv_timeout(limit).is_ok()
}
