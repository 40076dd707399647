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
    executor::{Executor, Job},
    ids::{Assignment, SlotId},
    outcome::{Ended, Report},
    slots::{SlotGate, Slots},
    task::{Task, Work},
};
use tokio::sync::watch;

use crate::{
    advice,
    attempt::{self, Bench},
    environment::Environment,
    error::StartError,
    floor::{self, Floor},
    group,
    init::Reaper,
    job::{Waiting, answer},
    launch::Launcher,
    orphans,
    program::Programs,
    resident::{Keeper, Roster, Rosters, serve},
    settings::Settings,
    stop::{StopSignal, Wish},
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
    launcher: Arc<Launcher>,
    rosters: Arc<Rosters>,
    /// There is one where there are resident programs.
    keeper: Option<Keeper>,
    /// There is one where orphans come to us.
    _reaper: Option<Reaper>,
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
    floor: Floor,
    /// Threads that wait for work, and those that are about to for the first time.
    idle: usize,
    closed: bool,
}

/// A slot.
#[derive(Debug)]
struct Place {
    /// For whom something runs here. More than one owner has requests with the same child.
    owners: Vec<Assignment>,
    stop: Arc<StopSignal>,
    /// Its child could take another request.
    hungry: bool,
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
        advice::give(slots);
        let programs = Programs::new(settings.program.as_deref())?;
        let environment = Environment::new(&settings, env::vars_os())?;
        let launcher = Arc::new(Launcher::new(settings, programs, environment)?);
        let rosters = Arc::new(Rosters::new(&launcher, &launcher.settings)?);
        let keeper = rosters
            .any()
            .then(|| Keeper::start(launcher.clone(), rosters.clone()))
            .transpose()
            .map_err(StartError::Keeper)?;
        let stop = || StopSignal::new().map(Arc::new);
        let place = || Ok(Place { owners: Vec::new(), stop: stop()?, hungry: false });
        let places = (0..slots).map(|_| place()).collect::<Result<_, _>>().map_err(StartError::Slot)?;
        let gate = SlotGate::new(slots);
        let floor = Floor::new(launcher.settings.min_available_memory);
        let reaper = launcher.init.clone().map(Reaper::start).transpose().map_err(StartError::Keeper)?;
        let state = State { gate, places, threads: Vec::new(), floor, idle: 0, closed: false };
        let shared = Arc::new(Shared {
            launcher,
            rosters,
            keeper,
            _reaper: reaper,
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
        waiting.into_iter().for_each(Waiting::cancelled);
        let grace = self.shared.launcher.settings.kill_grace;
        if tokio::time::timeout_at(deadline, self.shared.until_idle()).await.is_ok() {
            self.shared.until_childless(grace).await;
            return Drained { cancelled, finished: running, stopped: 0 };
        }
        let stopped = {
            let state = self.shared.state();
            state.stop(grace, None);
            state.gate.active()
        };
        self.shared.until_idle().await;
        self.shared.until_childless(grace).await;
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
            state.stop(Duration::ZERO, None);
            (state.gate.remove(|_| true), std::mem::take(&mut state.threads))
        };
        self.shared.work.notify_all();
        waiting.into_iter().for_each(Waiting::cancelled);
        for thread in threads {
            // A panic in there was answered and logged where it happened.
            thread.join().unwrap_or_default();
        }
    }
}

impl Executor for ProcessPool {
    fn submit(&self, job: Job) {
        if let Work::Precomputed(result) = job.task.work() {
            return answer(job.done, Report::precomputed(result.clone()));
        }
        // Outside the lock: a program that was never heard of is looked up.
        let roster = self.shared.roster(&job.task);
        let mut state = self.shared.state();
        if state.closed {
            drop(state);
            return answer(job.done, Report::without_output(Ended::Cancelled));
        }
        let weight = job.task.weight();
        state.gate.enqueue(job.priority, weight, Waiting { job, since: Instant::now(), roster });
        self.shared.wake(&state);
        // A thread that was woken for the job before still counts as idle: it takes one job, not two.
        if state.gate.waiting() > state.idle
            && state.threads.len() < state.places.len()
            && let Err(error) = self.shared.start_thread(&mut state)
        {
            // Those there are go on; with fewer threads the pool is slower, not wrong.
            tracing::warn!(%error, threads = state.threads.len(), "cannot start a thread for another slot");
        }
        if !state.gate.has_free() {
            state.feed_hungry();
        }
    }

