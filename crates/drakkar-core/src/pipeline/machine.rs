//! The machine: its state, and which transition answers which input.

use std::collections::{BTreeMap, VecDeque};

use super::{
    Effect, Input, Parse, Rules, Suspects,
    brake::Brake,
    message::{Message, Stage},
    outputs::Redelivery,
    task::{Retrying, Tasks},
    timers::{Timer, Timers},
    window::{Range, Windows},
};
use crate::{
    ids::{Offset, Seq, TaskKey, Time, WindowId},
    ledger::Ledger,
    pipeline::Owner,
    retry::Jitter,
};

/// The state of one epoch of one partition. See the [module](super).
#[derive(Debug)]
pub struct Pipeline {
    pub(super) rules: Rules,
    pub(super) now: Time,
    pub(super) ledger: Ledger,
    /// Messages from the watermark on, the first one being number `base`.
    pub(super) messages: VecDeque<Message>,
    pub(super) base: Seq,
    /// The first message that is in no window yet.
    pub(super) queued: Seq,
    pub(super) tasks: Tasks,
    pub(super) windows: Windows,
    /// The window whose `arrange` runs.
    pub(super) arranging: Option<(WindowId, Range)>,
    /// Parts of windows whose `arrange` failed, to be arranged again in smaller pieces.
    pub(super) pieces: VecDeque<Range>,
    /// Windows started so far.
    pub(super) window_count: u64,
    /// Outputs that are delivered again, or may be.
    pub(super) redeliveries: BTreeMap<Owner, Redelivery>,
    /// Tasks whose attempt failed at least once.
    pub(super) retries: BTreeMap<TaskKey, Retrying>,
    pub(super) timers: Timers,
    pub(super) jitter: Jitter,
    pub(super) brake: Brake,
    pub(super) suspects: Suspects,
    pub(super) gate: bool,
    pub(super) draining: bool,
    released: bool,
}

impl Pipeline {
    /// An empty pipeline. The seed makes its jitter reproducible.
    pub fn new(rules: Rules, seed: u64) -> Self {
        Self {
            rules,
            now: Time(0),
            ledger: Ledger::default(),
            messages: VecDeque::new(),
            base: Seq(0),
            queued: Seq(0),
            tasks: Tasks::default(),
            windows: Windows::default(),
            arranging: None,
            pieces: VecDeque::new(),
            window_count: 0,
            redeliveries: BTreeMap::new(),
            retries: BTreeMap::new(),
            timers: Timers::default(),
            jitter: Jitter::new(seed),
            brake: Brake::new(rules.brake),
            suspects: Suspects::default(),
            gate: true,
            draining: false,
            released: false,
        }
    }

    /// Names messages that were being worked on when the process died.
    #[must_use]
    pub fn with_suspects(mut self, suspects: Suspects) -> Self {
        self.suspects = suspects;
        self
    }

    /// Takes one input and appends what must be done to `effects`.
    ///
    /// The effects must be performed, in order, before the next step.
    pub fn step(&mut self, now: Time, input: Input<'_>, effects: &mut Vec<Effect>) {
        if self.released {
            return;
        }
        self.now = now;
        self.tasks.bury();
        let fx = effects;
        match input {
            Input::Records(offsets) => self.records(offsets, fx),
            Input::Unparsed { message, policy } => self.unparsed(message, policy, fx),
            Input::Arranged { window, plans } => self.arranged(window, plans, fx),
            Input::ArrangeFailed { window } => self.arrange_failed(window, fx),
            Input::AttemptEnded { task, success } => self.attempt_ended(task, success, fx),
            Input::AttemptCancelled { task } => self.drop_task(task, fx),
            Input::TaskHookEnded { task, end } => self.task_hook_ended(task, end, fx),
            Input::ErrorHookEnded { task, action } => self.error_hook_ended(task, action, fx),
            Input::MessageHookEnded { message, end } => self.message_hook_ended(message, end, fx),
            Input::WindowHookEnded { window, end } => self.window_hook_ended(window, end, fx),
            Input::Verdicts(verdicts) => {
                for &(owner, end) in verdicts {
                    self.verdict(owner, end, fx);
                }
            }
            Input::DeliveryHookEnded { owner, retry, letter } => {
                self.delivery_hook_ended(owner, retry, letter, fx);
            }
            Input::Lettered(letter) => self.lettered(letter, fx),
            Input::Tick => {}
            Input::Gate { open } => self.gate = open,
            Input::Drain => self.drain(fx),
            Input::Release => {
                self.release(fx);
                self.released = true;
                return;
            }
        }
        self.run_timers(fx);
        self.advance(fx);
        self.start_window(fx);
    }

