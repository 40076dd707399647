//! The contract between the pipeline and whatever runs tasks.

use std::{fmt, sync::Arc};

use crate::{
    ids::Assignment,
    outcome::{Ended, Report},
    task::Task,
};

/// Runs tasks: the process pool, or a fake in tests.
pub trait Executor: Send + Sync {
    /// Takes a job. Returns at once; the answer comes through [`Job::done`].
    fn submit(&self, job: Job);

    /// Stops every job of this assignment: waiting ones are answered as cancelled, running ones are stopped first.
    fn cancel(&self, owner: Assignment);

    /// Stops everything and takes no more: running programs are asked to end, and killed after `kill_after`. Resolves
    /// when none is left, or when none that is left can be killed.
    fn close(&self, kill_after: std::time::Duration) -> crate::BoxFuture<'_, ()>;
}

/// One attempt of a task, on its way to a slot.
#[derive(Debug)]
pub struct Job {
    /// The assignment it works for.
    pub owner: Assignment,
    /// The task.
    pub task: Arc<Task>,
    /// The number of this attempt, from 1.
    pub attempt: u32,
    /// Lower runs first; equal priorities run in order of submission.
    pub priority: Priority,
    /// Where the answer goes.
    pub done: Completion,
}

/// Who gets the next slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Priority {
    /// What the handler's `task_priority` says.
    pub class: i64,
    /// When the task's oldest message came in, on the worker's clock: partitions are served by age, not by offset.
    pub age: u64,
}

/// The obligation to answer a job. Dropping it answers [`Ended::Lost`], so that no attempt is ever forgotten.
pub struct Completion(Option<Box<dyn FnOnce(Report) + Send>>);

impl Completion {
    /// A completion that hands the report to `answer`, which must not block.
    pub fn new(answer: impl FnOnce(Report) + Send + 'static) -> Self {
        Self(Some(Box::new(answer)))
    }

    /// Answers.
    pub fn complete(mut self, report: Report) {
        if let Some(answer) = self.0.take() {
            answer(report);
        }
    }
}

impl Drop for Completion {
    fn drop(&mut self) {
        if let Some(answer) = self.0.take() {
            answer(Report::without_output(Ended::Lost));
        }
    }
}

impl fmt::Debug for Completion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Completion")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;

    #[test]
    fn a_dropped_completion_answers_lost() {
        let (tx, rx) = sync_channel(1);
        drop(Completion::new(move |report| tx.send(report.ended).unwrap()));
        assert_eq!(rx.recv().unwrap(), Ended::Lost);
    }

    #[test]
    fn a_completion_answers_once() {
        let (tx, rx) = sync_channel(2);
        Completion::new(move |report| tx.send(report.ended).unwrap())
            .complete(Report::without_output(Ended::Cancelled));
        assert_eq!(rx.iter().collect::<Vec<_>>(), [Ended::Cancelled]);
    }
}
