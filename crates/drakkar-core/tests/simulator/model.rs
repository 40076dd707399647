//! What one pipeline has to do, told once more and in another way.
//!
//! The model sees the same inputs, works out what is due, and crosses it off as the effects come. After each step nothing
//! may be due any more, nothing may have happened that was not due, and the sums must agree. It knows obligations, not the
//! core's states: where the core is free to decide (how many messages a window takes, how long a retry waits), it checks
//! the bounds only.

mod brake;
mod effects;
mod inputs;
mod outputs;
mod parts;
mod windows;

use std::collections::{BTreeMap, VecDeque};

use drakkar_core::{
    ids::{Offset, Seq, TaskKey, Time},
    ledger::{Ledger, Settled},
    pipeline::{Owner, Pipeline, Rules, Suspects},
};

pub(crate) use self::parts::{At, Message, Task, TaskAt};
use self::{brake::Brake, parts::Planned, windows::Window};
use crate::violation::rule;

/// The obligations of one epoch of one partition.
#[derive(Debug)]
pub(crate) struct Model {
    rules: Rules,
    now: Time,
    /// Counted, by what was seen.
    ledger: Ledger,
    /// Every message of the epoch, by its number.
    pub(crate) messages: Vec<Message>,
    /// The first one that the watermark did not pass.
    pub(crate) base: usize,
    /// The first one that no window took.
    queued: usize,
    /// Messages of windows whose `arrange` failed, waiting for another one.
    pieces: usize,
    pub(crate) tasks: Vec<Option<Task>>,
    live_tasks: usize,
    windows: BTreeMap<u64, Window>,
    window_count: u64,
    arranging: Option<Arranging>,
    /// Tasks that must start in this step, in this order.
    planned: VecDeque<Planned>,
    /// Effects that must come in this step.
    owed: usize,
    pub(crate) watermark: Option<Offset>,
    /// The number of the step.
    step: u64,
    /// The wait that began in this step ends at this moment at the latest.
    due_by: Option<Time>,
    gate: bool,
    pub(crate) draining: bool,
    released: bool,
    brake: Brake,
    suspects: Suspects,
}

/// The window whose `arrange` runs.
#[derive(Clone, Copy, Debug)]
struct Arranging {
    window: u64,
    first: usize,
    count: usize,
}

impl Model {
    pub(crate) fn new(rules: Rules, suspects: Suspects) -> Self {
        Self {
            rules,
            now: Time(0),
            ledger: Ledger::default(),
            messages: Vec::new(),
            base: 0,
            queued: 0,
            pieces: 0,
            tasks: Vec::new(),
            live_tasks: 0,
            windows: BTreeMap::new(),
            window_count: 0,
            arranging: None,
            planned: VecDeque::new(),
            owed: 0,
            watermark: None,
            step: 0,
            due_by: None,
            gate: true,
            draining: false,
            released: false,
            brake: Brake::new(rules.brake),
            suspects,
        }
    }

    fn message(&mut self, seq: Seq) -> Option<&mut Message> {
        self.messages.get_mut(seq.0 as usize).filter(|m| !m.is_over())
    }

    pub(crate) fn task(&mut self, key: TaskKey) -> Option<&mut Task> {
        self.tasks.get_mut(key.0 as usize)?.as_mut()
    }

    /// The messages that outputs stand for.
    pub(crate) fn messages_behind(&self, owner: Owner) -> Vec<Seq> {
        match owner {
            Owner::Task(key) => {
                let task = self.tasks.get(key.0 as usize).and_then(Option::as_ref);
                task.map(|t| t.messages.clone()).unwrap_or_default()
            }
            Owner::Message(seq) => vec![seq],
            Owner::Window(id) => self.held_by(id.0).collect(),
        }
    }

    /// Messages that user code is busy with right now: what a crash marker names.
    pub(crate) fn in_hooks(&self) -> Vec<Offset> {
        let mut seqs = Vec::new();
        if let Some(a) = self.arranging {
            let range = a.first..a.first + a.count;
            seqs.extend(
                range.filter(|seq| self.messages[*seq].at == At::Arranging).map(|seq| Seq(seq as u64)),
            );
        }
        for task in self.tasks.iter().flatten() {
            if matches!(task.at, TaskAt::Judging | TaskAt::Completing) {
                seqs.extend_from_slice(&task.messages);
            }
        }
        let hooked = self.messages.iter().enumerate().skip(self.base).filter(|(_, m)| m.at == At::Hook);
        seqs.extend(hooked.map(|(seq, _)| Seq(seq as u64)));
        seqs.iter().map(|seq| self.messages[seq.0 as usize].offset).collect()
    }

    /// Tasks that a message still answers for.
    pub(crate) fn tasks_for_messages(&self) -> usize {
        let open = |task: &&Task| task.messages.iter().any(|seq| !self.messages[seq.0 as usize].is_over());
        self.tasks.iter().flatten().filter(open).count()
    }

    /// How many messages did not end.
    pub(crate) fn in_flight(&self) -> u64 {
        self.ledger.in_flight
    }

