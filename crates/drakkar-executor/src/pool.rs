//! The pool: a fixed number of workers that take jobs from one gate.

use std::{
    env,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Poll,
    time::Duration,
};

use drakkar_core::{
    BoxFuture,
    executor::{Completion, Executor, Job},
    ids::{Assignment, SlotId},
    outcome::{Ended, Report},
    slots::SlotGate,
    task::{Task, Work},
};
use tokio::{
    sync::{Semaphore, watch},
    time::Instant,
};
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use crate::{
    attempt::{Launcher, Stop},
    environment::Environment,
    error::StartError,
    group,
    program::Programs,
    settings::Settings,
};

/// Runs tasks as programs, a fixed number at once, by priority.
///
/// Dropping it kills what runs; the jobs are then answered as lost. Use [`Executor::close`] to end in order.
#[derive(Debug)]
pub struct ProcessPool {
    shared: Arc<Shared>,
    tracker: TaskTracker,
    /// Owns the workers: they end with the pool.
    _workers: Vec<AbortOnDropHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    launcher: Launcher,
    state: Mutex<State>,
    /// A permit for each job that was queued. One whose job was cancelled meanwhile wakes a worker for nothing.
    queued: Semaphore,
}

#[derive(Debug)]
struct State {
    gate: SlotGate<Waiting>,
    /// By slot.
    places: Vec<Place>,
    closed: bool,
}

#[derive(Debug)]
struct Waiting {
    job: Job,
    since: Instant,
}

/// How busy a pool is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Jobs that hold a slot.
    pub active: usize,
    /// Jobs that wait for one.
    pub waiting: usize,
}

/// What became of the jobs of a pool that was drained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// They waited, and were answered as cancelled.
    pub cancelled: usize,
    /// They ran, and ended by the deadline.
    pub finished: usize,
    /// They ran, and were stopped at the deadline.
    pub stopped: usize,
}

/// What runs in a slot, and the way to stop it.
#[derive(Debug)]
struct Place {
    owner: Option<Assignment>,
    stop: watch::Sender<Stop>,
}

impl ProcessPool {
    /// Finds the default program and starts the workers. Call it inside a tokio runtime with time and I/O enabled.
    ///
    /// # Errors
    ///
    /// If there are no slots, the program of the settings cannot be run, or a variable of them cannot be set.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn start(settings: Settings) -> Result<Self, StartError> {
        let slots = settings.max_executors;
        if slots == 0 {
            return Err(StartError::NoSlots);
        }
        group::keep_ended_children().map_err(StartError::ChildSignal)?;
        let programs = Programs::new(settings.program.as_deref())?;
        let environment = Environment::new(&settings, env::vars_os())?;
        let place = || Place { owner: None, stop: watch::Sender::new(None) };
        let shared = Arc::new(Shared {
            launcher: Launcher { settings, programs, environment },
            state: Mutex::new(State {
                gate: SlotGate::new(slots),
                places: (0..slots).map(|_| place()).collect(),
                closed: false,
            }),
            queued: Semaphore::new(0),
        });
        let tracker = TaskTracker::new();
        let workers =
            (0..slots).map(|_| AbortOnDropHandle::new(tracker.spawn(work(shared.clone())))).collect();
        tracker.close();
        Ok(Self { shared, tracker, _workers: workers })
    }

    /// How many jobs hold a slot and how many wait for one, at one moment.
    pub fn usage(&self) -> Usage {
        let state = self.shared.state();
        Usage { active: state.gate.active(), waiting: state.gate.waiting() }
    }

    /// Takes no more and lets what runs go on until the deadline, then stops it with the grace of the settings.
    ///
    /// [`Executor::close`] stops what runs at once.
    ///
    /// # Cancel safety
    ///
    /// The pool is closed from the first poll on. When this is dropped, what runs goes on.
    pub async fn drain(&self, deadline: Instant) -> Drained {
        let (waiting, running) = {
            let mut state = self.shared.state();
            state.closed = true;
            (state.gate.remove(|_| true), state.gate.active())
        };
        self.shared.queued.close();
        let cancelled = waiting.len();
        waiting.into_iter().for_each(answer_cancelled);
        if tokio::time::timeout_at(deadline, self.tracker.wait()).await.is_ok() {
            return Drained { cancelled, finished: running, stopped: 0 };
        }
        let stopped = {
            let mut state = self.shared.state();
            state.stop(self.shared.launcher.settings.kill_grace, |_| true);
            state.gate.active()
        };
        self.tracker.wait().await;
        Drained { cancelled, finished: running.saturating_sub(stopped), stopped }
    }

    /// How many jobs wait for a slot.
    pub fn waiting(&self) -> usize {
        self.shared.state().gate.waiting()
    }

    /// How many jobs hold a slot.
    pub fn active(&self) -> usize {
        self.shared.state().gate.active()
    }

    /// How many slots there are.
    pub fn slots(&self) -> usize {
        self.shared.state().places.len()
    }
}

