//! The children of one program: who is idle, how many live, and when the next may be started.

use std::{
    collections::HashMap,
    ffi::CStr,
    ffi::CString,
    hash::{BuildHasher, RandomState},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::watch;

use super::child::{Child, Ended, Trouble};
use crate::{
    error::StartError,
    launch::Launcher,
    settings::{Mode, Resident, Settings},
    spawn::{Stack, Texts},
};

/// The wait after the first child that ended without an answer.
const BACKOFF: Duration = Duration::from_millis(100);

/// All programs that have resident children.
#[derive(Debug)]
pub(crate) struct Rosters {
    /// How programs that are not named are run.
    default: Mode,
    /// By their absolute paths.
    known: Mutex<HashMap<Arc<Path>, Option<Arc<Roster>>>>,
    /// Whether there is any resident program at all: one-shot pools pay nothing.
    any: bool,
    alive: watch::Sender<usize>,
}

impl Rosters {
    /// Finds the named programs.
    pub(crate) fn new(launcher: &Launcher, settings: &Settings) -> Result<Self, StartError> {
        let modes = || settings.programs.iter().map(|(_, mode)| mode).chain([&settings.mode]);
        let rosters = Self {
            default: settings.mode.clone(),
            known: Mutex::default(),
            any: modes().any(|mode| matches!(mode, Mode::Resident(_))),
            alive: watch::Sender::new(0),
        };
        for (program, mode) in &settings.programs {
            let path = launcher
                .resolve(Some(program))
                .map_err(|reason| StartError::Resident { program: program.clone(), reason })?;
            rosters.add(launcher, path, mode)?;
        }
        if let Ok(path) = launcher.resolve(None) {
            rosters.add(launcher, path, &settings.mode)?;
        }
        Ok(rosters)
    }

    /// Whether tasks can be requests at all.
    pub(crate) fn any(&self) -> bool {
        self.any
    }

    /// The children that the tasks of a program are requests to, if it has any.
    pub(crate) fn of(
        &self,
        launcher: &Launcher,
        path: &Arc<Path>,
    ) -> Result<Option<Arc<Roster>>, StartError> {
        if let Some(known) = self.known().get(path) {
            return Ok(known.clone());
        }
        match &self.default {
            // Not noted: there is no bound to what tasks may name.
            Mode::OneShot => Ok(None),
            mode => self.add(launcher, path.clone(), mode),
        }
    }

    /// Those that there are.
    pub(crate) fn all(&self) -> Vec<Arc<Roster>> {
        self.known().values().flatten().cloned().collect()
    }

    /// Children that live.
    pub(crate) fn alive(&self) -> watch::Receiver<usize> {
        self.alive.subscribe()
    }

    fn add(
        &self,
        launcher: &Launcher,
        path: Arc<Path>,
        mode: &Mode,
    ) -> Result<Option<Arc<Roster>>, StartError> {
        let made = match mode {
            Mode::OneShot => None,
            Mode::Resident(settings) => {
                Some(Arc::new(Roster::new(launcher, path.clone(), settings.clone(), self.alive.clone())?))
            }
        };
        // Two that come at once get the same.
        Ok(self.known().entry(path).or_insert(made).clone())
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Arc<Path>, Option<Arc<Roster>>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The children of one program.
#[derive(Debug)]
pub(crate) struct Roster {
    path: Arc<Path>,
    pub(super) settings: Resident,
    program: CString,
    args: Texts,
    env: Texts,
    most_frame: usize,
    state: Mutex<State>,
    /// Children of all programs.
    alive: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct State {
    idle: Vec<Child>,
    alive: usize,
    /// Children in a row that ended without an answer.
    failures: u32,
    /// No child is started before.
    not_before: Option<Instant>,
    closed: bool,
}

/// What somebody who needs a child gets.
pub(super) enum Offer {
    /// One that was idle.
    Idle(Box<Child>),
    /// The right to start one.
    Start(Alive),
    /// None before this moment: its children ended too often without an answer.
    Wait(Instant),
}

impl Roster {
    fn new(
        launcher: &Launcher,
        path: Arc<Path>,
        settings: Resident,
        alive: watch::Sender<usize>,
    ) -> Result<Self, StartError> {
        let (program, args, env) = launcher.resident_texts(&path, &settings)?;
        let outputs = launcher.settings.max_stdout.saturating_add(launcher.settings.max_stderr);
        // Twice as much, as text is escaped in JSON, and room for the rest of a frame.
        let most_frame =
            usize::try_from(outputs.saturating_mul(2)).unwrap_or(usize::MAX).saturating_add(4096);
        Ok(Self { path, settings, program, args, env, most_frame, state: Mutex::default(), alive })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The program, its arguments and its variables.
    pub(crate) fn start_with(&self) -> (&CStr, &Texts, &Texts) {
        (&self.program, &self.args, &self.env)
    }

    /// An idle child, the one used last, or what to do instead.
    pub(super) fn offer(self: &Arc<Self>, now: Instant) -> Offer {
        let mut state = self.state();
        if let Some(child) = state.idle.pop() {
            return Offer::Idle(Box::new(child));
        }
        match state.not_before {
            Some(at) if at > now => Offer::Wait(at),
            _ => Offer::Start(self.one_more(&mut state)),
        }
    }

    /// The right to start a child that is kept in stock, if one is missing.
    pub(super) fn offer_spare(self: &Arc<Self>, now: Instant) -> Option<Alive> {
        let mut state = self.state();
        let wanted = !state.closed
            && state.alive < self.settings.min_ready
            && state.not_before.is_none_or(|at| at <= now);
        wanted.then(|| self.one_more(&mut state))
    }

    fn one_more(self: &Arc<Self>, state: &mut State) -> Alive {
        state.alive += 1;
        self.alive.send_modify(|alive| *alive += 1);
        Alive(self.clone())
    }

    /// Starts a child.
    pub(super) fn start(
        &self,
        launcher: &Launcher,
        stack: &mut Stack,
        alive: Alive,
    ) -> Result<Child, String> {
        let connected = launcher.launch_resident(self, stack).inspect_err(|_| self.failed())?;
        let child = Child::new(connected, &self.settings, self.most_frame, &launcher.room, alive);
        tracing::info!(pid = child.pid(), program = %self.path.display(), "resident child started");
        Ok(child)
    }

    /// Takes a child back that holds no request. Gives it out again if it is to be ended instead.
    pub(super) fn give_back(&self, mut child: Child) -> Option<Child> {
        let now = Instant::now();
        let due = child.is_due(now);
        child.idle_since = now;
        let mut state = self.state();
        if due || state.closed {
            return Some(child);
        }
        state.idle.push(child);
        None
    }

    /// Looks at the idle children and takes those out that `goes` picks, told how many live.
    pub(super) fn pick(&self, mut goes: impl FnMut(&mut Child, usize) -> bool) -> Vec<Child> {
        let mut state = self.state();
        let mut alive = state.alive;
        let (mut picked, mut kept) = (Vec::new(), Vec::new());
        for mut child in std::mem::take(&mut state.idle) {
            if goes(&mut child, alive) {
                alive -= 1;
                picked.push(child);
            } else {
                kept.push(child);
            }
        }
        state.idle = kept;
        picked
    }

    /// A child answered for the first time.
    pub(super) fn answered(&self) {
        let mut state = self.state();
        if std::mem::take(&mut state.failures) > 0 {
            tracing::info!(program = %self.path.display(), "resident children answer again");
        }
        state.not_before = None;
    }

    /// A child ended for another reason than that it was asked to. Returns that reason in words.
    pub(super) fn ended(&self, ended: &Ended, trouble: Trouble) -> String {
        let reason = trouble.in_words(&ended.how);
        let Ended { how, served, pid, last_line, .. } = ended;
        tracing::warn!(
            pid, served, reason, how, stderr = last_line, program = %self.path.display(), "resident child failed"
        );
        if *served == 0 {
            self.failed();
        }
        reason
    }

    fn failed(&self) {
        let mut state = self.state();
        state.failures = state.failures.saturating_add(1);
        let most = self.settings.start_backoff_max;
        let wait = BACKOFF.saturating_mul(1 << (state.failures - 1).min(20)).min(most);
        let wait = wait.mul_f64(0.5 + 0.5 * random_fraction());
        state.not_before = Some(Instant::now() + wait);
        if state.failures > 1 {
            tracing::error!(
                program = %self.path.display(), failures = state.failures, wait_ms = wait.as_millis() as u64,
                "resident children end without an answer; the next start waits"
            );
        }
    }

    /// Keeps no child from here on.
    pub(super) fn close(&self) {
        self.state().closed = true;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a child as living until it is dropped.
#[derive(Debug)]
pub(super) struct Alive(Arc<Roster>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.state().alive -= 1;
        self.0.alive.send_modify(|alive| *alive -= 1);
    }
}

/// A random number from 0 to below 1. Nothing depends on its quality.
pub(super) fn random_fraction() -> f64 {
    (RandomState::new().hash_one(0u8) >> 11) as f64 / (1u64 << 53) as f64
}
