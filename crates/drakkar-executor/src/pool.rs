//! The pool: threads that take jobs from one gate, as many as there are slots.

use std::{
    env,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use drakkar_core::{
    BoxFuture,
    executor::{Completion, Executor, Job},
    ids::{Assignment, SlotId},
    outcome::{Ended, Report},
    slots::SlotGate,
    task::{Task, Work},
};
use tokio::sync::watch;

use crate::{
    attempt::{self, Bench},
    environment::Environment,
    error::StartError,
    group,
    launch::Launcher,
    orphans,
    program::Programs,
    settings::Settings,
    stop::StopSignal,
};

/// Stack of a slot's thread: it waits on descriptors and calls nothing deep.
const STACK: usize = 256 << 10;

/// Runs tasks as programs, a fixed number at once, by priority.
///
/// Dropping the pool ends all programs at once and answers their jobs as cancelled.
#[derive(Debug)]
pub struct ProcessPool {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    launcher: Launcher,
    state: Mutex<State>,
    /// Wakes a thread that has nothing to do.
    work: Condvar,
    /// Programs that run, for whoever waits for their end.
    active: watch::Sender<usize>,
}

#[derive(Debug)]
struct State {
    gate: SlotGate<Waiting>,
    places: Vec<Place>,
    threads: Vec<JoinHandle<()>>,
    /// Threads that wait for work, and those that are about to for the first time.
    idle: usize,
    closed: bool,
}

/// A job that waits for a slot.
#[derive(Debug)]
struct Waiting {
    job: Job,
    since: Instant,
}

/// A slot.
#[derive(Debug)]
struct Place {
    /// For whom a program runs here.
    owner: Option<Assignment>,
    stop: Arc<StopSignal>,
}

/// How busy a pool is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Programs that run.
    pub active: usize,
    /// Jobs that wait for a slot.
    pub waiting: usize,
}

/// What became of the jobs of a pool that was drained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Jobs that waited for a slot; answered as cancelled.
    pub cancelled: usize,
    /// Programs that ended in time.
    pub finished: usize,
    /// Programs that were stopped.
    pub stopped: usize,
}

impl ProcessPool {
    /// Checks the settings. Threads are started as they are needed.
    ///
    /// # Errors
    /// When the program cannot be run, a variable cannot be set, or the system lacks what a slot needs.
    pub fn start(settings: Settings) -> Result<Self, StartError> {
        let slots = settings.max_executors;
        if slots == 0 {
            return Err(StartError::NoSlots);
        }
        group::keep_ended_children().map_err(StartError::ChildSignal)?;
        match orphans::sweep() {
            Ok(0) => {}
            Ok(groups) => tracing::warn!(groups, "ended programs that a killed worker had left behind"),
            Err(error) => tracing::warn!(%error, "cannot look for programs that a killed worker left behind"),
        }
        let programs = Programs::new(settings.program.as_deref())?;
        let environment = Environment::new(&settings, env::vars_os())?;
        let launcher = Launcher::new(settings, programs, environment)?;
        let place = || Ok(Place { owner: None, stop: Arc::new(StopSignal::new()?) });
        let places = (0..slots).map(|_| place()).collect::<Result<_, _>>().map_err(StartError::Slot)?;
        let gate = SlotGate::new(slots);
        let state = State { gate, places, threads: Vec::new(), idle: 0, closed: false };
        let shared = Arc::new(Shared {
            launcher,
            state: Mutex::new(state),
            work: Condvar::new(),
            active: watch::Sender::new(0),
        });
        // The first one shows that there can be threads at all.
        shared.start_thread(&mut shared.state()).map_err(StartError::Slot)?;
        Ok(Self { shared })
    }

    /// How busy the pool is.
    pub fn usage(&self) -> Usage {
        let state = self.shared.state();
        Usage { active: state.gate.active(), waiting: state.gate.waiting() }
    }

    /// Takes no more jobs, lets those that run finish until the deadline, and stops the rest.
    pub async fn drain(&self, deadline: tokio::time::Instant) -> Drained {
        let (waiting, running) = {
            let mut state = self.shared.state();
            state.closed = true;
            (state.gate.remove(|_| true), state.gate.active())
        };
        self.shared.work.notify_all();
        let cancelled = waiting.len();
        waiting.into_iter().for_each(answer_cancelled);
        if tokio::time::timeout_at(deadline, self.shared.until_idle()).await.is_ok() {
            return Drained { cancelled, finished: running, stopped: 0 };
        }
        let stopped = {
            let state = self.shared.state();
            state.stop(self.shared.launcher.settings.kill_grace, |_| true);
            state.gate.active()
        };
        self.shared.until_idle().await;
        Drained { cancelled, finished: running.saturating_sub(stopped), stopped }
    }

