//! What each input makes due.

use drakkar_core::{
    ids::{Offset, Seq, TaskKey, Time, WindowId},
    pipeline::{Action, HookEnd, Input, Letter, Owner, Parse, Suspicion, TaskEnd},
    retry::RetryPolicy,
};

use super::{
    At, Message, Model, TaskAt,
    parts::{OutputsAt, Planned, Wait},
    windows::{Fate, WindowAt},
};

/// What the bounds of retries say.
pub(super) enum Bounds {
    /// No more attempt.
    Reached,
    /// Another attempt by this time, unless the wait that is drawn is too long.
    Wait { by: Time, may_end: bool },
}

/// Applies a policy to something that failed so often, for the first time back then.
pub(super) fn bounds(policy: &RetryPolicy, failed: u32, first: Time, now: Time) -> Bounds {
    let longest = policy.backoff(failed, u64::MAX);
    let elapsed = now.since(first);
    if failed >= policy.max_attempts || elapsed > policy.max_elapsed {
        return Bounds::Reached;
    }
    Bounds::Wait { by: now.after(longest), may_end: elapsed + longest > policy.max_elapsed }
}

impl Model {
    pub(crate) fn input(&mut self, now: Time, input: &Input<'_>) {
        self.now = now;
        self.step += 1;
        if self.released {
            return;
        }
        match *input {
            Input::Records(offsets) => self.records(offsets),
            Input::Unparsed { message, policy } => self.unparsed(message, policy),
            Input::Arranged { window, plans } => self.arranged(window, Some(plans)),
            Input::ArrangeFailed { window } => self.arranged(window, None),
            Input::AttemptEnded { task, success } => self.attempt_ended(task, success),
            Input::AttemptCancelled { task } => {
                if let Some(t) = self.task(task) {
                    t.at = TaskAt::EndDue(TaskEnd::Dropped);
                    self.owe();
                }
            }
            Input::TaskHookEnded { task, end } => self.task_hook_ended(task, end),
            Input::ErrorHookEnded { task, action } => self.judged(task, action),
            Input::MessageHookEnded { message, end } => self.message_hook_ended(message, end),
            Input::WindowHookEnded { window, end } => self.window_hook_ended(window, end),
            Input::DeliveryHookEnded { owner, retry, letter } => self.delivery_judged(owner, retry, letter),
            Input::Verdicts(verdicts) => {
                for (owner, end) in verdicts {
                    self.verdict(*owner, *end);
                }
            }
            Input::Lettered(letter) => self.lettered(letter),
            Input::Tick => {}
            Input::Gate { open } => self.gate = open,
            Input::Drain => self.drain(),
            Input::Release => self.release(),
        }
    }

    fn records(&mut self, offsets: &[Offset]) {
        self.ledger.consumed += offsets.len() as u64;
        self.ledger.in_flight += offsets.len() as u64;
        for &offset in offsets {
            let seq = Seq(self.messages.len() as u64);
            self.messages.push(Message::new(offset));
            if self.draining {
                self.return_due(seq);
            } else if self.suspects.of(offset) == Some(Suspicion::Poison) {
                self.needs_letter(seq);
                self.finish(seq);
            }
        }
        self.pass_taken();
    }

    fn unparsed(&mut self, seq: Seq, policy: Parse) {
        let Some(message) = self.message(seq).filter(|m| m.at == At::Arranging) else { return };
        match policy {
            Parse::Pass => message.unparsed = true,
            Parse::Skip => self.hold_or_settle(seq),
            Parse::DeadLetter => {
                message.needs_letter = true;
                self.finish(seq);
            }
        }
    }

    /// `arrange` ended: with plans, or failed.
    fn arranged(&mut self, window: WindowId, plans: Option<&[&[Offset]]>) {
        let Some(arranging) = self.arranging.filter(|a| a.window == window.0) else { return };
        self.arranging = None;
        let range = arranging.first..arranging.first + arranging.count;
        let inside: Vec<Seq> = range
            .clone()
            .filter(|seq| self.messages[*seq].at == At::Arranging)
            .map(|seq| Seq(seq as u64))
            .collect();
        if self.draining {
            for seq in range.map(|seq| Seq(seq as u64)) {
                if self.messages[seq.0 as usize].at == At::Arranging || self.is_held_for_nobody(seq) {
                    self.return_due(seq);
                }
            }
        } else if let Some(plans) = plans {
            for &seq in &inside {
                self.messages[seq.0 as usize].at = At::Open;
            }
            self.plan(plans, window.0, 0);
            for seq in range.map(|seq| Seq(seq as u64)) {
                let m = &self.messages[seq.0 as usize];
                if m.at == At::Open && m.open == 0 {
                    self.complete(seq);
                }
            }
        } else if inside.len() > 1 {
            self.windows.remove(&window.0);
            for seq in inside {
                let message = &mut self.messages[seq.0 as usize];
                message.at = At::Piece;
                message.failed_among = arranging.count;
                self.pieces += 1;
            }
            return;
        } else {
            for seq in inside {
                self.needs_letter(seq);
                self.finish(seq);
            }
        }
        if let Some(window) = self.windows.get_mut(&window.0) {
            window.arranging = false;
        }
        self.check_window(window.0);
    }

    fn is_held_for_nobody(&self, seq: Seq) -> bool {
        let message = &self.messages[seq.0 as usize];
        message.at == At::Held && !self.windows.contains_key(&message.window)
    }

