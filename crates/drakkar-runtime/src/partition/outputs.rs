//! Outputs of hooks on their way to sinks, and what becomes of those that fail.

use std::collections::HashMap;

use drakkar_core::{
    event::Event,
    handler::Handler,
    outcome::{DeliveryAction, DeliveryFailure},
    payload::Payload,
    pipeline::{HookEnd, Input, OutputEnd, Owner},
};

use super::{
    Partition,
    hooks::{self, HookFailure},
};
use crate::{
    crash_marker::HookKind,
    port::{Answer, FailedPayload, Tag},
};

/// Outputs that failed at least once, by what returned them.
#[derive(Debug, Default)]
pub(super) struct FailedOutputs(HashMap<Owner, Failed>);

#[derive(Debug, Default)]
struct Failed {
    /// Without a decision.
    open: Vec<FailedPayload>,
    /// To be sent again; dead-lettered when the bounds are reached.
    retry: Vec<FailedPayload>,
    /// To be dead-lettered.
    letters: Vec<FailedPayload>,
}

impl FailedOutputs {
    fn add(&mut self, owner: Owner, failed: FailedPayload) {
        self.0.entry(owner).or_default().open.push(failed);
    }

    /// What is to be dead-lettered: everything that was not sent again.
    pub(super) fn take_letters(&mut self, owner: Owner) -> Vec<FailedPayload> {
        let Some(Failed { open, retry, letters }) = self.0.remove(&owner) else { return Vec::new() };
        letters.into_iter().chain(retry).chain(open).collect()
    }

    fn take_retries(&mut self, owner: Owner) -> Vec<FailedPayload> {
        self.0.get_mut(&owner).map(|f| std::mem::take(&mut f.retry)).unwrap_or_default()
    }

    /// Forgets what is left of an owner that ended.
    pub(super) fn forget(&mut self, owner: Owner) {
        if !self.0.is_empty() {
            self.0.remove(&owner);
        }
    }
}

impl<H: Handler> Partition<H> {
    /// Tells the pipeline how a hook that returns outputs ended, and sends them.
    pub(super) fn hook_outputs(&mut self, owner: Owner, outputs: Result<Vec<Payload>, ()>) {
        let end = match &outputs {
            Ok(outputs) => HookEnd::Outputs(outputs.len() as u32),
            Err(()) => HookEnd::Failed,
        };
        // The pipeline asks for them in this very step, or the owner is gone.
        self.outgoing = outputs.unwrap_or_default();
        self.step(match owner {
            Owner::Task(task) => Input::TaskHookEnded { task, end },
            Owner::Message(message) => Input::MessageHookEnded { message, end },
            Owner::Window(window) => Input::WindowHookEnded { window, end },
        });
        self.outgoing.clear();
    }

    /// Puts the outputs of a hook into the outboxes of their sinks.
    pub(super) fn deliver(&mut self, owner: Owner) {
        let routes = match owner {
            Owner::Task(_) => &self.shared.routes.task,
            Owner::Message(_) => &self.shared.routes.message,
            Owner::Window(_) => &self.shared.routes.window,
        };
        let mut bytes = 0;
        for payload in self.outgoing.drain(..) {
            let sink = routes[usize::from(payload.route)];
            bytes += payload.size();
            self.outboxes[sink].push((Tag::Output(owner), payload));
        }
        self.shared.bytes.take(bytes);
    }

    pub(super) fn answers(&mut self, answers: Vec<Answer>) {
        let mut verdicts = Vec::with_capacity(answers.len());
        for answer in answers {
            match answer.tag {
                Tag::Output(owner) => {
                    let end = if answer.failed.is_some() { OutputEnd::Failed } else { OutputEnd::Delivered };
                    if let Some(failed) = answer.failed {
                        self.failed.add(owner, *failed);
                    }
                    verdicts.push((owner, end));
                }
                Tag::Letter(letter) => self.letter_acknowledged(letter),
            }
        }
        if !verdicts.is_empty() {
            self.step(Input::Verdicts(&verdicts));
        }
    }

    /// Asks the handler what to do about outputs that failed.
    pub(super) fn judge_failed(&mut self, owner: Owner, attempt: u32) {
        let mut failures: Vec<(usize, DeliveryFailure)> = Vec::new();
        for failed in self.failed.0.get(&owner).map_or(&[][..], |f| &f.open) {
            match failures.iter_mut().find(|(sink, _)| *sink == failed.sink) {
                Some((_, failure)) => failure.payloads.push(failed.payload.clone()),
                None => {
                    let (kind, name) = &self.shared.sink_names[failed.sink];
                    let failure = DeliveryFailure {
                        kind: *kind,
                        sink: name.clone(),
                        class: failed.failure.class,
                        error: failed.failure.message.clone(),
                        attempt,
                        payloads: vec![failed.payload.clone()],
                        partition: self.assignment.partition,
                    };
                    failures.push((failed.sink, failure));
                }
            }
        }
        let busy = self.offsets_of_owner(owner);
        self.call(HookKind::DeliveryError, busy, hooks::delivery_error(self.shared.clone(), owner, failures));
    }

    pub(super) fn failed_judged(
        &mut self,
        owner: Owner,
        actions: Vec<(usize, Result<DeliveryAction, HookFailure>)>,
    ) {
        for (_, action) in &actions {
            if let Err(failure) = action {
                self.hook_failed("on_delivery_error", self.first_of(owner), failure);
            }
        }
        let Some(failed) = self.failed.0.get_mut(&owner) else { return };
        let (mut retry, mut letter, mut skipped) = (0, 0, Vec::new());
        for payload in std::mem::take(&mut failed.open) {
            let action = actions.iter().find(|(sink, _)| *sink == payload.sink).map(|(_, action)| action);
            match action {
                Some(Ok(DeliveryAction::Retry)) => {
                    retry += 1;
                    failed.retry.push(payload);
                }
                Some(Ok(DeliveryAction::Skip)) => skipped.push(payload),
                // A hook that fails decides nothing: nothing is lost.
                Some(Ok(DeliveryAction::DeadLetter) | Err(_)) | None => {
                    letter += 1;
                    failed.letters.push(payload);
                }
            }
        }
        for payload in &skipped {
            let (kind, name) = &self.shared.sink_names[payload.sink];
            self.shared.events.emit(&Event::DeliverySkipped {
                kind: *kind,
                name: name.clone(),
                error: payload.failure.message.clone(),
            });
        }
        self.step(Input::DeliveryHookEnded { owner, retry, letter });
    }

    /// Sends outputs again that failed before.
    pub(super) fn redeliver(&mut self, owner: Owner) {
        for failed in self.failed.take_retries(owner) {
            self.shared.bytes.take(failed.payload.size());
            self.outboxes[failed.sink].push((Tag::Output(owner), failed.payload));
        }
    }

    /// A message that stands for an owner in events and dead letters.
    pub(super) fn first_of(&self, owner: Owner) -> Option<drakkar_core::ids::Seq> {
        match owner {
            Owner::Task(key) => self.pipeline.messages_of(key).first().copied(),
            Owner::Message(seq) => Some(seq),
            Owner::Window(id) => self.windows.get(&id).map(|w| w.first),
        }
    }
}
