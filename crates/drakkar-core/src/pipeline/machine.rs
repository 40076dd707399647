//! The transitions of a partition's pipeline.

use std::collections::VecDeque;

use smallvec::SmallVec;

use super::{
    Action, Effect, HookEnd, Input, Letter, OutputEnd, Owner, Rules, TaskEnd,
    message::{Message, Stage},
    task::{Stage as TaskStage, Tasks},
};
use crate::{
    ids::{Offset, Seq, TaskKey, Time, WindowId},
    ledger::{Ledger, Settled},
    retry::Jitter,
};

/// A window whose `arrange` is due or running: this many messages from the first one on.
#[derive(Clone, Copy, Debug)]
struct Range {
    first: Seq,
    count: u32,
}

/// The state of one epoch of one partition. See the [module](super).
#[derive(Debug)]
pub struct Pipeline {
    rules: Rules,
    ledger: Ledger,
    /// Messages from the watermark on, the first one being number `base`.
    messages: VecDeque<Message>,
    base: Seq,
    /// The first message that is in no window yet.
    queued: Seq,
    tasks: Tasks,
    arranging: Option<(WindowId, Range)>,
    /// Parts of windows whose `arrange` failed, to be arranged again in smaller pieces.
    pieces: VecDeque<Range>,
    windows: u64,
    jitter: Jitter,
    gate: bool,
    draining: bool,
    released: bool,
}

impl Pipeline {
    /// An empty pipeline. The seed makes its jitter reproducible.
    pub fn new(rules: Rules, seed: u64) -> Self {
        Self {
            rules,
            ledger: Ledger::default(),
            messages: VecDeque::new(),
            base: Seq(0),
            queued: Seq(0),
            tasks: Tasks::default(),
            arranging: None,
            pieces: VecDeque::new(),
            windows: 0,
            jitter: Jitter::new(seed),
            gate: true,
            draining: false,
            released: false,
        }
    }

    /// Takes one input and appends what must be done to `effects`.
    ///
    /// The effects must be performed, in order, before the next step.
    pub fn step(&mut self, now: Time, input: Input<'_>, effects: &mut Vec<Effect>) {
        if self.released {
            return;
        }
        self.tasks.bury();
        let before = self.base;
        let fx = effects;
        match input {
            Input::Records(offsets) => self.records(offsets, fx),
            Input::Undecodable { message, skip } => self.undecodable(message, skip, fx),
            Input::Arranged { window, plans } => self.arranged(window, plans, fx),
            Input::ArrangeFailed { window } => self.arrange_failed(window, fx),
            Input::AttemptEnded { task, success } => self.attempt_ended(now, task, success, fx),
            Input::AttemptCancelled { task } => self.drop_task(task, fx),
            Input::TaskHookEnded { task, end } => self.task_hook_ended(task, end, fx),
            Input::ErrorHookEnded { task, action } => self.error_hook_ended(now, task, action, fx),
            Input::MessageHookEnded { message, end } => self.message_hook_ended(message, end, fx),
            Input::Verdicts(verdicts) => {
                for &(owner, end) in verdicts {
                    self.verdict(owner, end, fx);
                }
            }
            Input::Lettered(letter) => self.lettered(letter, fx),
            Input::Tick => {}
            Input::Gate { open } => self.gate = open,
            Input::Drain => self.drain(fx),
            Input::Release => self.release(fx),
        }
        self.retry_due(now, fx);
        self.advance(before, fx);
        self.start_window(fx);
    }

