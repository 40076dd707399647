//! One epoch of one partition in a worker: feeds its pipeline, performs the effects, and keeps what outputs became.

use std::collections::BTreeMap;

use drakkar_core::{
    ids::{Assignment, Offset, Seq, TaskKey},
    ledger::Settled,
    pipeline::{Effect, Input, Letter, Owner, Pipeline, Suspects, Suspicion},
};

use crate::{
    due::{Due, plan_at},
    handler::{self, Plan},
    model::{At, Model},
    outbox::{Letters, Outbox, Parcel},
    outside::{Event, Outside, What},
    slots::{Slots, Ticket},
    topic::Nature,
    violation::rule,
};

/// What the partitions of a worker share.
pub(crate) struct Shared {
    pub(crate) worker: u32,
    pub(crate) slots: Slots,
    pub(crate) outboxes: Vec<Outbox>,
    pub(crate) letters: Letters,
    pub(crate) bytes: drakkar_core::bytes_in_hand::ByteLedger,
    /// Bytes in hand, counted once more.
    pub(crate) held: u64,
    /// A hook ended the process.
    pub(crate) killed: bool,
    /// A watermark moved: commits may be due.
    pub(crate) advanced: bool,
}

impl Shared {
    pub(crate) fn take(&mut self, bytes: usize) {
        self.bytes.take(bytes);
        self.held += bytes as u64;
    }

    pub(crate) fn give(&mut self, bytes: usize) {
        self.bytes.give(bytes);
        self.held -= bytes as u64;
    }
}

/// A partition that is to be let go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Going {
    /// The drain ends then, done or not.
    pub(crate) deadline: u64,
    /// The last commit is waited for until then.
    pub(crate) committing: Option<u64>,
}

/// Outputs of one hook call that are not where they belong yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Payloads {
    messages: Vec<Seq>,
    /// Without a last word.
    open: u32,
    /// To be sent with the next delivery.
    outgoing: u32,
    /// Failed and not judged.
    pub(crate) failed: u32,
}

pub(crate) struct Part {
    pub(crate) assignment: Assignment,
    pub(crate) pipeline: Pipeline,
    pub(crate) model: Model,
    suspects: Suspects,
    /// The index of the next record to fetch.
    pub(crate) position: usize,
    pub(crate) fetching: bool,
    pub(crate) going: Option<Going>,
    /// Windows are held back until then, whatever the worker's gate says.
    pub(crate) shut_until: u64,
    pub(crate) gate_told: bool,
    pub(crate) payloads: BTreeMap<Owner, Payloads>,
    /// By message: outputs without a last word, and dead letters that are stored.
    open_payloads: Vec<u32>,
    letters_stored: Vec<u32>,
    letters_asked: Vec<u32>,
    plans: Vec<Option<Plan>>,
    effects: Vec<Effect>,
    tick_at: Option<u64>,
}

impl Part {
    pub(crate) fn new(assignment: Assignment, out: &mut Outside) -> Self {
        let log = out.topic.log(assignment.partition.0);
        let (position, suspects) = (log.start(), log.suspects());
        let seed = out.rng.draw();
        let rules = out.setup.rules;
        Self {
            assignment,
            pipeline: Pipeline::new(rules, seed).with_suspects(suspects.clone()),
            model: Model::new(rules, suspects.clone()),
            suspects,
            position,
            fetching: false,
            going: None,
            shut_until: 0,
            gate_told: true,
            payloads: BTreeMap::new(),
            open_payloads: Vec::new(),
            letters_stored: Vec::new(),
            letters_asked: Vec::new(),
            plans: Vec::new(),
            effects: Vec::new(),
            tick_at: None,
        }
    }

    pub(crate) fn feed(&mut self, input: Input<'_>, shared: &mut Shared, out: &mut Outside) {
        self.feed_planned(input, &[], shared, out);
    }

    /// Takes a step whose input plans these tasks.
    pub(crate) fn feed_planned(
        &mut self,
        input: Input<'_>,
        plans: &[Plan],
        shared: &mut Shared,
        out: &mut Outside,
    ) {
        let (now, assignment) = (out.time(), self.assignment);
        out.stats.steps += 1;
        out.note(|| format!("w{} {assignment} <- {input:?}", shared.worker));
        if let Input::Records(offsets) = input {
            self.open_payloads.resize(self.open_payloads.len() + offsets.len(), 0);
            self.letters_stored.resize(self.open_payloads.len(), 0);
            self.letters_asked.resize(self.open_payloads.len(), 0);
        }
        self.model.input(now, &input);
        let mut effects = std::mem::take(&mut self.effects);
        self.pipeline.step(now, input, &mut effects);
        for effect in effects.drain(..) {
            out.note(|| format!("w{} {assignment}    -> {effect:?}", shared.worker));
            self.model.effect(&effect, &self.pipeline);
            self.perform(effect, plans, shared, out);
        }
        self.effects = effects;
        self.model.end_of_step(&self.pipeline);
        if let Some(due) = self.pipeline.next_tick()
            && self.tick_at.is_none_or(|at| due.0 < at)
        {
            self.tick_at = Some(due.0);
            let wait = due.0.saturating_sub(out.now);
            out.in_worker(wait, shared.worker, What::Tick(assignment));
        }
    }