    pub(super) fn plan(&mut self, plans: &[&[Offset]], window: u64, depth: u32) {
        for (index, offsets) in plans.iter().enumerate() {
            let (mut messages, mut refused) = (Vec::new(), Vec::new());
            for offset in *offsets {
                let at = self.messages.binary_search_by_key(offset, |m| m.offset).ok();
                match at.filter(|at| self.messages[*at].at == At::Open) {
                    None => refused.push(*offset),
                    Some(at) if messages.contains(&Seq(at as u64)) => {}
                    Some(at) => messages.push(Seq(at as u64)),
                }
            }
            for seq in &messages {
                self.messages[seq.0 as usize].open += 1;
            }
            self.planned.push_back(Planned { plan: index as u32, messages, refused, window, depth });
        }
        if let Some(window) = self.windows.get_mut(&window) {
            window.tasks += plans.len();
            window.had_tasks |= !plans.is_empty();
        }
    }

    fn attempt_ended(&mut self, key: TaskKey, success: bool) {
        let (now, rules) = (self.now, self.rules);
        let Some(task) = self.task(key).filter(|t| t.at == TaskAt::Running) else { return };
        if success {
            task.at = if rules.task_hook { TaskAt::HookDue } else { TaskAt::EndDue(TaskEnd::Succeeded) };
            self.owe();
        } else {
            task.first_failure.get_or_insert(now);
            if rules.error_hook {
                task.at = TaskAt::ErrorHookDue;
                self.owe();
            } else {
                task.at = TaskAt::Judging;
                self.judged(key, Action::Retry);
            }
        }
    }

    fn judged(&mut self, key: TaskKey, action: Action<'_>) {
        let (now, rules, step) = (self.now, self.rules, self.step);
        let Some(task) = self.task(key).filter(|t| t.at == TaskAt::Judging) else { return };
        match action {
            Action::Retry => match bounds(&rules.retry, task.attempt, task.first_failure.unwrap_or(now), now)
            {
                Bounds::Reached => self.fail_task(key),
                Bounds::Wait { by, may_end } => {
                    task.at = TaskAt::Waiting(Wait { step, may_end });
                    self.due_by = Some(by);
                }
            },
            Action::Skip => {
                task.at = TaskAt::EndDue(TaskEnd::Failed);
                self.owe();
            }
            Action::DeadLetter => self.fail_task(key),
            Action::Replace(plans) => {
                let (window, depth) = (task.window, task.depth + 1);
                if depth > rules.max_replacement_depth {
                    return self.fail_task(key);
                }
                task.at = TaskAt::EndDue(TaskEnd::Replaced);
                self.owe();
                self.plan(plans, window, depth);
            }
        }
    }

    /// A task failed for good: its messages are to be dead-lettered.
    fn fail_task(&mut self, key: TaskKey) {
        let Some(task) = self.task(key) else { return };
        task.at = TaskAt::EndDue(TaskEnd::Failed);
        let messages = task.messages.clone();
        self.owe();
        for seq in messages {
            self.needs_letter(seq);
        }
    }

    fn task_hook_ended(&mut self, key: TaskKey, end: HookEnd) {
        let Some(task) = self.task(key).filter(|t| t.at == TaskAt::Completing) else { return };
        match end {
            HookEnd::Outputs(0) => {
                task.at = TaskAt::EndDue(TaskEnd::Succeeded);
                self.owe();
            }
            HookEnd::Outputs(count) => {
                task.at = TaskAt::Outputs;
                self.send(Owner::Task(key), count);
            }
            HookEnd::Failed => self.fail_task(key),
        }
    }

    fn message_hook_ended(&mut self, seq: Seq, end: HookEnd) {
        let Some(message) = self.message(seq).filter(|m| m.at == At::Hook) else { return };
        match end {
            HookEnd::Outputs(0) => self.finish(seq),
            HookEnd::Outputs(count) => {
                message.at = At::Outputs;
                self.send(Owner::Message(seq), count);
            }
            HookEnd::Failed => {
                message.needs_letter = true;
                self.finish(seq);
            }
        }
    }

    fn window_hook_ended(&mut self, id: WindowId, end: HookEnd) {
        let Some(window) = self.windows.get_mut(&id.0).filter(|w| w.at == WindowAt::Hook) else { return };
        match end {
            HookEnd::Outputs(0) => self.end_window(id.0, Fate::Settle),
            HookEnd::Outputs(count) => {
                window.at = WindowAt::Outputs;
                self.send(Owner::Window(id), count);
            }
            HookEnd::Failed => self.end_window(id.0, Fate::Letter),
        }
    }

    fn lettered(&mut self, letter: Letter) {
        match letter {
            Letter::Message(seq) => {
                if let Some(message) = self.message(seq).filter(|m| m.at == At::Letter) {
                    message.lettered = true;
                    self.hold_or_settle(seq);
                }
            }
            Letter::Outputs(owner) => {
                if self.outputs(owner).is_some_and(|o| o.at == OutputsAt::Lettering) {
                    self.outputs_done(owner);
                }
            }
        }
    }

    fn drain(&mut self) {
        self.draining = true;
        for index in self.base..self.messages.len() {
            let seq = Seq(index as u64);
            if self.messages[index].awaits_arrange() || self.is_held_for_nobody(seq) {
                self.return_due(seq);
            }
        }
        self.pass_taken();
        let waiting = self.owners_waiting();
        for owner in waiting {
            self.drop_owner(owner);
        }
    }

    fn release(&mut self) {
        self.draining = true;
        self.released = true;
        for index in self.base..self.messages.len() {
            self.return_due(Seq(index as u64));
        }
    }
}
