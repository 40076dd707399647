//! Outputs of hooks: what their verdicts make due.

use drakkar_core::{
    ids::{Seq, TaskKey, WindowId},
    pipeline::{OutputEnd, Owner, TaskEnd},
};

use super::{
    At, Model, TaskAt,
    inputs::{Bounds, bounds},
    parts::{Outputs, OutputsAt, Wait},
    windows::{Fate, WindowAt},
};

impl Model {
    /// The outputs of an owner that has some on their way.
    pub(super) fn outputs(&mut self, owner: Owner) -> Option<&mut Outputs> {
        match owner {
            Owner::Task(key) => self.task(key).filter(|t| t.at == TaskAt::Outputs).map(|t| &mut t.outputs),
            Owner::Message(seq) => self.message(seq).filter(|m| m.at == At::Outputs).map(|m| &mut m.outputs),
            Owner::Window(id) => {
                self.windows.get_mut(&id.0).filter(|w| w.at == WindowAt::Outputs).map(|w| &mut w.outputs)
            }
        }
    }

    /// Whether outputs of an owner are with their sinks.
    pub(crate) fn awaits_verdicts(&mut self, owner: Owner) -> bool {
        self.outputs(owner).is_some_and(|o| o.at == OutputsAt::Sending)
    }

    /// A hook returned outputs: they are to be delivered.
    pub(super) fn send(&mut self, owner: Owner, count: u32) {
        if let Some(outputs) = self.outputs(owner) {
            *outputs =
                Outputs { at: OutputsAt::DeliverDue, awaited: count, attempt: 1, ..Outputs::default() };
            self.owe();
        }
    }

    pub(super) fn verdict(&mut self, owner: Owner, end: OutputEnd) {
        let (now, hook) = (self.now, self.rules.delivery_hook);
        let Some(outputs) = self.outputs(owner).filter(|o| o.at == OutputsAt::Sending && o.awaited > 0)
        else {
            return;
        };
        outputs.awaited -= 1;
        if end == OutputEnd::Failed {
            outputs.failed += 1;
            outputs.first_failure.get_or_insert(now);
        }
        let (awaited, failed) = (outputs.awaited, outputs.failed);
        if end == OutputEnd::Delivered
            && let Owner::Message(seq) = owner
            && let Some(message) = self.message(seq)
        {
            message.succeeded = true;
        }
        if awaited > 0 {
            return;
        }
        if failed > 0 && hook {
            if let Some(outputs) = self.outputs(owner) {
                outputs.at = OutputsAt::HookDue;
                self.owe();
            }
        } else {
            if let Some(outputs) = self.outputs(owner) {
                outputs.letters += failed;
            }
            self.end_delivery(owner);
        }
    }

    pub(super) fn delivery_judged(&mut self, owner: Owner, retry: u32, letter: u32) {
        let (now, policy, step) = (self.now, self.rules.redelivery, self.step);
        let Some(outputs) = self.outputs(owner).filter(|o| o.at == OutputsAt::Judging) else { return };
        outputs.letters += letter;
        if retry > 0 {
            // The time counts from the failure at the latest, from the first judgement at the earliest.
            let judged = *outputs.first_judged.get_or_insert(now);
            let failed = outputs.first_failure.unwrap_or(now);
            let strict = bounds(&policy, outputs.attempt, failed, now);
            match bounds(&policy, outputs.attempt, judged, now) {
                Bounds::Reached => outputs.letters += retry,
                Bounds::Wait { by, .. } => {
                    let may_end = !matches!(strict, Bounds::Wait { may_end: false, .. });
                    outputs.at = OutputsAt::Waiting(Wait { step, may_end });
                    outputs.awaited = retry;
                    outputs.failed = 0;
                    self.due_by = Some(by);
                    return;
                }
            }
        }
        self.end_delivery(owner);
    }

    /// Every output has its last verdict.
    fn end_delivery(&mut self, owner: Owner) {
        let Some(outputs) = self.outputs(owner) else { return };
        if outputs.letters > 0 {
            outputs.at = OutputsAt::LetterDue;
            self.owe();
        } else {
            self.outputs_done(owner);
        }
    }

    pub(super) fn outputs_done(&mut self, owner: Owner) {
        match owner {
            Owner::Task(key) => {
                if let Some(task) = self.task(key) {
                    task.at = TaskAt::EndDue(TaskEnd::Succeeded);
                    self.owe();
                }
            }
            Owner::Message(seq) => self.finish(seq),
            Owner::Window(id) => self.end_window(id.0, Fate::Settle),
        }
    }

    /// Tasks that wait for another attempt, and owners of outputs that wait for another delivery.
    pub(super) fn owners_waiting(&self) -> Vec<Owner> {
        let waits = |outputs: &Outputs| matches!(outputs.at, OutputsAt::Waiting(_));
        let mut owners = Vec::new();
        for (key, task) in self.tasks.iter().enumerate() {
            let Some(task) = task else { continue };
            let delivery = task.at == TaskAt::Outputs && waits(&task.outputs);
            if delivery || matches!(task.at, TaskAt::Waiting(_)) {
                owners.push(Owner::Task(TaskKey(key as u32)));
            }
        }
        for (seq, message) in self.messages.iter().enumerate().skip(self.base) {
            if message.at == At::Outputs && waits(&message.outputs) {
                owners.push(Owner::Message(Seq(seq as u64)));
            }
        }
        for (id, window) in &self.windows {
            if window.at == WindowAt::Outputs && waits(&window.outputs) {
                owners.push(Owner::Window(WindowId(*id)));
            }
        }
        owners
    }

    /// Nobody waits for another attempt any more: the messages are given back.
    pub(super) fn drop_owner(&mut self, owner: Owner) {
        match owner {
            Owner::Task(key) => {
                if let Some(task) = self.task(key) {
                    task.at = TaskAt::EndDue(TaskEnd::Dropped);
                    self.owe();
                }
            }
            Owner::Message(seq) => self.return_due(seq),
            Owner::Window(id) => self.end_window(id.0, Fate::Return),
        }
    }
}