    /// What became of the messages so far.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// When [`Input::Tick`] is due at the latest.
    pub fn next_tick(&self) -> Option<Time> {
        self.tasks.next_due()
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

    /// The messages a task answers for; valid until the step after the one that ended it.
    pub fn messages_of(&self, task: TaskKey) -> &[Seq] {
        self.tasks.messages_of(task)
    }

    /// The attempt a task is at, from 1.
    pub fn attempt_of(&mut self, task: TaskKey) -> u32 {
        self.tasks.get_mut(task).map_or(0, |t| t.attempt)
    }

    /// The oldest message that did not settle.
    pub fn oldest_unsettled(&self) -> Option<Offset> {
        self.messages.front().map(|m| m.offset)
    }

    fn end(&self) -> Seq {
        Seq(self.base.0 + self.messages.len() as u64)
    }

    fn message(&mut self, seq: Seq) -> Option<&mut Message> {
        let index = seq.0.checked_sub(self.base.0)?;
        self.messages.get_mut(usize::try_from(index).ok()?).filter(|m| !m.is_over())
    }

    /// Finds a message by its offset. Offsets have few gaps, so the distance to the first one is tried first.
    fn find(&self, offset: Offset) -> Option<Seq> {
        let first = self.messages.front()?.offset;
        let guess = usize::try_from(offset.0.checked_sub(first.0)?).ok()?;
        let index = match self.messages.get(guess) {
            Some(m) if m.offset == offset => guess,
            _ => self.messages.binary_search_by_key(&offset, |m| m.offset).ok()?,
        };
        Some(Seq(self.base.0 + index as u64))
    }

    fn records(&mut self, offsets: &[Offset], fx: &mut Vec<Effect>) {
        self.ledger.consume(offsets.len() as u64);
        for &offset in offsets {
            debug_assert!(self.messages.back().is_none_or(|m| m.offset < offset), "offsets must ascend");
            self.messages.push_back(Message::new(offset));
        }
        if self.draining {
            self.return_queued(fx);
        }
    }

    fn start_window(&mut self, fx: &mut Vec<Effect>) {
        if self.arranging.is_some() || self.draining || self.released {
            return;
        }
        let range = match self.pieces.pop_front() {
            Some(piece) => piece,
            None => {
                let taken = self.queued.0 - self.base.0;
                let room = u64::from(self.rules.max_in_flight).saturating_sub(taken);
                let count = (self.end().0 - self.queued.0).min(u64::from(self.rules.window_size)).min(room);
                if !self.gate || count == 0 {
                    return;
                }
                let range = Range { first: self.queued, count: count as u32 };
                self.queued.0 += count;
                for seq in range.seqs() {
                    if let Some(m) = self.message(seq) {
                        m.stage = Stage::Arranging;
                    }
                }
                range
            }
        };
        self.windows += 1;
        let window = WindowId(self.windows);
        self.arranging = Some((window, range));
        fx.push(Effect::Arrange { window, first: range.first, count: range.count });
    }

    fn undecodable(&mut self, seq: Seq, skip: bool, fx: &mut Vec<Effect>) {
        // A window that is arranged again in pieces may name it again.
        let Some(message) = self.message(seq).filter(|m| m.stage == Stage::Arranging) else { return };
        if skip {
            self.settle(seq, fx);
        } else {
            message.needs_letter = true;
            self.finish(seq, fx);
        }
    }

    fn arranged(&mut self, window: WindowId, plans: &[&[Offset]], fx: &mut Vec<Effect>) {
        let Some(range) = self.take_window(window, fx) else { return };
        for seq in range.seqs() {
            if let Some(m) = self.message(seq)
                && m.stage == Stage::Arranging
            {
                m.stage = Stage::Open;
            }
        }
        self.start_tasks(plans, 0, fx);
        for seq in range.seqs() {
            if self.message(seq).is_some_and(|m| m.stage == Stage::Open && m.open == 0) {
                self.complete(seq, fx);
            }
        }
    }

    /// Takes the window whose `arrange` just ended, or gives its messages back when nothing may start any more.
    fn take_window(&mut self, window: WindowId, fx: &mut Vec<Effect>) -> Option<Range> {
        let (running, range) = self.arranging?;
        debug_assert_eq!(running, window, "one arrange runs at a time");
        self.arranging = None;
        if !self.draining {
            return Some(range);
        }
        self.return_range(range, fx);
        None
    }

    fn return_range(&mut self, range: Range, fx: &mut Vec<Effect>) {
        for seq in range.seqs() {
            if self.message(seq).is_some_and(|m| m.stage == Stage::Arranging) {
                self.give_back(seq, fx);
            }
        }
    }

    fn start_tasks(&mut self, plans: &[&[Offset]], depth: u32, fx: &mut Vec<Effect>) {
        for (index, offsets) in plans.iter().enumerate() {
            let plan = index as u32;
            let mut messages = SmallVec::<[Seq; 2]>::new();
            for &offset in *offsets {
                match self.find(offset) {
                    Some(seq) if messages.contains(&seq) => {}
                    Some(seq) if self.message(seq).is_some_and(|m| m.stage == Stage::Open) => {
                        messages.push(seq)
                    }
                    _ => fx.push(Effect::Refused { plan, offset }),
                }
            }
            for &seq in &messages {
                if let Some(m) = self.message(seq) {
                    m.open += 1;
                }
            }
            let task = self.tasks.insert(messages, depth);
            fx.push(Effect::Start { task, plan });
        }
    }

    /// Arranges a failed window again in halves, until the message at fault stands alone; that one is dead-lettered.
    fn arrange_failed(&mut self, window: WindowId, fx: &mut Vec<Effect>) {
        let Some(range) = self.take_window(window, fx) else { return };
        let seqs: SmallVec<[Seq; 64]> =
            range.seqs().filter(|&s| self.message(s).is_some_and(|m| m.stage == Stage::Arranging)).collect();
        if let [alone] = seqs[..] {
            if let Some(m) = self.message(alone) {
                m.needs_letter = true;
            }
            self.finish(alone, fx);
        } else if range.count > 1 {
            let half = range.count / 2;
            self.pieces
                .push_front(Range { first: Seq(range.first.0 + u64::from(half)), count: range.count - half });
            self.pieces.push_front(Range { first: range.first, count: half });
        }
    }

    fn attempt_ended(&mut self, now: Time, key: TaskKey, success: bool, fx: &mut Vec<Effect>) {
        let Some(task) = self.tasks.get_mut(key) else { return };
        debug_assert_eq!(task.stage, TaskStage::Running);
        if success {
            if self.rules.task_hook {
                task.stage = TaskStage::Completing;
                fx.push(Effect::CallTaskHook { task: key });
            } else {
                self.end_task(key, TaskEnd::Succeeded, fx);
            }
        } else {
            task.first_failure.get_or_insert(now);
            task.stage = TaskStage::Judging;
            if self.rules.error_hook {
                fx.push(Effect::CallErrorHook { task: key, attempt: task.attempt });
            } else {
                self.error_hook_ended(now, key, Action::Retry, fx);
            }
        }
    }

    fn error_hook_ended(&mut self, now: Time, key: TaskKey, action: Action<'_>, fx: &mut Vec<Effect>) {
        let Some(task) = self.tasks.get_mut(key) else { return };
        debug_assert_eq!(task.stage, TaskStage::Judging);
        match action {
            Action::Retry => {
                let elapsed = now.since(task.first_failure.unwrap_or(now));
                match self.rules.retry.next(task.attempt, elapsed, self.jitter.draw()) {
                    Some(wait) if self.draining && !wait.is_zero() => self.drop_task(key, fx),
                    Some(wait) => self.tasks.wait(key, now.after(wait)),
                    None => self.fail_task(key, fx),
                }
            }
            Action::Skip => self.end_task(key, TaskEnd::Failed, fx),
            Action::DeadLetter => self.fail_task(key, fx),
            Action::Replace(plans) => {
                let depth = task.depth + 1;
                if depth > self.rules.max_replacement_depth {
                    self.fail_task(key, fx);
                } else {
                    self.start_tasks(plans, depth, fx);
                    self.end_task(key, TaskEnd::Replaced, fx);
                }
            }
        }
    }

    fn retry_due(&mut self, now: Time, fx: &mut Vec<Effect>) {
        while let Some(key) = self.tasks.take_due(now) {
            if let Some(task) = self.tasks.get_mut(key) {
                task.stage = TaskStage::Running;
                task.attempt += 1;
                fx.push(Effect::Retry { task: key, attempt: task.attempt });
            }
        }
    }

    fn task_hook_ended(&mut self, key: TaskKey, end: HookEnd, fx: &mut Vec<Effect>) {
        let Some(task) = self.tasks.get_mut(key) else { return };
        debug_assert_eq!(task.stage, TaskStage::Completing);
        match end {
            HookEnd::Outputs(0) => self.end_task(key, TaskEnd::Succeeded, fx),
            HookEnd::Outputs(count) => {
                task.stage = TaskStage::Delivering;
                task.awaited = count;
                fx.push(Effect::Deliver { owner: Owner::Task(key) });
            }
            HookEnd::Failed => self.fail_task(key, fx),
        }
    }

    fn message_hook_ended(&mut self, seq: Seq, end: HookEnd, fx: &mut Vec<Effect>) {
        let Some(message) = self.message(seq) else { return };
        debug_assert_eq!(message.stage, Stage::Completing);
        match end {
            HookEnd::Outputs(0) => self.finish(seq, fx),
            HookEnd::Outputs(count) => {
                message.stage = Stage::Delivering;
                message.awaited = count;
                fx.push(Effect::Deliver { owner: Owner::Message(seq) });
            }
            HookEnd::Failed => {
                message.needs_letter = true;
                self.finish(seq, fx);
            }
        }
    }

    fn verdict(&mut self, owner: Owner, end: OutputEnd, fx: &mut Vec<Effect>) {
        let failed = u32::from(end == OutputEnd::Failed);
        match owner {
            Owner::Task(key) => {
                let Some(task) = self.tasks.get_mut(key) else { return };
                debug_assert!(task.stage == TaskStage::Delivering && task.awaited > 0);
                task.awaited -= 1;
                task.failed += failed;
                if task.awaited > 0 {
                    return;
                }
                if task.failed == 0 {
                    self.end_task(key, TaskEnd::Succeeded, fx);
                } else {
                    task.stage = TaskStage::Lettering;
                    fx.push(Effect::DeadLetter(Letter::Outputs(owner)));
                }
            }
            Owner::Message(seq) => {
                let Some(message) = self.message(seq) else { return };
                debug_assert!(message.stage == Stage::Delivering && message.awaited > 0);
                message.awaited -= 1;
                message.failed += failed;
                message.succeeded |= failed == 0;
                if message.awaited > 0 {
                    return;
                }
                if message.failed == 0 {
                    self.finish(seq, fx);
                } else {
                    message.dead = true;
                    message.stage = Stage::LetteringOutputs;
                    fx.push(Effect::DeadLetter(Letter::Outputs(owner)));
                }
            }
        }
    }

    fn lettered(&mut self, letter: Letter, fx: &mut Vec<Effect>) {
        match letter {
            Letter::Message(seq) => self.settle(seq, fx),
            Letter::Outputs(Owner::Message(seq)) => self.finish(seq, fx),
            Letter::Outputs(Owner::Task(key)) => {
                let messages: SmallVec<[Seq; 2]> = self.tasks.messages_of(key).into();
                for seq in messages {
                    if let Some(m) = self.message(seq) {
                        m.dead = true;
                    }
                }
                self.end_task(key, TaskEnd::Succeeded, fx);
            }
        }
    }

    /// A task failed for good: its messages are dead-lettered once all else of them is done.
    fn fail_task(&mut self, key: TaskKey, fx: &mut Vec<Effect>) {
        let messages: SmallVec<[Seq; 2]> = self.tasks.messages_of(key).into();
        for seq in messages {
            if let Some(m) = self.message(seq) {
                m.needs_letter = true;
            }
        }
        self.end_task(key, TaskEnd::Failed, fx);
    }

    fn end_task(&mut self, key: TaskKey, end: TaskEnd, fx: &mut Vec<Effect>) {
        fx.push(Effect::TaskEnded { task: key, end });
        let messages: SmallVec<[Seq; 2]> = self.tasks.messages_of(key).into();
        self.tasks.end(key);
        for seq in messages {
            let Some(message) = self.message(seq) else { continue };
            message.succeeded |= end == TaskEnd::Succeeded;
            message.open -= 1;
            if message.open == 0 {
                self.complete(seq, fx);
            }
        }
    }

    /// Drops a task that will not run again and gives its messages back.
    fn drop_task(&mut self, key: TaskKey, fx: &mut Vec<Effect>) {
        if self.tasks.get_mut(key).is_none() {
            return;
        }
        let messages: SmallVec<[Seq; 2]> = self.tasks.messages_of(key).into();
        fx.push(Effect::TaskEnded { task: key, end: TaskEnd::Dropped });
        self.tasks.end(key);
        for seq in messages {
            self.give_back(seq, fx);
        }
    }

    /// All tasks of a message ended.
    fn complete(&mut self, seq: Seq, fx: &mut Vec<Effect>) {
        if !self.rules.message_hook {
            self.finish(seq, fx);
        } else if let Some(message) = self.message(seq) {
            message.stage = Stage::Completing;
            fx.push(Effect::CallMessageHook { message: seq });
        }
    }

    /// Nothing is left to do for a message but its dead letter.
    fn finish(&mut self, seq: Seq, fx: &mut Vec<Effect>) {
        let Some(message) = self.message(seq) else { return };
        if message.needs_letter {
            message.stage = Stage::Lettering;
            fx.push(Effect::DeadLetter(Letter::Message(seq)));
        } else {
            self.settle(seq, fx);
        }
    }

    fn settle(&mut self, seq: Seq, fx: &mut Vec<Effect>) {
        let Some(message) = self.message(seq) else { return };
        let how: Settled = message.verdict();
        message.stage = Stage::Settled;
        self.ledger.settle(how);
        fx.push(Effect::Settled { message: seq, how });
    }

    fn give_back(&mut self, seq: Seq, fx: &mut Vec<Effect>) {
        let Some(message) = self.message(seq) else { return };
        message.stage = Stage::Returned;
        self.ledger.give_back();
        fx.push(Effect::Returned { message: seq });
    }

    fn advance(&mut self, before: Seq, fx: &mut Vec<Effect>) {
        let mut next = None;
        while let Some(message) = self.messages.front().filter(|m| m.stage == Stage::Settled) {
            next = Some(message.offset.next());
            self.messages.pop_front();
            self.base.0 += 1;
        }
        debug_assert!(before <= self.base);
        if let Some(next) = next {
            fx.push(Effect::Advance { next });
        }
    }

    fn drain(&mut self, fx: &mut Vec<Effect>) {
        self.draining = true;
        self.return_queued(fx);
        for piece in std::mem::take(&mut self.pieces) {
            self.return_range(piece, fx);
        }
        for key in self.tasks.all_waiting() {
            self.drop_task(key, fx);
        }
    }

    fn return_queued(&mut self, fx: &mut Vec<Effect>) {
        while self.queued < self.end() {
            self.give_back(self.queued, fx);
            self.queued.0 += 1;
        }
    }

    fn release(&mut self, fx: &mut Vec<Effect>) {
        self.drain(fx);
        for index in 0..self.messages.len() as u64 {
            self.give_back(Seq(self.base.0 + index), fx);
        }
        self.tasks.clear();
        self.arranging = None;
        self.released = true;
    }
}

impl Range {
    fn seqs(self) -> impl Iterator<Item = Seq> {
        (self.first.0..self.first.0 + u64::from(self.count)).map(Seq)
    }
}
