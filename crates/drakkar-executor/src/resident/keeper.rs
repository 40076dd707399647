//! The thread that looks after children nobody talks to: it keeps a stock, notices ends, and ends what is due.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::{
    Roster, Rosters,
    child::{Child, Retiring},
};
use crate::{
    attempt::{Bench, REAP, after},
    launch::Launcher,
};

/// Between two looks at idle children.
const LOOK: Duration = Duration::from_millis(200);
/// Between two looks while children are being ended.
const CLOSE_LOOK: Duration = Duration::from_millis(10);

/// Looks after idle children until it is closed. Dropping it ends them all at once.
#[derive(Debug)]
pub(crate) struct Keeper {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    launcher: Arc<Launcher>,
    rosters: Arc<Rosters>,
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Children that are to be ended.
    handed: Vec<(Child, Arc<Roster>)>,
    /// When all that is left is killed, once nothing more is to be started.
    closing: Option<Instant>,
    /// There is something new to look at.
    changed: bool,
}

impl Keeper {
    pub(crate) fn start(launcher: Arc<Launcher>, rosters: Arc<Rosters>) -> std::io::Result<Self> {
        let shared = Arc::new(Shared { launcher, rosters, state: Mutex::default(), wake: Condvar::new() });
        let thread = thread::Builder::new().name("drakkar-keeper".into()).spawn({
            let shared = shared.clone();
            move || shared.keep()
        })?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Ends a child that holds no request, without anybody waiting for it.
    pub(crate) fn retire(&self, child: Child, roster: &Arc<Roster>) {
        let mut state = self.shared.state();
        state.handed.push((child, roster.clone()));
        state.changed = true;
        self.shared.wake.notify_one();
    }

    /// Ends all children that nobody talks to, and those that are given back from here on.
    pub(crate) fn close(&self, grace: Duration) {
        for roster in self.shared.rosters.all() {
            roster.close();
        }
        let kill_at = after(Instant::now(), grace);
        let mut state = self.shared.state();
        state.closing = Some(state.closing.map_or(kill_at, |before| before.min(kill_at)));
        state.changed = true;
        self.shared.wake.notify_one();
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.close(Duration::ZERO);
        if let Some(thread) = self.thread.take() {
            // A panic in there was logged where it happened; its children were killed as they were dropped.
            thread.join().unwrap_or_default();
        }
    }
}

impl Shared {
    fn keep(&self) {
        let mut bench = Bench::new();
        let mut retiring: Vec<Retiring> = Vec::new();
        loop {
            let (handed, closing) = {
                let pause = if retiring.is_empty() { LOOK } else { CLOSE_LOOK };
                let state = self.state();
                let (mut state, _) = self
                    .wake
                    .wait_timeout_while(state, pause, |state| !state.changed)
                    .unwrap_or_else(PoisonError::into_inner);
                state.changed = false;
                (std::mem::take(&mut state.handed), state.closing)
            };
            let now = Instant::now();
            let kill_at = closing.unwrap_or_else(|| after(now, self.launcher.settings.kill_grace));
            let mut retire = |child: Child, roster: &Arc<Roster>| {
                retiring.push(Self::begin(child, roster.clone(), now, kill_at));
            };
            for (child, roster) in handed {
                retire(child, &roster);
            }
            for roster in self.rosters.all() {
                for child in self.look(&roster, now, closing.is_some(), &mut bench) {
                    retire(child, &roster);
                }
                if closing.is_none() {
                    self.stock(&roster, now, &mut bench);
                }
            }
            if let Some(at) = closing {
                retiring.iter_mut().for_each(|one| one.hurry(at));
            }
            retiring = retiring.into_iter().filter_map(|one| self.step(one, &mut bench)).collect();
            if closing.is_some() && *self.rosters.alive().borrow() == 0 {
                return;
            }
        }
    }

    /// Takes out the idle children that go: those that ended are buried here, those that are due are returned.
    fn look(&self, roster: &Arc<Roster>, now: Instant, closing: bool, bench: &mut Bench) -> Vec<Child> {
        let idle = roster.settings.idle_timeout;
        let ready = roster.settings.ready_timeout;
        let mut reasons = Vec::new();
        let picked = roster.pick(|child, alive| {
            let reason = child.look(&mut bench.scratch).or_else(|| {
                let late = !child.ready && now.duration_since(child.started) >= ready;
                late.then(|| format!("it was not ready within {:.1} s", ready.as_secs_f64()).into())
            });
            let unused = !idle.is_zero()
                && alive > roster.settings.min_ready
                && now.duration_since(child.idle_since) >= idle;
            let goes = reason.is_some() || closing || unused || child.is_due(now);
            if goes {
                reasons.push(reason);
            }
            goes
        });
        let mut due = Vec::new();
        for (child, reason) in picked.into_iter().zip(reasons) {
            match reason {
                Some(reason) => {
                    // It has ended, or it cannot be trusted: nothing is lost by ending it at once.
                    let ended = child.end(&self.launcher, Duration::ZERO, &mut bench.scratch);
                    roster.ended(&ended, reason);
                }
                None => due.push(child),
            }
        }
        due
    }

    /// Starts what is missing in stock.
    fn stock(&self, roster: &Arc<Roster>, now: Instant, bench: &mut Bench) {
        while let Some(alive) = roster.offer_spare(now) {
            match roster.start(&self.launcher, &mut bench.stack, alive) {
                Ok(child) => {
                    if let Some(child) = roster.give_back(child) {
                        self.state().handed.push((child, roster.clone()));
                    }
                }
                Err(reason) => {
                    tracing::error!(reason, program = %roster.path().display(), "no resident child");
                    return;
                }
            }
        }
    }

    fn begin(mut child: Child, roster: Arc<Roster>, now: Instant, kill_at: Instant) -> Retiring {
        child.close_stdin();
        let terminate_at = Some(now + kill_at.saturating_duration_since(now) / 2);
        Retiring { child, terminate_at, kill_at, give_up_at: after(kill_at.max(now), REAP), roster }
    }

    /// Takes one step down the ladder. Nothing once it is gone.
    fn step(&self, mut one: Retiring, bench: &mut Bench) -> Option<Retiring> {
        let now = Instant::now();
        let ended = one.child.await_end(now, &mut bench.scratch);
        if ended || now >= one.give_up_at {
            let ended = one.child.bury(&self.launcher, ended, &mut bench.scratch);
            tracing::info!(
                pid = ended.pid, served = ended.served, how = ended.how,
                program = %one.roster.path().display(), "resident child ended"
            );
            return None;
        }
        if now >= one.kill_at {
            one.child.kill();
        } else if one.terminate_at.is_some_and(|at| now >= at) {
            one.terminate_at = None;
            one.child.terminate();
        }
        Some(one)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
