//! What a pipeline waits for, and how it is answered.

use drakkar_core::{
    ids::{Offset, Seq, TaskKey, WindowId},
    pipeline::{Action, HookEnd, Input, OutputEnd, Owner, Parse},
};

use crate::{
    handler::{self, Judgement, Plan},
    model::At,
    outside::Outside,
    part::{Part, Shared},
    setup::Fault,
};

/// An answer that is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Unparsed { message: Seq, policy: Parse },
    Arranged { window: WindowId, first: Seq, count: u32 },
    Attempt { task: TaskKey },
    TaskHook { task: TaskKey },
    ErrorHook { task: TaskKey },
    MessageHook { message: Seq },
    WindowHook { window: WindowId },
    DeliveryHook { owner: Owner },
}

impl Part {
    pub(crate) fn answer(&mut self, due: Due, shared: &mut Shared, out: &mut Outside) {
        match due {
            Due::Unparsed { message, policy } => self.feed(Input::Unparsed { message, policy }, shared, out),
            Due::Arranged { window, first, count } => self.answer_arrange(window, first, count, shared, out),
            Due::Attempt { task } => self.attempt_ended(task, false, shared, out),
            Due::TaskHook { task } => {
                let end = handler::outputs(out);
                self.announce(Owner::Task(task), end);
                self.feed_twice(Input::TaskHookEnded { task, end }, shared, out);
            }
            Due::ErrorHook { task } => self.answer_error(task, shared, out),
            Due::MessageHook { message } => {
                let end = handler::outputs(out);
                self.announce(Owner::Message(message), end);
                self.feed_twice(Input::MessageHookEnded { message, end }, shared, out);
            }
            Due::WindowHook { window } => {
                let end = handler::outputs(out);
                self.announce(Owner::Window(window), end);
                self.feed_twice(Input::WindowHookEnded { window, end }, shared, out);
            }
            Due::DeliveryHook { owner } => {
                let Some(payloads) = self.payloads.get(&owner) else { return };
                let failed = payloads.failed;
                let (retry, letter) = handler::judge_delivery(failed, out);
                self.judge_payloads(owner, retry, letter);
                self.feed_twice(Input::DeliveryHookEnded { owner, retry, letter }, shared, out);
            }
        }
    }

    fn answer_arrange(
        &mut self,
        window: WindowId,
        first: Seq,
        count: u32,
        shared: &mut Shared,
        out: &mut Outside,
    ) {
        let range = first.0 as usize..first.0 as usize + count as usize;
        let inside = self.model.messages.get(range).unwrap_or_default();
        let offsets: Vec<Offset> =
            inside.iter().filter(|m| m.at == At::Arranging && !m.unparsed).map(|m| m.offset).collect();
        let plans = handler::arrange(self.assignment.partition.0, &offsets, out);
        match plans {
            Some(plans) => {
                let lists: Vec<&[Offset]> = plans.iter().map(|p| &p.offsets[..]).collect();
                self.feed_planned(Input::Arranged { window, plans: &lists }, &plans, shared, out);
            }
            None => self.feed(Input::ArrangeFailed { window }, shared, out),
        }
    }

    /// An attempt ended, or was stopped.
    pub(crate) fn attempt_ended(
        &mut self,
        task: TaskKey,
        cancelled: bool,
        shared: &mut Shared,
        out: &mut Outside,
    ) {
        if cancelled {
            out.stats.met("attempts that were stopped");
            return self.feed(Input::AttemptCancelled { task }, shared, out);
        }
        let success = !out.goes_wrong(out.setup.attempts_fail);
        self.feed_twice(Input::AttemptEnded { task, success }, shared, out);
    }

    fn answer_error(&mut self, task: TaskKey, shared: &mut Shared, out: &mut Outside) {
        let messages = self.model.messages_behind(Owner::Task(task));
        let offsets: Vec<Offset> =
            messages.iter().map(|m| self.model.messages[m.0 as usize].offset).collect();
        let simple = |action| Input::ErrorHookEnded { task, action };
        match handler::judge(&offsets, out) {
            Judgement::Retry => self.feed_twice(simple(Action::Retry), shared, out),
            Judgement::Skip => self.feed(simple(Action::Skip), shared, out),
            Judgement::DeadLetter => self.feed(simple(Action::DeadLetter), shared, out),
            Judgement::Replace(plans) => {
                let lists: Vec<&[Offset]> = plans.iter().map(|p| &p.offsets[..]).collect();
                let action = Action::Replace(&lists);
                self.feed_planned(Input::ErrorHookEnded { task, action }, &plans, shared, out);
            }
        }
    }

    /// Feeds an input, and now and then the same once more: an answer that nobody waits for changes nothing.
    pub(crate) fn feed_twice(&mut self, input: Input<'_>, shared: &mut Shared, out: &mut Outside) {
        self.feed(input, shared, out);
        if out.has(Fault::Echoes) && out.rng.percent(10) && self.is_stale(&input) {
            out.stats.met("answers that came twice");
            self.feed(input, shared, out);
        }
    }

    /// Whether nobody waits for this answer, and the key it names was not given to another task.
    fn is_stale(&mut self, input: &Input<'_>) -> bool {
        match input {
            Input::AttemptEnded { task, .. }
            | Input::TaskHookEnded { task, .. }
            | Input::ErrorHookEnded { task, .. } => {
                let at = self.model.tasks.get(task.0 as usize).and_then(Option::as_ref).map(|t| t.at);
                at.is_none_or(|at| !at.awaits(input))
            }
            // More verdicts than outputs cannot be told from verdicts of other outputs.
            Input::Verdicts(verdicts) => {
                verdicts.iter().all(|(owner, _)| !self.model.awaits_verdicts(*owner))
            }
            _ => true,
        }
    }

    /// Outputs of a hook that ended well go out in the step that tells of it.
    fn announce(&mut self, owner: Owner, end: HookEnd) {
        if let HookEnd::Outputs(count @ 1..) = end {
            let messages = self.model.messages_behind(owner);
            self.add_payloads(owner, messages, count);
        }
    }

    /// Verdicts of a batch came.
    pub(crate) fn verdicts(&mut self, verdicts: &[(Owner, bool)], shared: &mut Shared, out: &mut Outside) {
        let mut ends = Vec::with_capacity(verdicts.len());
        for (owner, taken) in verdicts {
            self.payload_answered(*owner, *taken);
            ends.push((*owner, if *taken { OutputEnd::Delivered } else { OutputEnd::Failed }));
        }
        out.stats.add("verdicts", ends.len() as u64);
        self.feed_twice(Input::Verdicts(&ends), shared, out);
    }
}

/// The lists of offsets of these plans.
pub(crate) fn plan_at(plans: &[Plan], index: u32) -> &Plan {
    &plans[index as usize]
}
