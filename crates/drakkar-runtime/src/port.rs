//! How answers find their way back to a partition.

use std::sync::atomic::{AtomicBool, Ordering};

use drakkar_core::{
    ids::{Assignment, TaskKey},
    outcome::Report,
    payload::Payload,
    pipeline::{Letter, Owner},
    sink::Failure,
};
use tokio::sync::mpsc;

/// The address of one epoch of a partition: where verdicts go, and whether they still matter.
#[derive(Debug)]
pub(crate) struct Port {
    pub(crate) assignment: Assignment,
    released: AtomicBool,
    answers: mpsc::Sender<Vec<Answer>>,
}

/// What a payload was sent for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tag {
    /// An output of a hook.
    Output(Owner),
    /// A dead letter, or a part of one.
    Letter(Letter),
}

/// What became of one payload.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) tag: Tag,
    /// The payload and why it failed for good.
    pub(crate) failed: Option<Box<FailedPayload>>,
}

/// A payload that its sink refused for good.
#[derive(Debug)]
pub(crate) struct FailedPayload {
    pub(crate) payload: Payload,
    pub(crate) failure: Failure,
    pub(crate) attempts: u32,
    pub(crate) sink: usize,
}

/// The end of one attempt.
#[derive(Debug)]
pub(crate) struct AttemptEnd {
    pub(crate) task: TaskKey,
    pub(crate) report: Report,
}

impl Port {
    pub(crate) fn new(assignment: Assignment, answers: mpsc::Sender<Vec<Answer>>) -> Self {
        Self { assignment, released: AtomicBool::new(false), answers }
    }

    /// From now on nothing more is sent for this partition, and answers are ignored.
    pub(crate) fn release(&self) {
        self.released.store(true, Ordering::Release);
    }

    pub(crate) fn is_released(&self) -> bool {
        self.released.load(Ordering::Acquire)
    }

    /// Hands answers over. A partition that is gone ignores them: its messages were given back.
    pub(crate) async fn answer(&self, answers: Vec<Answer>) {
        if !answers.is_empty() && self.answers.send(answers).await.is_err() {
            tracing::debug!(assignment = %self.assignment, "late verdicts ignored");
        }
    }
}
