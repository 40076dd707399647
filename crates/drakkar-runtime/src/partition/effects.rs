//! Performs the effects of the pipeline and feeds it what comes back.

use std::{panic::AssertUnwindSafe, sync::Arc};

use drakkar_core::{
    error::Class,
    event::{Detail, Event},
    executor::{Completion, Job},
    handler::{DecodeError, Handler},
    ids::{Offset, Seq, TaskKey, WindowId},
    message::Message,
    outcome::{Ended, ErrorAction, MessageGroup, Report, TaskFailure, TaskResult},
    payload::Payload,
    pipeline::{Action, Effect, HookEnd, Input, Letter, Owner, TaskEnd},
    task::{Task, Work},
};

use super::{
    Partition, Ready,
    hooks::{self, HookCall, HookDone, HookFailure},
    store::{Content, Group},
};
use crate::{
    dead_letter::{Cause, Stage},
    port::{AttemptEnd, Tag},
};

impl<H: Handler> Partition<H> {
    pub(super) fn perform(&mut self, effect: Effect, planned: &[Arc<Task>]) {
        match effect {
            Effect::Arrange { window, first, count } => self.arrange(window, first, count),
            Effect::Start { task, plan } => self.start(task, &planned[plan as usize]),
            Effect::Refused { plan, offset } => tracing::warn!(
                category = "partition", assignment = %self.assignment, %offset,
                task = planned[plan as usize].id(),
                "a task names an offset that is not open in this partition; it is left out"
            ),
            Effect::Retry { task, attempt } => {
                if let Some(running) = self.tasks.get_mut(task) {
                    running.attempt = attempt;
                }
                self.submit(task);
            }
            Effect::CallTaskHook { task } => {
                if let Some(done) = self.tasks.get_mut(task).and_then(|t| t.result.clone()) {
                    self.call(hooks::task_complete(self.shared.clone(), task, done));
                }
            }
            Effect::CallErrorHook { task, .. } => {
                if let Some(failure) = self.tasks.get_mut(task).and_then(|t| t.failure.clone()) {
                    self.call(hooks::error(self.shared.clone(), task, failure));
                }
            }
            Effect::CallMessageHook { message } => self.complete_message(message),
            Effect::Deliver { owner } => self.deliver(owner),
            Effect::TaskEnded { task, end } => self.task_ended(task, end),
            Effect::DeadLetter(Letter::Message(seq)) => self.letter_message(seq),
            Effect::DeadLetter(Letter::Outputs(owner)) => self.letter_outputs(owner),
            Effect::Settled { message, .. } | Effect::Returned { message } => {
                if let Some(Content::Raw(_)) = self.messages.get_mut(message).map(|h| &h.content) {
                    self.progress.dequeued(1);
                }
                let size = self.messages.drop(message);
                self.shared.bytes.give(size);
            }
            Effect::Advance { next } => self.progress.advance(next),
        }
    }

    fn call(&mut self, call: HookCall) {
        match hooks::poll_once(call) {
            Ok(done) => self.ready.push_back(Ready::Hook(done)),
            Err(waiting) => self.calls.push(waiting),
        }
    }

