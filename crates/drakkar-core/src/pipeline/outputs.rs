//! Outputs of hooks: their verdicts, what is delivered again, what is dead-lettered.

use smallvec::SmallVec;

use super::{Effect, Letter, OutputEnd, Owner, Pipeline, TaskEnd, message, task, timers::Timer, window};
use crate::ids::{Seq, Time};

/// Where the outputs of one hook call are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Stage {
    /// On their way to their sinks.
    #[default]
    Sending,
    /// `on_delivery_error` runs for those that failed.
    Judging,
    /// Some wait for another delivery.
    Waiting,
    /// Some are being dead-lettered.
    Lettering,
}

/// The outputs of one hook call.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Outputs {
    pub stage: Stage,
    /// Without a verdict.
    pub awaited: u32,
    /// Failed.
    pub failed: u32,
}

impl Outputs {
    pub fn send(&mut self, count: u32) {
        *self = Self { stage: Stage::Sending, awaited: count, failed: 0 };
    }
}

/// What is remembered of outputs that failed at least once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Redelivery {
    /// Deliveries made or under way.
    pub attempt: u32,
    pub first_failure: Time,
    /// Outputs that will be dead-lettered once all others have their verdict.
    pub letters: u32,
    /// The number of the timer that outputs wait for.
    pub timer: u64,
}

impl Pipeline {
    /// The outputs of an owner that is delivering.
    fn outputs(&mut self, owner: Owner) -> Option<&mut Outputs> {
        match owner {
            Owner::Task(key) => {
                self.tasks.get_mut(key).filter(|t| t.stage == task::Stage::Delivering).map(|t| &mut t.outputs)
            }
            Owner::Message(seq) => {
                self.message(seq).filter(|m| m.stage == message::Stage::Delivering).map(|m| &mut m.outputs)
            }
            Owner::Window(id) => self
                .windows
                .get_mut(id)
                .filter(|w| w.stage == window::Stage::Delivering)
                .map(|w| &mut w.outputs),
        }
    }

    pub(super) fn verdict(&mut self, owner: Owner, end: OutputEnd, fx: &mut Vec<Effect>) {
        let Some(outputs) = self.outputs(owner).filter(|o| o.stage == Stage::Sending && o.awaited > 0) else {
            return;
        };
        outputs.awaited -= 1;
        outputs.failed += u32::from(end == OutputEnd::Failed);
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
        if failed == 0 || !self.rules.delivery_hook {
            let letters = failed > 0 || self.redeliveries.get(&owner).is_some_and(|r| r.letters > 0);
            self.end_delivery(owner, letters, fx);
        } else {
            self.set_stage(owner, Stage::Judging);
            let attempt = self.deliveries_of(owner);
            fx.push(Effect::CallDeliveryHook { owner, attempt });
        }
    }

    fn set_stage(&mut self, owner: Owner, stage: Stage) {
        if let Some(outputs) = self.outputs(owner) {
            outputs.stage = stage;
        }
    }

    /// `on_delivery_error` decided about the outputs that failed; those it did not name are skipped.
    pub(super) fn delivery_hook_ended(
        &mut self,
        owner: Owner,
        retry: u32,
        letter: u32,
        fx: &mut Vec<Effect>,
    ) {
        if self.outputs(owner).is_none_or(|o| o.stage != Stage::Judging) {
            return;
        }
        let first = Redelivery { attempt: 1, first_failure: self.now, letters: 0, timer: 0 };
        let redelivery = self.redeliveries.entry(owner).or_insert(first);
        redelivery.letters += letter;
        if retry > 0 {
            let elapsed = self.now.since(redelivery.first_failure);
            match self.rules.redelivery.next(redelivery.attempt, elapsed, self.jitter.draw()) {
                Some(wait) if self.draining && !wait.is_zero() => return self.drop_owner(owner, fx),
                Some(wait) => {
                    redelivery.attempt += 1;
                    redelivery.timer = self.timers.add(self.now.after(wait), Timer::Outputs(owner));
                    if let Some(outputs) = self.outputs(owner) {
                        *outputs = Outputs { stage: Stage::Waiting, awaited: retry, failed: 0 };
                    }
                    return;
                }
                None => redelivery.letters += retry,
            }
        }
        let letters = redelivery.letters > 0;
        self.end_delivery(owner, letters, fx);
    }

    /// Sends failed outputs again, unless the timer is an old one.
    pub(super) fn redeliver(&mut self, owner: Owner, timer: u64, fx: &mut Vec<Effect>) {
        if self.waits_for(owner, timer)
            && let Some(outputs) = self.outputs(owner)
        {
            outputs.stage = Stage::Sending;
            fx.push(Effect::Redeliver { owner });
        }
    }

    fn end_delivery(&mut self, owner: Owner, letters: bool, fx: &mut Vec<Effect>) {
        if letters {
            self.set_stage(owner, Stage::Lettering);
            self.mark_messages_dead(owner, fx);
            fx.push(Effect::DeadLetter(Letter::Outputs(owner)));
        } else {
            self.outputs_done(owner, fx);
        }
    }

    fn mark_messages_dead(&mut self, owner: Owner, fx: &mut Vec<Effect>) {
        let messages: SmallVec<[Seq; 2]> = match owner {
            Owner::Task(key) => self.tasks.messages_of(key).into(),
            Owner::Message(seq) => [seq].into_iter().collect(),
            Owner::Window(id) => {
                self.windows.get_mut(id).map(|w| w.range.seqs().collect()).unwrap_or_default()
            }
        };
        for seq in messages {
            self.mark_dead(seq, fx);
        }
    }

    pub(super) fn lettered(&mut self, letter: Letter, fx: &mut Vec<Effect>) {
        match letter {
            Letter::Message(seq) => {
                if let Some(m) = self.message(seq).filter(|m| m.stage == message::Stage::Lettering) {
                    m.lettered = true;
                    self.hold_or_settle(seq, fx);
                }
            }
            Letter::Outputs(owner) => {
                if self.outputs(owner).is_some_and(|o| o.stage == Stage::Lettering) {
                    self.outputs_done(owner, fx);
                }
            }
        }
    }

    /// Every output has its verdict, and every dead letter is acknowledged.
    fn outputs_done(&mut self, owner: Owner, fx: &mut Vec<Effect>) {
        self.redeliveries.remove(&owner);
        match owner {
            Owner::Task(key) => self.end_task(key, TaskEnd::Succeeded, fx),
            Owner::Message(seq) => self.finish(seq, fx),
            Owner::Window(id) => self.settle_window(id, fx),
        }
    }

    /// Gives up outputs that wait for another delivery, and gives their messages back.
    pub(super) fn drop_owner(&mut self, owner: Owner, fx: &mut Vec<Effect>) {
        self.redeliveries.remove(&owner);
        match owner {
            Owner::Task(key) => self.drop_task(key, fx),
            Owner::Message(seq) => self.give_back(seq, fx),
            Owner::Window(id) => self.return_window(id, fx),
        }
    }

    /// Whether this timer is the one that outputs wait for.
    pub(super) fn waits_for(&mut self, owner: Owner, timer: u64) -> bool {
        self.outputs(owner).is_some_and(|o| o.stage == Stage::Waiting)
            && self.redeliveries.get(&owner).is_some_and(|r| r.timer == timer)
    }
}