impl Executor for ProcessPool {
    fn submit(&self, job: Job) {
        if let Work::Precomputed(result) = job.task.work() {
            return answer(job.done, Report::precomputed(result));
        }
        let mut state = self.shared.state();
        if state.closed {
            drop(state);
            return answer(job.done, Report::without_output(Ended::Cancelled));
        }
        state.gate.enqueue(job.priority, Waiting { job, since: Instant::now() });
        drop(state);
        self.shared.queued.add_permits(1);
    }

    fn cancel(&self, owner: Assignment) {
        let grace = self.shared.launcher.settings.kill_grace;
        let mut state = self.shared.state();
        let waiting = state.gate.remove(|waiting| waiting.job.owner == owner);
        state.stop(grace, |running| running == owner);
        drop(state);
        waiting.into_iter().for_each(answer_cancelled);
    }

    fn close(&self, kill_after: Duration) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let waiting = {
                let mut state = self.shared.state();
                state.closed = true;
                state.stop(kill_after, |_| true);
                state.gate.remove(|_| true)
            };
            self.shared.queued.close();
            waiting.into_iter().for_each(answer_cancelled);
            self.tracker.wait().await;
        })
    }
}

impl State {
    fn stop(&mut self, grace: Duration, matches: impl Fn(Assignment) -> bool) {
        for place in self.places.iter().filter(|place| place.owner.is_some_and(&matches)) {
            place.stop.send_replace(Some(grace));
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the first waiting job a slot. A worker that asks is free, so a slot is too.
    fn take(&self) -> Option<(SlotId, Waiting, watch::Receiver<Stop>)> {
        let mut state = self.state();
        let (slot, waiting) = state.gate.grant()?;
        let place = &mut state.places[slot.0 as usize];
        place.owner = Some(waiting.job.owner);
        // Under the lock: a request to stop comes either before, and found the job waiting, or after, and is seen.
        place.stop.send_replace(None);
        let stop = place.stop.subscribe();
        Some((slot, waiting, stop))
    }

    fn release(&self, slot: SlotId) {
        let mut state = self.state();
        state.places[slot.0 as usize].owner = None;
        state.gate.release(slot);
    }
}

/// Returns its slot however the worker leaves the job: by its end, by a panic, or because the pool was dropped.
struct Held<'a>(&'a Shared, SlotId);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.release(self.1);
    }
}

/// One worker: takes jobs until the pool is closed.
async fn work(shared: Arc<Shared>) {
    while let Ok(permit) = shared.queued.acquire().await {
        permit.forget();
        let Some((slot, Waiting { job, since }, stop)) = shared.take() else { continue };
        let held = Held(&shared, slot);
        let queue_wait = since.elapsed();
        let ended = guarded(run(&shared.launcher, &job.task, stop)).await;
        // Before the answer: whoever hears of it finds the slot free.
        drop(held);
        let report = ended.unwrap_or_else(|| {
            tracing::error!(task = job.task.id(), "an attempt panicked; it is answered as lost");
            Report::without_output(Ended::Lost)
        });
        answer(job.done, Report { queue_wait, ..report });
    }
}

async fn run(launcher: &Launcher, task: &Task, stop: watch::Receiver<Stop>) -> Report {
    match task.command() {
        Some(command) => launcher.run(command, stop).await,
        None => Report::without_output(Ended::Lost),
    }
}

/// Drives a future; none if it panics. Its parts are dropped then, which kills the program it ran.
async fn guarded<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(Poll::Ready(value)) => Poll::Ready(Some(value)),
        Ok(Poll::Pending) => Poll::Pending,
        Err(_) => Poll::Ready(None),
    })
    .await
}

fn answer_cancelled(Waiting { job, since }: Waiting) {
    let report = Report { queue_wait: since.elapsed(), ..Report::without_output(Ended::Cancelled) };
    answer(job.done, report);
}

/// Answers a job. A panic of the receiver must not take the worker or the other answers with it.
fn answer(done: Completion, report: Report) {
    if catch_unwind(AssertUnwindSafe(|| done.complete(report))).is_err() {
        tracing::error!("the receiver of a report panicked");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_contained() {
        async fn broken() -> u32 {
            panic!("on purpose")
        }
        assert_eq!(guarded(broken()).await, None);
        assert_eq!(guarded(async { 1 }).await, Some(1));
    }
}