    /// Decodes the messages of a window and calls `arrange` with those that could be decoded.
    fn arrange(&mut self, window: WindowId, first: Seq, count: u32) {
        let now = self.shared.clock.now();
        let mut fresh = 0;
        let mut messages = Vec::with_capacity(count as usize);
        self.arranging.clear();
        for seq in (first.0..first.0 + u64::from(count)).map(Seq) {
            let Some(held) = self.messages.get_mut(seq) else { continue };
            match std::mem::replace(&mut held.content, Content::Gone) {
                Content::Gone => {}
                // A part of a window whose `arrange` failed: decoded before.
                Content::Decoded(message) => {
                    messages.push(message.clone());
                    self.arranging.push(seq);
                    held.content = Content::Decoded(message);
                }
                // Found undecodable before: it waits for its dead letter.
                Content::Raw(record) if held.undecodable => held.content = Content::Raw(record),
                Content::Raw(record) => {
                    held.started = now;
                    match decode(&self.shared.handler, &record) {
                        Ok(payload) => {
                            fresh += 1;
                            let message = Arc::new(Message::new(record, payload));
                            messages.push(message.clone());
                            self.arranging.push(seq);
                            held.content = Content::Decoded(message);
                        }
                        Err(error) => {
                            held.content = Content::Raw(record);
                            held.undecodable = true;
                            let cause =
                                Cause { stage: Stage::Parse, error, class: Class::Permanent, attempts: 1 };
                            held.cause = Some(Box::new((cause, 0)));
                            let skip = self.shared.skip_unparsed;
                            self.ready.push_back(Ready::Undecodable { message: seq, skip });
                        }
                    }
                }
            }
        }
        self.progress.dequeued(fresh);
        if self.shared.events.wants(Detail::Window)
            && let Some(message) = messages.first()
        {
            self.shared.events.emit(&Event::WindowStarted {
                assignment: self.assignment,
                window,
                first: message.offset(),
                messages: count,
            });
        }
        if messages.is_empty() {
            let done = HookDone::Arranged { window, result: Ok(Vec::new()) };
            self.ready.push_back(Ready::Hook(done));
        } else {
            self.call(hooks::arrange(self.shared.clone(), window, self.assignment.partition, messages));
        }
    }

    fn start(&mut self, key: TaskKey, task: &Arc<Task>) {
        let first = self.pipeline.messages_of(key).first().copied();
        // Age decides between tasks, so that a partition with small offsets does not starve the others.
        let priority = first.and_then(|s| self.messages.get_mut(s)).map_or(0, |held| held.started.0);
        self.tasks.insert(key, task.clone(), priority);
        self.submit(key);
    }

    /// Gives a task to the executor, or takes its result where it is known already.
    fn submit(&mut self, key: TaskKey) {
        let Some(running) = self.tasks.get_mut(key) else { return };
        if let Work::Precomputed(result) = running.task.work() {
            let report = Report::precomputed(result);
            self.ready.push_back(Ready::Attempt(AttemptEnd { task: key, report }));
            return;
        }
        if !running.gated {
            running.gated = true;
            self.shared.gate.enter();
        }
        // The place for the answer is taken before the job starts: answering never waits.
        let Ok(permit) = self.attempts.clone().try_reserve_owned() else {
            self.unsubmitted.push_back(key);
            return;
        };
        self.shared.executor.submit(Job {
            owner: self.assignment,
            task: running.task.clone(),
            attempt: running.attempt,
            priority: running.priority,
            done: Completion::new(move |report| {
                permit.send(AttemptEnd { task: key, report });
            }),
        });
    }

    /// Submits tasks that found no place before.
    pub(super) fn submit_waiting(&mut self) {
        for _ in 0..self.unsubmitted.len() {
            if let Some(key) = self.unsubmitted.pop_front() {
                self.submit(key);
            }
        }
    }

    pub(super) fn attempt_ended(&mut self, AttemptEnd { task: key, report }: AttemptEnd) {
        let Some(running) = self.tasks.get_mut(key) else { return };
        if std::mem::take(&mut running.gated) {
            self.shared.gate.leave(1);
        }
        if report.ended == Ended::Cancelled {
            // Only a stop or a lost partition cancels.
            return self.step(Input::AttemptCancelled { task: key });
        }
        if self.shared.events.wants(Detail::Task) {
            self.shared.events.emit(&Event::AttemptEnded {
                assignment: self.assignment,
                task: running.task.id(),
                attempt: running.attempt,
                ended: report.ended.clone(),
                success: report.success,
            });
        }
        let (size, success) = (report.size(), report.success);
        self.shared.bytes.give(std::mem::replace(&mut running.size, size));
        self.shared.bytes.take(size);
        let (task, attempt) = (running.task.clone(), running.attempt);
        if success {
            running.failure = None;
            running.result = Some(Arc::new(TaskResult { task, attempt, report }));
        } else {
            running.failure = Some(Arc::new(TaskFailure { task, attempt, report }));
        }
        self.step(Input::AttemptEnded { task: key, success });
    }