    pub(crate) fn tick(&mut self, shared: &mut Shared, out: &mut Outside) {
        if self.tick_at.is_some_and(|at| at <= out.now) {
            self.tick_at = None;
        }
        self.feed(Input::Tick, shared, out);
    }

    fn perform(&mut self, effect: Effect, plans: &[Plan], shared: &mut Shared, out: &mut Outside) {
        let hook = |out: &mut Outside| out.rng.delay(out.setup.hook_time);
        match effect {
            Effect::Arrange { window, first, count } => {
                self.call_arrange(first, count, shared, out);
                let wait = hook(out);
                self.later(wait, Due::Arranged { window, first, count }, shared, out);
            }
            Effect::Refused { .. } => out.stats.met("refused offsets"),
            Effect::Start { task, plan, .. } => {
                let index = task.0 as usize;
                if self.plans.len() <= index {
                    self.plans.resize(index + 1, None);
                }
                self.plans[index] = Some(plan_at(plans, plan).clone());
                self.submit(task, shared, out);
            }
            Effect::Retry { task, .. } => {
                out.stats.met("retries");
                self.submit(task, shared, out);
            }
            Effect::CallTaskHook { task } => {
                let wait = hook(out);
                self.later(wait, Due::TaskHook { task }, shared, out);
            }
            Effect::CallErrorHook { task, .. } => {
                let wait = hook(out);
                self.later(wait, Due::ErrorHook { task }, shared, out);
            }
            Effect::CallMessageHook { message } => {
                let wait = hook(out);
                self.later(wait, Due::MessageHook { message }, shared, out);
            }
            Effect::CallWindowHook { window } => {
                out.stats.met("window hooks");
                let wait = hook(out);
                self.later(wait, Due::WindowHook { window }, shared, out);
            }
            Effect::CallDeliveryHook { owner, .. } => {
                let wait = hook(out);
                self.later(wait, Due::DeliveryHook { owner }, shared, out);
            }
            Effect::Deliver { owner } => self.deliver(owner, shared, out),
            Effect::Redeliver { owner } => {
                out.stats.met("redeliveries");
                self.deliver(owner, shared, out);
            }
            Effect::TaskEnded { task, .. } => {
                self.plans[task.0 as usize] = None;
                self.forget(Owner::Task(task));
            }
            Effect::WindowEnded { window } => self.forget(Owner::Window(window)),
            Effect::DeadLetter(letter) => self.ask_letter(letter, shared, out),
            Effect::Settled { message, how } => self.settled(message, how, shared, out),
            Effect::Returned { message } => {
                out.stats.met("returned messages");
                self.forget(Owner::Message(message));
                shared.give(self.size(message, out));
            }
            Effect::Advance { .. } => shared.advanced = true,
            Effect::Brake { on } => out.stats.met(if on { "brakes on" } else { "brakes off" }),
        }
    }

    fn later(&mut self, wait: u64, due: Due, shared: &Shared, out: &mut Outside) {
        out.in_worker(wait, shared.worker, What::Due(self.assignment, due));
    }

    /// Decodes the messages of a window; one of them may end the process.
    fn call_arrange(&mut self, first: Seq, count: u32, shared: &mut Shared, out: &mut Outside) {
        let partition = self.assignment.partition.0;
        for index in first.0..first.0 + u64::from(count) {
            let message = &self.model.messages[index as usize];
            if message.at != At::Arranging {
                continue;
            }
            match out.topic.nature(partition, message.offset) {
                Nature::Plain => {}
                Nature::Killer => {
                    let poison = self.suspects.of(message.offset) == Some(Suspicion::Poison);
                    rule!(!poison, "a poisonous message reaches no hook", "{}", message.offset);
                    shared.killed = true;
                }
                Nature::Unparsed => {
                    out.stats.met("unparsed messages");
                    let due = Due::Unparsed { message: Seq(index), policy: out.setup.parse };
                    let what = What::Due(self.assignment, due);
                    out.at_once(Event::In { worker: shared.worker, what });
                }
            }
        }
    }

    /// Gives a task to the slots, or ends it where its result is known.
    fn submit(&mut self, task: TaskKey, shared: &mut Shared, out: &mut Outside) {
        let Some(Some(plan)) = self.plans.get(task.0 as usize) else { return };
        if plan.precomputed {
            let wait = out.rng.delay(100);
            return self.later(wait, Due::Attempt { task }, shared, out);
        }
        let first = self.pipeline.messages_of(task).first().copied();
        let priority = handler::priority(plan.class, first.map_or(out.now, |seq| seq.0));
        shared.slots.submit(Ticket { assignment: self.assignment, task }, priority, out);
    }

