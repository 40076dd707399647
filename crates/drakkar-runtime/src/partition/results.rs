//! What hooks returned, and what their failures mean.

use std::sync::Arc;

use drakkar_core::{
    error::Class,
    event::Event,
    handler::Handler,
    ids::{Offset, Seq, TaskKey, WindowId},
    outcome::{ErrorAction, MessageGroup, WindowGroup},
    pipeline::{Action, Input, Owner, TaskEnd},
    task::Task,
};

use super::{
    Partition,
    hooks::{self, HookDone, HookFailure},
    store::{Content, Group},
};
use crate::{
    crash_marker::HookKind,
    dead_letter::{Cause, Stage},
};

impl<H: Handler> Partition<H> {
    pub(super) fn hook_done(&mut self, done: HookDone) {
        match done {
            HookDone::Arranged { window, result: Ok(tasks) } => {
                let planned: Vec<Arc<Task>> = tasks.into_iter().map(Arc::new).collect();
                let plans: Vec<&[Offset]> = planned.iter().map(|t| t.offsets()).collect();
                self.step_planned(Input::Arranged { window, plans: &plans }, &planned);
            }
            HookDone::Arranged { window, result: Err(failure) } => {
                self.hook_failed("arrange", self.arranging.first().copied(), &failure);
                if let [alone] = self.arranging[..] {
                    self.blame(alone, cause_of(Stage::Arrange, failure, 1));
                }
                self.windows.remove(&window);
                self.step(Input::ArrangeFailed { window });
            }
            HookDone::Task { task, result } => {
                let result = result.map_err(|failure| {
                    self.hook_failed("on_task_complete", self.first_of(Owner::Task(task)), &failure);
                    if let Some(running) = self.tasks.get_mut(task) {
                        let attempts = running.attempt;
                        running.cause = Some(Box::new(cause_of(Stage::OnTaskComplete, failure, attempts)));
                    }
                });
                self.hook_outputs(Owner::Task(task), result);
            }
            HookDone::Message { message, result } => {
                let result = result.map_err(|failure| {
                    self.hook_failed("on_message_complete", Some(message), &failure);
                    self.blame(message, cause_of(Stage::OnMessageComplete, failure, 1));
                });
                self.hook_outputs(Owner::Message(message), result);
            }
            HookDone::Window { window, result } => {
                let result = result.map_err(|failure| self.window_hook_failed(window, failure));
                self.hook_outputs(Owner::Window(window), result);
            }
            HookDone::Error { task, result } => self.error_hook_done(task, result),
            HookDone::Delivery { owner, actions } => self.failed_judged(owner, actions),
        }
    }

    fn error_hook_done(&mut self, key: TaskKey, result: Result<ErrorAction, HookFailure>) {
        let mut planned = Vec::new();
        let action = match result {
            Ok(ErrorAction::Retry) => Action::Retry,
            Ok(ErrorAction::DeadLetter) => Action::DeadLetter,
            Ok(ErrorAction::Skip) => {
                if let Some(running) = self.tasks.get_mut(key) {
                    running.skipped = true;
                }
                Action::Skip
            }
            Ok(ErrorAction::Replace(tasks)) => {
                let inherited: Vec<Offset> = self.offsets_of(key);
                let parent = self.tasks.get_mut(key).map(|running| running.task.id());
                for mut task in tasks {
                    if task.offsets().is_empty() {
                        task.set_offsets(self.assignment.partition, inherited.iter().copied());
                    }
                    if task.parent().is_none()
                        && let Some(parent) = &parent
                    {
                        task = task.with_parent(parent.as_str());
                    }
                    planned.push(Arc::new(task));
                }
                let plans: Vec<&[Offset]> = planned.iter().map(|t: &Arc<Task>| t.offsets()).collect();
                let input = Input::ErrorHookEnded { task: key, action: Action::Replace(&plans) };
                return self.step_planned(input, &planned);
            }
            Err(failure) => {
                self.hook_failed("on_error", self.first_of(Owner::Task(key)), &failure);
                if let Some(running) = self.tasks.get_mut(key) {
                    running.cause = Some(Box::new(cause_of(Stage::OnError, failure, running.attempt)));
                }
                Action::DeadLetter
            }
        };
        self.step(Input::ErrorHookEnded { task: key, action });
    }

