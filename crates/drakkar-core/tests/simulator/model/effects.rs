//! Crosses off what was due, and refuses what was not.

use drakkar_core::{
    ids::{Offset, Seq, TaskKey, WindowId},
    ledger::Settled,
    pipeline::{Effect, Letter, Owner, Pipeline, Suspicion, TaskEnd},
};

use super::{
    Arranging, At, Model, Task, TaskAt,
    parts::{Outputs, OutputsAt, Wait},
    windows::{Fate, Window, WindowAt},
};
use crate::violation::rule;

impl Model {
    pub(crate) fn effect(&mut self, effect: &Effect, pipeline: &Pipeline) {
        rule!(
            !self.released || matches!(effect, Effect::Returned { .. }),
            "nothing happens after the release",
            "{effect:?}"
        );
        match *effect {
            Effect::Arrange { window, first, count } => self.arrange(window, first, count),
            Effect::Refused { plan, offset } => {
                let next = self.planned.front_mut().filter(|p| p.plan == plan);
                let refused =
                    next.filter(|p| p.refused.first() == Some(&offset)).map(|p| p.refused.remove(0));
                rule!(refused.is_some(), "only what is not open is refused", "{effect:?}");
            }
            Effect::Start { task, plan, window } => self.start(task, plan, window, pipeline),
            Effect::Retry { task, attempt } => self.retry(task, attempt),
            Effect::CallTaskHook { task } => {
                self.call(task, TaskAt::HookDue, TaskAt::Completing, "on_task_complete is called once");
            }
            Effect::CallErrorHook { task, attempt } => {
                let told = self.task(task).map(|t| t.attempt);
                rule!(told == Some(attempt), "on_error is told the attempt", "{effect:?}, not {told:?}");
                self.call(task, TaskAt::ErrorHookDue, TaskAt::Judging, "on_error is called once per failure");
            }
            Effect::Deliver { owner } => {
                self.outputs_due(owner, OutputsAt::DeliverDue, OutputsAt::Sending, effect);
            }
            Effect::CallDeliveryHook { owner, attempt } => {
                let told = self.outputs(owner).map(|o| o.attempt);
                rule!(
                    told == Some(attempt),
                    "on_delivery_error is told the attempt",
                    "{effect:?}, not {told:?}"
                );
                self.outputs_due(owner, OutputsAt::HookDue, OutputsAt::Judging, effect);
            }
            Effect::Redeliver { owner } => self.redeliver(owner, pipeline),
            Effect::TaskEnded { task, end } => self.task_ended(task, end, pipeline),
            Effect::CallMessageHook { message } => {
                let due = self.message(message).filter(|m| m.at == At::HookDue).map(|m| m.at = At::Hook);
                rule!(due.is_some(), "on_message_complete is called once", "{effect:?}");
                self.pay();
            }
            Effect::CallWindowHook { window } => {
                let due = self.windows.get_mut(&window.0).filter(|w| w.at == WindowAt::HookDue);
                rule!(
                    due.map(|w| w.at = WindowAt::Hook).is_some(),
                    "on_window_complete is called once, after all of its window",
                    "{effect:?}"
                );
                self.pay();
            }
            Effect::WindowEnded { window } => self.window_ended(window),
            Effect::Brake { on } => self.brake.said(on),
            Effect::DeadLetter(letter) => self.letter(letter),
            Effect::Settled { message, how } => self.settled(message, how),
            Effect::Returned { message } => self.returned(message),
            Effect::Advance { next } => self.advance(next),
        }
    }

    fn arrange(&mut self, window: WindowId, first: Seq, count: u32) {
        let what = || format!("window {window}: {count} messages from {first}");
        rule!(self.arranging.is_none(), "arrange calls of a partition never overlap", "{}", what());
        rule!(!self.draining, "no window starts in a drain", "{}", what());
        rule!(window.0 == self.window_count + 1, "windows are numbered", "{}", what());
        rule!(count >= 1 && count <= self.rules.window_size, "windows respect their size", "{}", what());
        self.window_count = window.0;
        let range = first.0 as usize..first.0 as usize + count as usize;
        rule!(range.end <= self.messages.len(), "a window holds messages that arrived", "{}", what());
        let skipped = (self.base..range.start).find(|seq| self.messages[*seq].awaits_arrange());
        rule!(skipped.is_none(), "messages enter arrange in offset order", "{}, before {skipped:?}", what());
        let mut undecided = None;
        for index in range.clone() {
            let message = &mut self.messages[index];
            if message.at == At::Queued {
                rule!(self.gate, "a closed gate starts no window", "{}", what());
                let last = index - self.base < self.rules.max_in_flight as usize;
                rule!(
                    last,
                    "windows stay near the watermark",
                    "{}, which is at message {}",
                    what(),
                    self.base
                );
                let alone = self.suspects.of(message.offset) == Some(Suspicion::Alone);
                rule!(!alone || count == 1, "a suspect is arranged alone", "{}", what());
            }
            if message.awaits_arrange() {
                rule!(
                    (count as usize) < message.failed_among,
                    "a failed window comes back in parts",
                    "{}",
                    what()
                );
                self.pieces -= usize::from(message.at == At::Piece);
                message.at = At::Arranging;
                undecided = undecided.or(Some(Seq(index as u64)));
            }
            if !message.is_over() {
                message.window = window.0;
            }
        }
        self.queued = self.queued.max(range.end);
        self.pass_taken();
        self.brake.window(count, undecided, self.now);
        self.arranging = Some(Arranging { window: window.0, first: range.start, count: range.len() });
        if self.rules.window_hook {
            self.windows.insert(window.0, Window::new(range.start, range.len()));
        }
    }