    fn cancel(&self, owner: Assignment) {
        let grace = self.shared.launcher.settings.kill_grace;
        let mut state = self.shared.state();
        let waiting = state.gate.remove(|waiting| waiting.job.owner == owner);
        state.stop(grace, Some(owner));
        // A heavy one that held up others may be gone.
        self.shared.wake(&state);
        drop(state);
        waiting.into_iter().for_each(Waiting::cancelled);
    }

    fn close(&self, kill_after: Duration) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let waiting = {
                let mut state = self.shared.state();
                state.closed = true;
                state.stop(kill_after, None);
                state.gate.remove(|_| true)
            };
            self.shared.work.notify_all();
            waiting.into_iter().for_each(Waiting::cancelled);
            if let Some(keeper) = &self.shared.keeper {
                // Those that nobody uses have the same time as those that are busy, not the time after it.
                keeper.close(kill_after);
            }
            self.shared.until_idle().await;
            self.shared.until_childless(kill_after).await;
        })
    }
}

impl State {
    /// Asks what runs for an owner to end, or all that runs.
    fn stop(&self, grace: Duration, owner: Option<Assignment>) {
        let concerned = |place: &&Place| match owner {
            Some(owner) => place.owners.contains(&owner),
            None => !place.owners.is_empty(),
        };
        for place in self.places.iter().filter(concerned) {
            place.stop.ask(Wish { owner, grace });
        }
    }