    /// What must hold between two steps.
    pub(crate) fn end_of_step(&mut self, pipeline: &Pipeline) {
        if self.owed > 0 || !self.planned.is_empty() {
            let due = self.describe_due();
            rule!(false, "what is due happens at once", "{} effects are missing: {due}", self.owed);
        }
        let ledger = pipeline.ledger();
        rule!(ledger.balances(), "the ledger balances", "{ledger}");
        rule!(
            *ledger == self.ledger,
            "the ledger tells what happened",
            "{ledger}, but {} was seen",
            self.ledger
        );
        if self.released {
            return;
        }
        let front = self.messages.get(self.base).map(|m| m.at);
        rule!(front != Some(At::Settled), "the watermark keeps up", "message {} is settled", self.base);
        rule!(
            pipeline.tasks() == self.live_tasks,
            "tasks are counted",
            "{} of {}",
            pipeline.tasks(),
            self.live_tasks
        );
        let windows = if self.rules.window_hook { self.windows.len() } else { 0 };
        rule!(pipeline.windows() == windows, "windows are counted", "{} of {windows}", pipeline.windows());
        let drained = self.draining && self.ledger.in_flight == 0;
        rule!(pipeline.is_drained() == drained, "drained is when nothing is in flight", "{drained} is true");
        let next = pipeline.next_tick();
        rule!(next.is_none_or(|t| t > self.now), "timers run in time", "{next:?} is due at {:?}", self.now);
        rule!(
            !self.draining || self.due_by.is_none(),
            "a drain waits for nothing",
            "until {:?}",
            self.due_by
        );
        if let Some(by) = self.due_by.take() {
            rule!(next.is_some_and(|t| t <= by), "waits are bounded", "{next:?} is later than {by:?}");
        }
        self.brake.end_of_step();
        self.must_not_idle();
    }

    /// A window starts as soon as one may.
    fn must_not_idle(&self) {
        if self.arranging.is_some() || self.draining || !self.brake.lets_start(self.now) {
            return;
        }
        let room = (self.queued - self.base) < self.rules.max_in_flight as usize;
        let waits = self.queued < self.messages.len() && self.gate && room;
        rule!(!waits && self.pieces == 0, "windows start when they may", "message {} waits", self.queued);
    }

    fn owe(&mut self) {
        self.owed += 1;
    }

    /// An effect came that was due.
    fn pay(&mut self) {
        rule!(self.owed > 0, "nothing happens that is not due", "more effects than were due");
        self.owed -= 1;
    }

    fn describe_due(&self) -> String {
        let mut due = Vec::new();
        for (seq, m) in self.messages.iter().enumerate() {
            if m.at.is_due() || (m.at == At::Outputs && m.outputs.at.is_due()) {
                due.push(format!("message {seq} {:?} {:?}", m.at, m.outputs.at));
            }
        }
        for (key, task) in self.tasks.iter().enumerate() {
            if let Some(task) = task
                && (task.at.is_due() || (task.at == TaskAt::Outputs && task.outputs.at.is_due()))
            {
                due.push(format!("task {key} {:?} {:?}", task.at, task.outputs.at));
            }
        }
        for (id, window) in &self.windows {
            due.extend(window.describe_due().map(|text| format!("window {id} {text}")));
        }
        due.extend(self.planned.iter().map(|p| format!("start of plan {}", p.plan)));
        due.join(", ")
    }

    /// All tasks of a message ended.
    fn complete(&mut self, seq: Seq) {
        let hook = self.rules.message_hook;
        let Some(message) = self.message(seq) else { return };
        if hook && !message.unparsed {
            message.at = At::HookDue;
            self.owe();
        } else {
            self.finish(seq);
        }
    }

    /// Nothing is left to do for a message but its dead letter.
    fn finish(&mut self, seq: Seq) {
        let Some(message) = self.message(seq) else { return };
        if message.needs_letter && !message.lettered {
            message.at = At::LetterDue;
            self.owe();
        } else {
            self.hold_or_settle(seq);
        }
    }

    fn hold_or_settle(&mut self, seq: Seq) {
        let Some(window) = self.message(seq).map(|m| m.window) else { return };
        let held = self.rules.window_hook && self.windows.get(&window).is_some_and(Window::waits);
        let Some(message) = self.message(seq) else { return };
        if held {
            message.at = At::Held;
            self.check_window(window);
        } else {
            message.at = At::SettleDue;
            self.owe();
        }
    }

    /// A message must be given back.
    fn return_due(&mut self, seq: Seq) {
        let Some(message) = self.message(seq) else { return };
        if message.at == At::ReturnDue {
            return;
        }
        let was_piece = message.at == At::Piece;
        message.at = At::ReturnDue;
        self.pieces -= usize::from(was_piece);
        self.owe();
    }

    fn needs_letter(&mut self, seq: Seq) {
        if let Some(message) = self.message(seq) {
            message.needs_letter = true;
        }
    }

    fn count(&mut self, how: Settled) {
        self.ledger.in_flight -= 1;
        match how {
            Settled::Delivered => self.ledger.delivered += 1,
            Settled::Skipped => self.ledger.skipped += 1,
            Settled::Dead => self.ledger.dead += 1,
        }
    }

    /// Moves past messages that no window has to take any more.
    fn pass_taken(&mut self) {
        while self.messages.get(self.queued).is_some_and(|m| m.at != At::Queued) {
            self.queued += 1;
        }
    }
}