    /// Jobs that wait for a slot.
    pub fn waiting(&self) -> usize {
        self.shared.state().gate.waiting()
    }

    /// Programs that run.
    pub fn active(&self) -> usize {
        self.shared.state().gate.active()
    }

    /// The most programs at once.
    pub fn slots(&self) -> usize {
        self.shared.state().places.len()
    }
}

impl Drop for ProcessPool {
    fn drop(&mut self) {
        let (waiting, threads) = {
            let mut state = self.shared.state();
            state.closed = true;
            state.stop(Duration::ZERO, |_| true);
            (state.gate.remove(|_| true), std::mem::take(&mut state.threads))
        };
        self.shared.work.notify_all();
        waiting.into_iter().for_each(answer_cancelled);
        for thread in threads {
            // A panic in there was answered and logged where it happened.
            thread.join().unwrap_or_default();
        }
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
        self.shared.work.notify_one();
        // A thread that was woken for the job before still counts as idle: it takes one job, not two.
        if state.gate.waiting() > state.idle
            && state.threads.len() < state.places.len()
            && let Err(error) = self.shared.start_thread(&mut state)
        {
            // Those there are go on; with fewer threads the pool is slower, not wrong.
            tracing::warn!(%error, threads = state.threads.len(), "cannot start a thread for another slot");
        }
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
            self.shared.work.notify_all();
            waiting.into_iter().for_each(answer_cancelled);
            self.shared.until_idle().await;
        })
    }
}

impl State {
    /// Asks the programs of matching owners to end.
    fn stop(&self, grace: Duration, matches: impl Fn(Assignment) -> bool) {
        for place in self.places.iter().filter(|place| place.owner.is_some_and(&matches)) {
            place.stop.ask(grace);
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start_thread(self: &Arc<Self>, state: &mut State) -> std::io::Result<()> {
        let shared = self.clone();
        let name = format!("drakkar-slot-{}", state.threads.len());
        let thread = thread::Builder::new().name(name).stack_size(STACK).spawn(move || shared.work())?;
        state.threads.push(thread);
        state.idle += 1;
        Ok(())
    }

    /// Takes jobs until the pool is closed.
    fn work(&self) {
        let mut bench = Bench::new();
        self.state().idle -= 1;
        while let Some((slot, Waiting { job, since }, stop)) = self.take() {
            let queue_wait = since.elapsed();
            let attempt = AssertUnwindSafe(|| run(&self.launcher, &job.task, &stop, &mut bench));
            let ended = catch_unwind(attempt);
            // Before the answer: whoever hears of it finds the slot free.
            self.release(slot);
            let report = ended.unwrap_or_else(|_| {
                tracing::error!(task = job.task.id(), "an attempt panicked; it is answered as lost");
                Report::without_output(Ended::Lost)
            });
            answer(job.done, Report { queue_wait, ..report });
            self.active.send_modify(|active| *active -= 1);
        }
    }

    /// Waits for the next job and a slot for it. Nothing once the pool is closed.
    fn take(&self) -> Option<(SlotId, Waiting, Arc<StopSignal>)> {
        let mut state = self.state();
        loop {
            if let Some((slot, waiting)) = state.gate.grant() {
                let place = &mut state.places[slot.0 as usize];
                place.owner = Some(waiting.job.owner);
                let stop = place.stop.clone();
                // Under the lock: a request to stop comes either before, and found the job waiting, or after, and is seen.
                stop.take();
                self.active.send_modify(|active| *active += 1);
                return Some((slot, waiting, stop));
            }
            if state.closed {
                return None;
            }
            state.idle += 1;
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
        }
    }

    fn release(&self, slot: SlotId) {
        let mut state = self.state();
        state.places[slot.0 as usize].owner = None;
        state.gate.release(slot);
    }

    /// Waits until every job that had a slot is answered.
    async fn until_idle(&self) {
        // The sender lives as long as the pool, so this ends with the wish come true.
        self.active.subscribe().wait_for(|active| *active == 0).await.map(drop).unwrap_or_default();
    }
}

fn run(launcher: &Launcher, task: &Task, stop: &StopSignal, bench: &mut Bench) -> Report {
    match task.command() {
        Some(command) => attempt::run(launcher, command, stop, bench),
        None => Report::without_output(Ended::Lost),
    }
}

fn answer_cancelled(Waiting { job, since }: Waiting) {
    let report = Report { queue_wait: since.elapsed(), ..Report::without_output(Ended::Cancelled) };
    answer(job.done, report);
}

/// Answers a job. What the receiver does with the answer must not take the pool down.
fn answer(done: Completion, report: Report) {
    if catch_unwind(AssertUnwindSafe(|| done.complete(report))).is_err() {
        tracing::error!("the receiver of a report panicked");
    }
}