    /// Wakes a thread whose child could take another request.
    fn feed_hungry(&mut self) {
        if let Some(place) = self.places.iter_mut().find(|place| place.hungry) {
            place.hungry = false;
            place.stop.nudge();
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
        while let Some((slots, waiting, stop)) = self.take() {
            match &waiting.roster {
                None => self.run(slots, waiting, &stop, &mut bench),
                Some(roster) => self.serve(slots, &roster.clone(), waiting, &stop, &mut bench),
            }
            self.active.send_modify(|active| *active -= 1);
        }
    }

    /// Runs a job as a process of its own.
    fn run(&self, slots: Slots, waiting: Waiting, stop: &StopSignal, bench: &mut Bench) {
        let queue_wait = waiting.since.elapsed();
        let attempt = AssertUnwindSafe(|| run(&self.launcher, &waiting.job.task, stop, bench));
        let ended = catch_unwind(attempt);
        // Before the answer: whoever hears of it finds the slot free.
        self.release(slots);
        let report = ended.unwrap_or_else(|_| {
            let task = waiting.job.task.id();
            tracing::error!(task, "an attempt panicked; it is answered as lost");
            Report::without_output(Ended::Lost)
        });
        waiting.answer(Report { queue_wait, ..report });
    }

    /// Makes a job and those that follow it requests to a child.
    fn serve(
        &self,
        slots: Slots,
        roster: &Arc<Roster>,
        first: Waiting,
        stop: &StopSignal,
        bench: &mut Bench,
    ) {
        let Some(keeper) = &self.keeper else { return first.answer(Report::without_output(Ended::Lost)) };
        let slot = slots.first();
        let mut line = |owners: &[Assignment]| self.join(slot, roster, owners);
        let session =
            AssertUnwindSafe(|| serve(&self.launcher, keeper, roster, first, stop, bench, &mut line));
        if catch_unwind(session).is_err() {
            // Its requests were answered as lost and its child was killed as they were dropped.
            tracing::error!(program = %roster.path().display(), "a session with a resident child panicked");
        }
        self.release(slots);
    }

    /// The next job in line, if it is for the same children and nobody else could begin it sooner.
    fn join(&self, slot: SlotId, roster: &Arc<Roster>, owners: &[Assignment]) -> Option<Waiting> {
        let mut state = self.state();
        let mine = |waiting: &Waiting| waiting.roster.as_ref().is_some_and(|r| Arc::ptr_eq(r, roster));
        let free = owners.is_empty() || !state.gate.has_free();
        let next = if free && !state.closed { state.gate.join(mine) } else { None };
        let place = &mut state.places[slot.0 as usize];
        place.owners.clear();
        place.owners.extend(owners.iter().copied().chain(next.as_ref().map(|next| next.job.owner)));
        place.hungry = next.is_none() && !owners.is_empty();
        next
    }

    /// Waits for the next job and slots for it. Nothing once the pool is closed.
    fn take(&self) -> Option<(Slots, Waiting, Arc<StopSignal>)> {
        let mut state = self.state();
        loop {
            // One at a time still runs: a floor that was never met would stop everything.
            if state.gate.active() > 0
                && state.gate.waiting() > 0
                && !state.closed
                && state.floor.is_low(Instant::now())
            {
                state.idle += 1;
                state = self.work.wait_timeout(state, floor::LOOK).unwrap_or_else(PoisonError::into_inner).0;
                state.idle -= 1;
                continue;
            }
            if let Some((slots, waiting)) = state.gate.grant() {
                let place = &mut state.places[slots.first().0 as usize];
                place.owners.push(waiting.job.owner);
                let stop = place.stop.clone();
                // Under the lock: a request to stop comes either before, and found the job waiting, or after, and is seen.
                stop.take();
                self.wake(&state);
                self.active.send_modify(|active| *active += 1);
                return Some((slots, waiting, stop));
            }
            if state.closed {
                return None;
            }
            state.idle += 1;
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
        }
    }

    fn release(&self, slots: Slots) {
        let mut state = self.state();
        let place = &mut state.places[slots.first().0 as usize];
        place.owners.clear();
        place.hungry = false;
        // The thread itself takes the next job, and wakes another one if more fit.
        state.gate.release(slots);
    }

    /// Wakes a thread if there is one to wake and something that it could run.
    fn wake(&self, state: &State) {
        if state.idle > 0 && state.gate.waiting() > 0 && state.gate.has_free() {
            self.work.notify_one();
        }
    }

    /// The children that a task is a request to, if it is one. A program that cannot be found is refused when it is run.
    fn roster(&self, task: &Task) -> Option<Arc<Roster>> {
        if !self.rosters.any() {
            return None;
        }
        let path = self.launcher.resolve(task.command()?.program.as_deref()).ok()?;
        self.rosters.of(&self.launcher, &path).unwrap_or_else(|error| {
            tracing::error!(%error, "a program has no resident children");
            None
        })
    }

    /// Ends the resident children, which nobody uses any more.
    async fn until_childless(&self, grace: Duration) {
        let Some(keeper) = &self.keeper else { return };
        keeper.close(grace);
        // The keeper ends them all, and gives up on those that cannot be ended.
        self.rosters.alive().wait_for(|alive| *alive == 0).await.map(drop).unwrap_or_default();
    }

    /// Waits until every job that had a slot is answered.
    async fn until_idle(&self) {
        // The sender lives as long as the pool, so this ends with the wish come true.
        self.active.subscribe().wait_for(|active| *active == 0).await.map(drop).unwrap_or_default();
    }
}

fn run(launcher: &Launcher, task: &Task, stop: &StopSignal, bench: &mut Bench) -> Report {
    match task.command() {
        Some(command) => attempt::run(launcher, task, command, stop, bench),
        None => Report::without_output(Ended::Lost),
    }
}