    fn settled(&mut self, message: Seq, how: Settled, shared: &mut Shared, out: &mut Outside) {
        let index = message.0 as usize;
        let offset = self.model.messages[index].offset;
        let (open, stored) = (self.open_payloads[index], self.letters_stored[index]);
        rule!(
            open == 0,
            "all outputs of a settled message are where they belong",
            "offset {offset}: {open} are not"
        );
        let dead = how == Settled::Dead;
        rule!(
            dead == (stored > 0),
            "dead is what has a stored dead letter",
            "offset {offset}: {how:?}, {stored} letters"
        );
        out.topic.log(self.assignment.partition.0).finish(offset);
        out.stats.met(match how {
            Settled::Delivered => "delivered messages",
            Settled::Skipped => "skipped messages",
            Settled::Dead => "dead messages",
        });
        self.forget(Owner::Message(message));
        shared.give(self.size(message, out));
    }

    fn size(&self, message: Seq, out: &Outside) -> usize {
        let offset: Offset = self.model.messages[message.0 as usize].offset;
        out.topic.size(self.assignment.partition.0, offset)
    }

    pub(crate) fn add_payloads(&mut self, owner: Owner, messages: Vec<Seq>, count: u32) {
        for message in &messages {
            self.open_payloads[message.0 as usize] += count;
        }
        let payloads = Payloads { messages, open: count, outgoing: count, failed: 0 };
        self.payloads.insert(owner, payloads);
    }

    /// Puts the outputs of a hook, or those of them that are to be tried again, into the sinks' queues.
    fn deliver(&mut self, owner: Owner, shared: &mut Shared, out: &mut Outside) {
        let Some(payloads) = self.payloads.get_mut(&owner) else {
            return rule!(false, "only what a hook returned is delivered", "{owner:?}");
        };
        for _ in 0..std::mem::take(&mut payloads.outgoing) {
            let size = 10 + out.rng.index(200);
            let sink = out.rng.index(shared.outboxes.len());
            shared.take(size);
            shared.outboxes[sink].put(Parcel { assignment: self.assignment, owner, size }, out);
        }
    }

    /// So many outputs of an owner have had their last word.
    fn close(&mut self, owner: Owner, count: u32) {
        let Some(payloads) = self.payloads.get_mut(&owner) else { return };
        payloads.open -= count;
        for message in &payloads.messages {
            self.open_payloads[message.0 as usize] -= count;
        }
    }

    pub(crate) fn payload_answered(&mut self, owner: Owner, taken: bool) {
        if taken {
            self.close(owner, 1);
        } else if let Some(payloads) = self.payloads.get_mut(&owner) {
            payloads.failed += 1;
        }
    }

    /// `on_delivery_error` decided: what it names neither way is skipped.
    pub(crate) fn judge_payloads(&mut self, owner: Owner, retry: u32, letter: u32) {
        let Some(payloads) = self.payloads.get_mut(&owner) else { return };
        let skipped = std::mem::take(&mut payloads.failed) - retry - letter;
        payloads.outgoing = retry;
        self.close(owner, skipped);
    }

    fn ask_letter(&mut self, letter: Letter, shared: &mut Shared, out: &mut Outside) {
        if let Letter::Message(seq) = letter {
            let asked = &mut self.letters_asked[seq.0 as usize];
            *asked += 1;
            rule!(*asked == 1, "a message costs one dead letter", "message {seq}");
        }
        shared.letters.put(self.assignment, letter, out);
    }

    /// The dead letter topic has a letter; nobody knows yet.
    pub(crate) fn letter_stored(&mut self, letter: Letter) {
        let messages = match letter {
            Letter::Message(seq) => vec![seq],
            Letter::Outputs(owner) => {
                let Some(open) = self.payloads.get(&owner).map(|p| p.open) else { return };
                self.close(owner, open);
                self.payloads.get(&owner).map(|p| p.messages.clone()).unwrap_or_default()
            }
        };
        for seq in messages {
            self.letters_stored[seq.0 as usize] += 1;
        }
    }

    /// An owner ended. What it leaves open can only be of messages that are given back.
    fn forget(&mut self, owner: Owner) {
        if let Some(payloads) = self.payloads.get(&owner) {
            let open = payloads.open;
            self.close(owner, open);
            let left = self.payloads.remove(&owner).map(|p| p.messages).unwrap_or_default();
            // A message that settles although its owner left something open must be noticed.
            if open > 0 {
                for seq in left {
                    self.open_payloads[seq.0 as usize] += 1;
                }
            }
        }
    }
}