    pub(super) fn hook_done(&mut self, done: HookDone) {
        match done {
            HookDone::Arranged { window, result: Ok(tasks) } => {
                let planned: Vec<Arc<Task>> = tasks.into_iter().map(Arc::new).collect();
                let plans: Vec<&[Offset]> = planned.iter().map(|t| t.offsets()).collect();
                self.step_planned(Input::Arranged { window, plans: &plans }, &planned);
            }
            HookDone::Arranged { window, result: Err(failure) } => {
                let alone = (self.arranging.len() == 1).then(|| self.arranging[0]);
                if let Some(first) = self.arranging.first().copied() {
                    self.hook_failed("arrange", first, &failure);
                }
                if let Some(seq) = alone {
                    self.blame(seq, cause_of(Stage::Arrange, failure, 1));
                }
                self.step(Input::ArrangeFailed { window });
            }
            HookDone::Task { task, result } => {
                let end = self.outputs_of_task(task, result);
                self.step(Input::TaskHookEnded { task, end });
            }
            HookDone::Message { message, result } => {
                let end = match result {
                    Ok(outputs) => {
                        let end = HookEnd::Outputs(outputs.len() as u32);
                        if let Some(held) = self.messages.get_mut(message) {
                            held.outputs = outputs;
                        }
                        end
                    }
                    Err(failure) => {
                        self.hook_failed("on_message_complete", message, &failure);
                        self.blame(message, cause_of(Stage::OnMessageComplete, failure, 1));
                        HookEnd::Failed
                    }
                };
                self.step(Input::MessageHookEnded { message, end });
            }
            HookDone::Error { task, result } => self.error_hook_done(task, result),
        }
    }

