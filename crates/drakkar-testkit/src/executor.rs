//! An executor without processes: a closure answers every task.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use drakkar_core::{
    BoxFuture,
    executor::{Executor, Job},
    ids::Assignment,
    outcome::{Ended, Report},
    task::Task,
};

type Answer = dyn Fn(&Task, u32) -> Report + Send + Sync;

/// Answers each attempt of each task with a closure, at once.
#[derive(Clone)]
pub struct FakeExecutor(Arc<Answer>);

impl FakeExecutor {
    /// An executor that asks this closure, which gets the task and the number of the attempt from 1.
    pub fn new(answer: impl Fn(&Task, u32) -> Report + Send + Sync + 'static) -> Self {
        Self(Arc::new(answer))
    }

    /// An executor whose every task exits with this code; 0 is a success.
    pub fn exit(code: i32) -> Self {
        Self::new(move |_, _| exited(code, Bytes::new()))
    }

    /// An executor whose every task succeeds and writes what the closure returns.
    pub fn output(stdout: impl Fn(&Task) -> String + Send + Sync + 'static) -> Self {
        Self::new(move |task, _| exited(0, stdout(task).into()))
    }
}

fn exited(code: i32, stdout: Bytes) -> Report {
    Report { success: code == 0, stdout, ..Report::without_output(Ended::Exited { code }) }
}

impl Executor for FakeExecutor {
    fn submit(&self, job: Job) {
        job.done.complete((self.0)(&job.task, job.attempt));
    }

    fn cancel(&self, _owner: Assignment) {}

    fn close(&self, _kill_after: Duration) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

impl fmt::Debug for FakeExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FakeExecutor")
    }
}