    fn offsets_of(&mut self, key: TaskKey) -> Vec<Offset> {
        let messages = self.pipeline.messages_of(key).to_vec();
        messages.into_iter().filter_map(|s| Some(self.messages.get_mut(s)?.content.record().offset)).collect()
    }

    pub(super) fn complete_message(&mut self, seq: Seq) {
        let now = self.now;
        let Some(held) = self.messages.get_mut(seq) else { return };
        let Content::Decoded(message) = &held.content else { return };
        let Group { results, failures, replaced } = std::mem::take(&mut held.group);
        let duration = now.since(held.started);
        let group = MessageGroup { message: message.clone(), results, failures, replaced, duration };
        let busy = (group.message.offset(), group.message.offset());
        self.call(HookKind::MessageComplete, busy, hooks::message_complete(self.shared.clone(), seq, group));
    }

    pub(super) fn complete_window(&mut self, id: WindowId) {
        let (now, busy) = (self.now, self.offsets_of_owner(Owner::Window(id)));
        let Some(window) = self.windows.get_mut(&id) else { return };
        let Group { results, failures, replaced } = std::mem::take(&mut window.group);
        let duration = now.since(window.started);
        let messages = std::mem::take(&mut window.messages);
        let group = WindowGroup { messages, results, failures, replaced, duration };
        self.call(HookKind::WindowComplete, busy, hooks::window_complete(self.shared.clone(), id, group));
    }

    /// Its outputs are lost with it, so all messages of the window are at fault.
    fn window_hook_failed(&mut self, id: WindowId, failure: HookFailure) {
        let first = self.first_of(Owner::Window(id));
        self.hook_failed("on_window_complete", first, &failure);
        for seq in self.pipeline.waiting_for(id) {
            let failure = HookFailure { error: failure.error.clone(), panicked: failure.panicked };
            self.blame(seq, cause_of(Stage::OnWindowComplete, failure, 1));
        }
    }

    pub(super) fn window_ended(&mut self, id: WindowId) {
        self.windows.remove(&id);
        self.failed.forget(Owner::Window(id));
    }

    /// Tells the groups of its messages, and whom to blame.
    pub(super) fn task_ended(&mut self, key: TaskKey, end: TaskEnd) {
        self.failed.forget(Owner::Task(key));
        let Some(mut running) = self.tasks.remove(key) else { return };
        self.shared.bytes.give(running.size);
        self.shared.gate.leave(usize::from(running.gated));
        self.pending.remove(&running.task);
        let cause = match end {
            TaskEnd::Failed if !running.skipped => running
                .cause
                .take()
                .map(|cause| *cause)
                .or_else(|| running.failure.as_deref().map(Cause::of_task)),
            _ => None,
        };
        if let Some(window) = self.windows.get_mut(&running.window) {
            window.group.add(&running, end);
        }
        let keep = self.shared.rules.message_hook;
        if !keep && cause.is_none() {
            return;
        }
        for seq in self.pipeline.messages_of(key).to_vec() {
            if let Some(cause) = &cause {
                self.blame(seq, cause.clone());
            }
            if keep && let Some(held) = self.messages.get_mut(seq) {
                held.group.add(&running, end);
            }
        }
    }

    /// Notes why a message will be dead-lettered: the first reason is kept, later ones are counted.
    pub(super) fn blame(&mut self, seq: Seq, cause: Cause) {
        let Some(held) = self.messages.get_mut(seq) else { return };
        match &mut held.cause {
            Some(first) => first.1 += 1,
            none => *none = Some(Box::new((cause, 0))),
        }
    }

    pub(super) fn hook_failed(&mut self, hook: &'static str, seq: Option<Seq>, failure: &HookFailure) {
        let offset = seq
            .and_then(|seq| self.messages.get_mut(seq))
            .map(|held| held.content.record().offset)
            .unwrap_or_default();
        self.shared.events.emit(&Event::HookFailed {
            assignment: self.assignment,
            offset,
            hook,
            error: failure.error.clone(),
            panicked: failure.panicked,
        });
    }
}

fn cause_of(stage: Stage, failure: HookFailure, attempts: u32) -> Cause {
    Cause::new(stage, failure.error, Class::Permanent, attempts)
}