    fn start(&mut self, key: TaskKey, plan: u32, window: WindowId, pipeline: &Pipeline) {
        let planned = self.planned.pop_front();
        let due = planned.filter(|p| p.plan == plan && p.refused.is_empty() && p.window == window.0);
        rule!(due.is_some(), "every planned task starts once, in order", "task {key}, plan {plan}");
        let Some(planned) = due else { return };
        let told = pipeline.messages_of(key);
        rule!(told == planned.messages, "a task answers for the open messages it names", "{key}: {told:?}");
        let index = key.0 as usize;
        if self.tasks.len() <= index {
            self.tasks.resize_with(index + 1, || None);
        }
        rule!(self.tasks[index].is_none(), "a key in use names one task", "{key}");
        self.live_tasks += 1;
        self.tasks[index] = Some(Task {
            messages: planned.messages,
            window: planned.window,
            depth: planned.depth,
            at: TaskAt::Running,
            attempt: 1,
            first_failure: None,
            outputs: Outputs::default(),
        });
    }

    fn retry(&mut self, key: TaskKey, attempt: u32) {
        let most = self.rules.retry.max_attempts;
        rule!(attempt <= most, "retries are bounded", "attempt {attempt} of task {key}, {most} are allowed");
        let waiting =
            self.task(key).filter(|t| matches!(t.at, TaskAt::Waiting(_)) && t.attempt + 1 == attempt);
        rule!(waiting.is_some(), "only what failed is tried again", "attempt {attempt} of task {key}");
        if let Some(task) = self.task(key) {
            task.at = TaskAt::Running;
            task.attempt = attempt;
        }
        // One that began in this step is over already.
        self.due_by = None;
    }

    fn redeliver(&mut self, owner: Owner, pipeline: &Pipeline) {
        let most = self.rules.redelivery.max_attempts;
        let outputs = self.outputs(owner).filter(|o| matches!(o.at, OutputsAt::Waiting(_)));
        rule!(outputs.is_some(), "only what failed is delivered again", "{owner:?}");
        let Some(outputs) = outputs else { return };
        outputs.at = OutputsAt::Sending;
        outputs.attempt += 1;
        let attempt = outputs.attempt;
        self.due_by = None;
        rule!(
            attempt <= most,
            "redeliveries are bounded",
            "delivery {attempt} of {owner:?}, {most} are allowed"
        );
        let told = pipeline.deliveries_of(owner);
        rule!(told == attempt, "deliveries are counted", "{owner:?}: {told}, not {attempt}");
    }

    fn call(&mut self, key: TaskKey, due: TaskAt, then: TaskAt, rule: &'static str) {
        match self.task(key).filter(|t| t.at == due) {
            Some(task) => task.at = then,
            None => crate::violation::violated(rule, format!("task {key}")),
        }
        self.pay();
    }

    fn outputs_due(&mut self, owner: Owner, due: OutputsAt, then: OutputsAt, effect: &Effect) {
        let outputs = self.outputs(owner).filter(|o| o.at == due).map(|o| o.at = then);
        rule!(outputs.is_some(), "outputs are delivered and judged once", "{effect:?}");
        self.pay();
    }

    fn task_ended(&mut self, key: TaskKey, end: TaskEnd, pipeline: &Pipeline) {
        let (draining, step) = (self.draining, self.step);
        let Some(task) = self.task(key) else {
            crate::violation::violated("a task ends once", format!("task {key} {end:?}"))
        };
        let may = |wait: Wait| match end {
            TaskEnd::Failed => wait.step == step && wait.may_end,
            TaskEnd::Dropped => wait.step == step && draining,
            TaskEnd::Succeeded | TaskEnd::Replaced => false,
        };
        let waited = match (task.at, task.outputs.at) {
            (TaskAt::EndDue(due), _) if due == end => false,
            (TaskAt::Waiting(wait), _) if may(wait) => true,
            (TaskAt::Outputs, OutputsAt::Waiting(wait)) if end == TaskEnd::Dropped && may(wait) => true,
            (at, outputs) => crate::violation::violated(
                "a task ends as it went",
                format!("task {key} {end:?}, though it is at {at:?} {outputs:?}"),
            ),
        };
        let (messages, window) = (task.messages.clone(), task.window);
        let told = pipeline.messages_of(key);
        rule!(
            told == messages,
            "the messages of a task can be asked for",
            "{key}: {told:?}, not {messages:?}"
        );
        self.tasks[key.0 as usize] = None;
        self.live_tasks -= 1;
        if waited {
            self.due_by = None;
        } else {
            self.pay();
        }
        if let Some(window) = self.windows.get_mut(&window) {
            window.tasks -= 1;
            window.broken |= end == TaskEnd::Dropped;
        }
        for seq in messages {
            if end == TaskEnd::Dropped {
                self.return_due(seq);
                continue;
            }
            let Some(message) = self.message(seq) else { continue };
            message.succeeded |= end == TaskEnd::Succeeded;
            message.needs_letter |= end == TaskEnd::Failed && waited;
            message.open -= 1;
            if message.open == 0 && message.at == At::Open {
                self.complete(seq);
            }
        }
        self.check_window(window);
    }