    fn run_timers(&mut self, fx: &mut Vec<Effect>) {
        while let Some((timer, number)) = self.timers.take_due(self.now) {
            match timer {
                Timer::Task(key) => self.retry_task(key, number, fx),
                Timer::Outputs(owner) => self.redeliver(owner, number, fx),
                // It only makes the step happen that looks whether a window may start.
                Timer::Brake => {}
            }
        }
    }

    /// Moves the watermark behind the leading run of settled messages.
    fn advance(&mut self, fx: &mut Vec<Effect>) {
        let mut next = None;
        while let Some(message) = self.messages.front().filter(|m| m.stage == Stage::Settled) {
            next = Some(message.offset.next());
            self.messages.pop_front();
            self.base.0 += 1;
        }
        if let Some(next) = next {
            // A message that is dead-lettered before any window takes it may settle first.
            self.queued = self.queued.max(self.base);
            fx.push(Effect::Advance { next });
        }
    }

    /// What became of the messages so far.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// When [`Input::Tick`] is due at the latest.
    pub fn next_tick(&self) -> Option<Time> {
        self.timers.next()
    }

    /// Whether nothing is in flight any more and nothing will start.
    pub fn is_drained(&self) -> bool {
        self.draining && self.ledger.in_flight == 0
    }

    /// Messages that wait for a window.
    pub fn queued(&self) -> usize {
        (self.end().0 - self.queued.0) as usize
    }

    /// Tasks that did not end yet.
    pub fn tasks(&self) -> usize {
        self.tasks.len()
    }

    /// Windows whose hook was not called yet, or whose outputs are on their way.
    pub fn windows(&self) -> usize {
        self.windows.len()
    }

    /// The messages a task answers for; valid until the step after the one that ended it.
    pub fn messages_of(&self, task: TaskKey) -> &[Seq] {
        self.tasks.messages_of(task)
    }

    /// The attempt a task is at, from 1.
    pub fn attempt_of(&mut self, task: TaskKey) -> u32 {
        self.tasks.get_mut(task).map_or(0, |t| t.attempt)
    }

    /// How often the outputs of this owner were given to their sinks, from 1.
    pub fn deliveries_of(&self, owner: Owner) -> u32 {
        self.redeliveries.get(&owner).map_or(1, |r| r.attempt)
    }

    /// The oldest message that did not settle.
    pub fn oldest_unsettled(&self) -> Option<Offset> {
        self.messages.front().map(|m| m.offset)
    }

    pub(super) fn end(&self) -> Seq {
        Seq(self.base.0 + self.messages.len() as u64)
    }

    /// A message that can still change.
    pub(super) fn message(&mut self, seq: Seq) -> Option<&mut Message> {
        let index = seq.0.checked_sub(self.base.0)?;
        self.messages.get_mut(usize::try_from(index).ok()?).filter(|m| !m.is_over())
    }

    pub(super) fn is_at(&mut self, seq: Seq, stage: Stage) -> bool {
        self.message(seq).is_some_and(|m| m.stage == stage)
    }

    /// Finds a message by its offset, near this one first: tasks mostly name messages of their window, one after the other.
    pub(super) fn find(&self, offset: Offset, near: Seq) -> Option<Seq> {
        let near = usize::try_from(near.0.saturating_sub(self.base.0)).ok()?;
        let is_it = |index: usize| self.messages.get(index).is_some_and(|m| m.offset == offset);
        let index = match near {
            near if is_it(near) => near,
            near if is_it(near + 1) => near + 1,
            _ => self.messages.binary_search_by_key(&offset, |m| m.offset).ok()?,
        };
        Some(Seq(self.base.0 + index as u64))
    }

    pub(super) fn unparsed(&mut self, seq: Seq, policy: Parse, fx: &mut Vec<Effect>) {
        // A window that is arranged again in pieces may name it again.
        let Some(message) = self.message(seq).filter(|m| m.stage == Stage::Arranging) else { return };
        match policy {
            Parse::Pass => message.unparsed = true,
            Parse::Skip => self.hold_or_settle(seq, fx),
            Parse::DeadLetter => {
                message.needs_letter = true;
                self.finish(seq, fx);
            }
        }
    }
}
