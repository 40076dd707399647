//! Performs the effects of the pipeline: windows go to `arrange`, tasks to the executor.

use std::{panic::AssertUnwindSafe, sync::Arc};

use drakkar_core::{
    error::Class,
    event::{Detail, Event},
    executor::{Completion, Job, Priority},
    handler::{DecodeError, Handler},
    ids::{Offset, Seq, TaskKey, WindowId},
    message::{Message, Record, Unparsed},
    outcome::{Ended, Report, TaskFailure, TaskResult},
    pipeline::{Effect, Input, Letter, Owner, Parse},
    task::{Task, Work},
};

use super::{
    Partition, Ready,
    hooks::{self, HookCall, HookDone, HookFailure, Parked, WindowInput},
    slot,
    store::{Content, Group, OpenWindow},
};
use crate::{
    crash_marker::HookKind,
    dead_letter::{Cause, Stage},
    port::AttemptEnd,
};

impl<H: Handler> Partition<H> {
    pub(super) fn perform(&mut self, effect: Effect, planned: &[Arc<Task>]) {
        match effect {
            Effect::Arrange { window, first, count } => self.arrange(window, first, count),
            Effect::Start { task, plan, window } => self.start(task, &planned[plan as usize], window),
            Effect::Refused { plan, offset } => tracing::warn!(
                category = "handler",
                assignment = %self.assignment,
                %offset,
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
                    let busy = self.offsets_of_owner(Owner::Task(task));
                    self.call(
                        HookKind::TaskComplete,
                        busy,
                        hooks::task_complete(self.shared.clone(), task, done),
                    );
                }
            }
            Effect::CallErrorHook { task, .. } => {
                if let Some(failure) = self.tasks.get_mut(task).and_then(|t| t.failure.clone()) {
                    let busy = self.offsets_of_owner(Owner::Task(task));
                    self.call(HookKind::Error, busy, hooks::error(self.shared.clone(), task, failure));
                }
            }
            Effect::CallMessageHook { message } => self.complete_message(message),
            Effect::CallWindowHook { window } => self.complete_window(window),
            Effect::CallDeliveryHook { owner, attempt } => self.judge_failed(owner, attempt),
            Effect::Deliver { owner } => self.deliver(owner),
            Effect::Redeliver { owner } => self.redeliver(owner),
            Effect::TaskEnded { task, end } => self.task_ended(task, end),
            Effect::WindowEnded { window } => self.window_ended(window),
            Effect::DeadLetter(Letter::Message(seq)) => self.letter_message(seq),
            Effect::DeadLetter(Letter::Outputs(owner)) => self.letter_outputs(owner),
            Effect::Settled { message, .. } => self.message_ended(message, true),
            Effect::Returned { message } => self.message_ended(message, false),
            Effect::Advance { next } => self.progress.advance(next),
            Effect::Brake { on } => {
                self.shared.events.emit(&Event::Brake { partition: self.assignment.partition, on });
                self.report.braked.store(on, std::sync::atomic::Ordering::Relaxed);
            }
        }
    }

    fn message_ended(&mut self, seq: Seq, settled: bool) {
        if let Some(Content::Raw(_)) = self.messages.get_mut(seq).map(|h| &h.content) {
            self.progress.dequeued(1);
        }
        self.failed.forget(Owner::Message(seq));
        if !self.shared.suspects.is_empty()
            && let (true, Some(marker)) = (settled, &self.shared.marker)
            && let Some(record) = self.messages.get_mut(seq).map(|held| held.content.record())
        {
            marker.settled(self.assignment.partition, record.offset);
        }
        let size = self.messages.drop(seq);
        self.shared.bytes.give(size);
    }

    /// Calls a hook that is busy with the messages from the first to the last of these offsets.
    pub(super) fn call(
        &mut self,
        hook: HookKind,
        (first, last): (Offset, Offset),
        future: impl Future<Output = HookDone> + Send + 'static,
    ) {
        let mut call = match self.spare.take() {
            // The box of the call before, where it fits.
            Some(mut spare) => {
                spare.set(future);
                spare
            }
            None => HookCall::new(future),
        };
        self.mark.set(hook, first, last);
        match hooks::poll_once(&mut call) {
            Some(done) => {
                self.mark.clear();
                self.spare = Some(call);
                self.ready.push_back(Ready::Hook(done));
            }
            None => {
                let _mark = std::mem::replace(&mut self.mark, slot(&self.shared, self.assignment));
                self.calls.push(Parked { call, _mark });
            }
        }
    }

    /// The first and the last offset an owner of outputs is about.
    pub(super) fn offsets_of_owner(&mut self, owner: Owner) -> (Offset, Offset) {
        let (first, last) = match owner {
            Owner::Task(key) => {
                let messages = self.pipeline.messages_of(key);
                (messages.first().copied(), messages.last().copied())
            }
            Owner::Message(seq) => (Some(seq), Some(seq)),
            Owner::Window(id) => {
                let messages = self.windows.get(&id).map(|w| &w.messages[..]).unwrap_or_default();
                let offset = |m: Option<&Arc<Message<H::Input>>>| m.map_or(Offset(-1), |m| m.offset());
                return (offset(messages.first()), offset(messages.last()));
            }
        };
        let mut offset = |seq: Option<Seq>| {
            let held = seq.and_then(|seq| self.messages.get_mut(seq));
            held.map_or(Offset(-1), |held| held.content.record().offset)
        };
        (offset(first), offset(last))
    }

    /// Decodes the messages of a window and calls `arrange` with them.
    fn arrange(&mut self, window: WindowId, first: Seq, count: u32) {
        let now = self.now;
        let mut fresh = 0;
        let mut age = std::time::Duration::ZERO;
        let mut messages = Vec::with_capacity(count as usize);
        let mut unparsed = Vec::new();
        self.arranging.clear();
        for seq in (first.0..first.0 + u64::from(count)).map(Seq) {
            let Some(held) = self.messages.get_mut(seq).filter(|held| !held.barred) else { continue };
            if let Content::Raw(record) = &mut held.content {
                held.started = now;
                self.mark.set(HookKind::Decode, record.offset, record.offset);
                match decode(&self.shared.handler, record) {
                    Ok(payload) => {
                        fresh += 1;
                        let record = std::mem::replace(record, no_record());
                        held.content = Content::Decoded(Arc::new(Message::new(record, payload)));
                    }
                    Err(error) => {
                        let policy = self.shared.parse_policy;
                        if policy == Parse::Pass {
                            unparsed.push(Unparsed { record: record.clone(), error });
                        } else {
                            held.barred = true;
                            let cause = Cause::new(Stage::Parse, error, Class::Permanent, 1);
                            held.cause = Some(Box::new((cause, 0)));
                        }
                        self.ready.push_back(Ready::Unparsed { message: seq, policy });
                        if policy != Parse::Pass {
                            continue;
                        }
                    }
                }
            }
            if let Content::Decoded(message) = &held.content {
                messages.push(message.clone());
            }
            age = age.max(now.since(held.arrived));
            self.arranging.push(seq);
        }
        self.mark.clear();
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
        if messages.is_empty() && unparsed.is_empty() {
            self.ready.push_back(Ready::Hook(HookDone::Arranged { window, result: Ok(Vec::new()) }));
            return;
        }
        if self.shared.rules.window_hook {
            let open =
                OpenWindow { messages: messages.clone(), group: Group::default(), started: now, first };
            self.windows.insert(window, open);
        }
        let partition = self.assignment.partition;
        let ends = messages.iter().map(|m| m.offset()).chain(unparsed.iter().map(|u| u.record.offset));
        let (first, last) = ends.fold((Offset(i64::MAX), Offset(-1)), |(a, b), o| (a.min(o), b.max(o)));
        let input = WindowInput { partition, messages, unparsed, pending: self.pending.clone(), age };
        self.call(HookKind::Arrange, (first, last), hooks::arrange(self.shared.clone(), window, input));
    }

    fn start(&mut self, key: TaskKey, task: &Arc<Task>, window: WindowId) {
        let first = self.pipeline.messages_of(key).first().copied();
        // Age decides between tasks, so that a partition with small offsets does not starve the others.
        let age = first.and_then(|s| self.messages.get_mut(s)).map_or(self.now.0, |held| held.arrived.0);
        if task.own_id().is_some() && self.pending.insert(task) {
            tracing::warn!(
                category = "handler", assignment = %self.assignment, task = task.id(),
                "a task has the id of one that is in flight; both run"
            );
        }
        self.tasks.insert(key, task.clone(), window, age);
        self.submit(key);
    }

    /// Gives a task to the executor, or takes its result where it is known already.
    fn submit(&mut self, key: TaskKey) {
        let Some(running) = self.tasks.get_mut(key) else { return };
        if let Work::Precomputed(_) = running.task.work() {
            self.ready.push_back(Ready::Precomputed(key));
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
        let class = *running.priority.get_or_insert_with(|| priority(&self.shared.handler, &running.task));
        self.shared.executor.submit(Job {
            owner: self.assignment,
            task: running.task.clone(),
            attempt: running.attempt,
            priority: Priority { class, age: running.age },
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

    /// Takes the result that a task came with.
    pub(super) fn precomputed(&mut self, key: TaskKey) {
        let Some(running) = self.tasks.get_mut(key) else { return };
        let moved = Arc::get_mut(&mut running.task).and_then(Task::take_precomputed);
        let report = match (moved, running.task.work()) {
            (Some(result), _) => Report::precomputed(result),
            (None, Work::Precomputed(result)) => Report::precomputed(result.clone()),
            _ => return,
        };
        self.attempt_ended(AttemptEnd { task: key, report });
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
}

/// What the handler says about a task's turn; its default where it panics.
fn priority<H: Handler>(handler: &H, task: &Task) -> i64 {
    if !H::HOOKS.task_priority {
        return 0;
    }
    std::panic::catch_unwind(AssertUnwindSafe(|| handler.task_priority(task))).unwrap_or_else(|panic| {
        let error = HookFailure::panic(&*panic).error;
        tracing::warn!(category = "handler", task = task.id(), error, "task_priority failed; 0 is used");
        0
    })
}

fn decode<H: Handler>(handler: &H, record: &Record) -> Result<H::Input, String> {
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

/// Stands where a record was until its message takes its place.
fn no_record() -> Record {
    thread_local!(static NOWHERE: Arc<str> = Arc::from(""));
    Record {
        topic: NOWHERE.with(Arc::clone),
        partition: drakkar_core::ids::PartitionId(-1),
        offset: drakkar_core::ids::Offset(-1),
        timestamp_ms: None,
        key: None,
        value: None,
        headers: Vec::new(),
    }
}