    fn window_ended(&mut self, id: WindowId) {
        let (draining, step) = (self.draining, self.step);
        let window = self.windows.get(&id.0);
        let Some((at, outputs)) = window.map(|w| (w.at, w.outputs.at)) else {
            crate::violation::violated("a window ends once", format!("window {id}"))
        };
        if let (WindowAt::Outputs, OutputsAt::Waiting(wait)) = (at, outputs)
            && (draining && wait.step == step)
        {
            // Its outputs would have to wait, and a drain waits for nothing.
            self.due_by = None;
            self.end_window(id.0, Fate::Return);
        } else {
            rule!(
                at == WindowAt::EndDue,
                "a window ends after its hook and all of its outputs",
                "{id} is at {at:?}"
            );
        }
        self.windows.remove(&id.0);
        self.pay();
    }

    fn letter(&mut self, letter: Letter) {
        let (now, step) = (self.now, self.step);
        let messages = match letter {
            Letter::Message(seq) => {
                let due = self.message(seq).filter(|m| m.at == At::LetterDue).map(|m| m.at = At::Letter);
                rule!(due.is_some(), "a message costs one dead letter", "message {seq}");
                self.pay();
                vec![seq]
            }
            Letter::Outputs(owner) => {
                let outputs = self.outputs(owner);
                match outputs.as_ref().map(|o| o.at) {
                    Some(OutputsAt::LetterDue) => self.pay(),
                    Some(OutputsAt::Waiting(wait)) if wait.step == step && wait.may_end => self.due_by = None,
                    at => crate::violation::violated(
                        "outputs are dead-lettered once, when they failed for good",
                        format!("{owner:?} is at {at:?}"),
                    ),
                }
                if let Some(outputs) = self.outputs(owner) {
                    outputs.at = OutputsAt::Lettering;
                }
                self.messages_behind(owner)
            }
        };
        for seq in messages {
            if let Some(message) = self.message(seq)
                && !std::mem::replace(&mut message.dead, true)
            {
                self.brake.ended(seq, true, now);
            }
        }
    }

    fn settled(&mut self, seq: Seq, how: Settled) {
        let now = self.now;
        let at = self.messages.get(seq.0 as usize).map(|m| m.at);
        rule!(
            at == Some(At::SettleDue),
            "a message settles once all of it is done",
            "message {seq} is at {at:?}"
        );
        let message = &mut self.messages[seq.0 as usize];
        message.at = At::Settled;
        let (truth, offset) = (message.how(), message.offset);
        rule!(
            how == truth,
            "a message counts as what became of it",
            "offset {offset}: {how:?}, not {truth:?}"
        );
        self.pay();
        self.count(how);
        if how != Settled::Dead {
            self.brake.ended(seq, false, now);
        }
    }

    fn returned(&mut self, seq: Seq) {
        let (draining, step) = (self.draining, self.step);
        let Some(message) = self.messages.get_mut(seq.0 as usize) else {
            crate::violation::violated("only messages are given back", format!("message {seq}"))
        };
        match (message.at, message.outputs.at) {
            (At::ReturnDue, _) => self.pay(),
            (At::Outputs, OutputsAt::Waiting(wait)) if draining && wait.step == step => self.due_by = None,
            (at, _) => crate::violation::violated(
                "only what must be is given back",
                format!("message {seq} is at {at:?}"),
            ),
        }
        let message = &mut self.messages[seq.0 as usize];
        message.at = At::Returned;
        let window = message.window;
        self.ledger.in_flight -= 1;
        self.ledger.returned += 1;
        self.brake.returned(seq);
        if !self.released {
            self.break_window(window);
        }
    }

    fn advance(&mut self, next: Offset) {
        rule!(self.watermark.is_none_or(|w| w < next), "the watermark never moves backwards", "{next}");
        self.watermark = Some(next);
        while let Some(message) = self.messages.get(self.base).filter(|m| m.offset < next) {
            let (offset, at) = (message.offset, message.at);
            rule!(
                at == At::Settled,
                "the watermark passes settled messages only",
                "offset {offset} is at {at:?}, watermark {next}"
            );
            self.base += 1;
        }
        let last = self.base.checked_sub(1).map(|last| self.messages[last].offset.next());
        rule!(last == Some(next), "the watermark stands behind a message", "{next}, not {last:?}");
        self.pass_taken();
    }
}
