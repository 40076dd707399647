//! A job on its way through the pool, and its answer.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Instant,
};

use drakkar_core::{
    executor::{Completion, Job},
    outcome::{Ended, Report},
};

use crate::resident::Roster;

/// A job that waits for a slot.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) job: Job,
    pub(crate) since: Instant,
    /// The children that it is a request to; none if it gets a process of its own.
    pub(crate) roster: Option<Arc<Roster>>,
}

impl Waiting {
    /// Answers the job with what became of it.
    pub(crate) fn answer(self, report: Report) {
        answer(self.job.done, report);
    }

    /// Answers that it was cancelled before it ran.
    pub(crate) fn cancelled(self) {
        let report = Report { queue_wait: self.since.elapsed(), ..Report::without_output(Ended::Cancelled) };
        self.answer(report);
    }
}

/// Answers a job. What the receiver does with the answer must not take the pool down.
pub(crate) fn answer(done: Completion, report: Report) {
    if catch_unwind(AssertUnwindSafe(|| done.complete(report))).is_err() {
        tracing::error!("the receiver of a report panicked");
    }
}