    fn outputs_of_task(&mut self, key: TaskKey, result: Result<Vec<Payload>, HookFailure>) -> HookEnd {
        match result {
            Ok(outputs) => {
                let end = HookEnd::Outputs(outputs.len() as u32);
                if let Some(running) = self.tasks.get_mut(key) {
                    running.outputs = outputs;
                }
                end
            }
            Err(failure) => {
                if let Some(first) = self.pipeline.messages_of(key).first().copied() {
                    self.hook_failed("on_task_complete", first, &failure);
                }
                if let Some(running) = self.tasks.get_mut(key) {
                    running.cause = Some(cause_of(Stage::OnTaskComplete, failure, running.attempt));
                }
                HookEnd::Failed
            }
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
                for mut task in tasks {
                    if task.offsets().is_empty() {
                        task.set_offsets(self.assignment.partition, inherited.iter().copied());
                    }
                    planned.push(Arc::new(task));
                }
                let plans: Vec<&[Offset]> = planned.iter().map(|t: &Arc<Task>| t.offsets()).collect();
                let input = Input::ErrorHookEnded { task: key, action: Action::Replace(&plans) };
                return self.step_planned(input, &planned);
            }
            Err(failure) => {
                if let Some(first) = self.pipeline.messages_of(key).first().copied() {
                    self.hook_failed("on_error", first, &failure);
                }
                if let Some(running) = self.tasks.get_mut(key) {
                    running.cause = Some(cause_of(Stage::OnError, failure, running.attempt));
                }
                Action::DeadLetter
            }
        };
        self.step(Input::ErrorHookEnded { task: key, action });
    }

    fn offsets_of(&mut self, key: TaskKey) -> Vec<Offset> {
        let messages = self.pipeline.messages_of(key).to_vec();
        messages
            .into_iter()
            .filter_map(|s| self.messages.get_mut(s)?.content.record().map(|r| r.offset))
            .collect()
    }

    fn complete_message(&mut self, seq: Seq) {
        let now = self.shared.clock.now();
        let Some(held) = self.messages.get_mut(seq) else { return };
        let Content::Decoded(message) = &held.content else { return };
        let Group { results, failures, replaced } = std::mem::take(&mut held.group);
        let duration = now.since(held.started);
        let group = MessageGroup { message: message.clone(), results, failures, replaced, duration };
        self.call(hooks::message_complete(self.shared.clone(), seq, group));
    }

    /// Puts the outputs of a hook into the outboxes of their sinks.
    fn deliver(&mut self, owner: Owner) {
        let (outputs, routes) = match owner {
            Owner::Task(key) => {
                (self.tasks.get_mut(key).map(|t| std::mem::take(&mut t.outputs)), &self.shared.routes.task)
            }
            Owner::Message(seq) => (
                self.messages.get_mut(seq).map(|m| std::mem::take(&mut m.outputs)),
                &self.shared.routes.message,
            ),
        };
        for payload in outputs.unwrap_or_default() {
            let sink = routes[usize::from(payload.route)];
            self.shared.bytes.take(payload.size());
            self.outboxes[sink].push((Tag::Output(owner), payload));
        }
    }

    /// Tells the groups of its messages, and whom to blame.
    fn task_ended(&mut self, key: TaskKey, end: TaskEnd) {
        let Some(running) = self.tasks.remove(key) else { return };
        self.shared.bytes.give(running.size);
        self.shared.gate.leave(usize::from(running.gated));
        let cause = match end {
            TaskEnd::Failed if !running.skipped => running.cause.or_else(|| {
                running.failure.as_ref().map(|failure| Cause {
                    stage: Stage::Task,
                    error: describe(failure),
                    class: Class::Permanent,
                    attempts: failure.attempt,
                })
            }),
            _ => None,
        };
        let keep = self.shared.rules.message_hook;
        if !keep && cause.is_none() {
            return;
        }
        for seq in self.pipeline.messages_of(key).to_vec() {
            if let Some(cause) = &cause {
                self.blame(seq, cause.clone());
            }
            let Some(held) = self.messages.get_mut(seq).filter(|_| keep) else { continue };
            match end {
                TaskEnd::Succeeded => held.group.results.extend(running.result.clone()),
                TaskEnd::Failed => held.group.failures.extend(running.failure.clone()),
                TaskEnd::Replaced => held.group.replaced.push(running.task.clone()),
                TaskEnd::Dropped => {}
            }
        }
    }

    /// Notes why a message will be dead-lettered: the first reason is kept, later ones are counted.
    fn blame(&mut self, seq: Seq, cause: Cause) {
        let Some(held) = self.messages.get_mut(seq) else { return };
        match &mut held.cause {
            Some(first) => first.1 += 1,
            none => *none = Some(Box::new((cause, 0))),
        }
    }

    fn hook_failed(&mut self, hook: &'static str, seq: Seq, failure: &HookFailure) {
        let offset = self
            .messages
            .get_mut(seq)
            .and_then(|held| held.content.record().map(|r| r.offset))
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
    Cause { stage, error: failure.error, class: Class::Permanent, attempts }
}

/// A failed task in words: how it ended and the end of what it wrote to standard error.
fn describe(failure: &TaskFailure) -> String {
    const TAIL: usize = 2048;
    let stderr = &failure.report.stderr;
    let tail = String::from_utf8_lossy(&stderr[stderr.len().saturating_sub(TAIL)..]);
    let tail = tail.trim();
    if tail.is_empty() { failure.to_string() } else { format!("{failure}: {tail}") }
}

fn decode<H: Handler>(handler: &H, record: &drakkar_core::message::Record) -> Result<H::Input, String> {
    let call = AssertUnwindSafe(|| handler.decode(record));
    match std::panic::catch_unwind(call) {
        Ok(Ok(payload)) => Ok(payload),
        Ok(Err(error)) => Err(decode_text(&error)),
        Err(payload) => Err(HookFailure::panic(&*payload).error),
    }
}

fn decode_text(error: &DecodeError) -> String {
    drakkar_core::error::chain(error).to_string()
}
