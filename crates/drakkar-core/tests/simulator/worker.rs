//! One life of a worker: its partitions, slots, bytes, deliveries and commits.

use std::collections::BTreeMap;

use drakkar_core::{
    bytes_in_hand::ByteLedger,
    ids::{Assignment, Epoch, Offset, PartitionId},
    pipeline::Input,
};

use crate::{
    commits::CommitSide,
    outbox::{Letters, Outbox, Parcel},
    outside::{Outside, What},
    part::{Going, Part, Shared},
    slots::Slots,
    violation::rule,
};

/// Released partitions that late answers are still fed to.
const REMEMBERED: usize = 12;

pub(crate) struct Worker {
    pub(crate) id: u32,
    /// The partitions in hand.
    pub(crate) parts: Vec<Part>,
    /// Partitions that went: nothing that is still told to them may have an effect.
    gone: Vec<Part>,
    pub(crate) shared: Shared,
    commits: CommitSide,
    epochs: u32,
    /// The source is told to stop while too many bytes are in hand.
    paused: bool,
    gate: bool,
    letting_go: bool,
    pub(crate) stopping: bool,
    pub(crate) frozen_until: u64,
    /// Partitions that were let go since the world looked last.
    pub(crate) freed: Vec<Assignment>,
}

impl Worker {
    pub(crate) fn new(id: u32, out: &Outside) -> Self {
        Self {
            id,
            parts: Vec::new(),
            gone: Vec::new(),
            shared: Shared {
                worker: id,
                slots: Slots::new(id, out.setup.slots),
                outboxes: (0..out.setup.sinks).map(|sink| Outbox::new(id, sink, out)).collect(),
                letters: Letters::new(id),
                bytes: ByteLedger::new(out.setup.bytes),
                held: 0,
                killed: false,
                advanced: false,
            },
            commits: CommitSide::new(id, out),
            epochs: 0,
            paused: false,
            gate: true,
            letting_go: false,
            stopping: false,
            frozen_until: 0,
            freed: Vec::new(),
        }
    }

    /// Takes a partition over. Returns its epoch.
    pub(crate) fn assign(&mut self, partition: i32, out: &mut Outside) -> Epoch {
        self.epochs += 1;
        let assignment = Assignment { partition: PartitionId(partition), epoch: Epoch(self.epochs) };
        out.note(|| format!("w{} takes {assignment}", self.id));
        self.parts.push(Part::new(assignment, out));
        self.fetch_soon(assignment, out);
        self.regulate(out);
        assignment.epoch
    }

    pub(crate) fn part(&mut self, partition: i32) -> Option<&mut Part> {
        self.parts.iter_mut().find(|p| p.assignment.partition.0 == partition)
    }

    /// Does something with a partition in hand, or with one that went.
    fn with(&mut self, assignment: Assignment, act: impl FnOnce(&mut Part, &mut Shared)) {
        let known = self.parts.iter_mut().chain(self.gone.iter_mut().rev());
        if let Some(part) = known.into_iter().find(|p| p.assignment == assignment) {
            act(part, &mut self.shared);
        }
    }

    /// There may be something to read.
    pub(crate) fn fetch_soon(&mut self, assignment: Assignment, out: &mut Outside) {
        let id = self.id;
        if let Some(part) = self.parts.iter_mut().find(|p| p.assignment == assignment)
            && !std::mem::replace(&mut part.fetching, true)
        {
            let wait = out.rng.delay(5_000);
            out.in_worker(wait, id, What::Fetch(assignment));
        }
    }

    pub(crate) fn handle(&mut self, what: What, out: &mut Outside) {
        match what {
            What::Fetch(assignment) => self.fetch(assignment, out),
            What::Due(assignment, due) => self.with(assignment, |part, shared| part.answer(due, shared, out)),
            What::Tick(assignment) => self.with(assignment, |part, shared| part.tick(shared, out)),
            What::AttemptDone { slot, serial } => {
                if let Some((ticket, cancelled)) = self.shared.slots.done(slot, serial, out) {
                    self.with(ticket.assignment, |part, shared| {
                        part.attempt_ended(ticket.task, cancelled, shared, out);
                    });
                }
            }
            What::Send { sink } => {
                let failed = self.shared.outboxes[sink].send(out);
                self.verdicts(failed.into_iter().map(|parcel| (parcel, false)).collect(), out);
            }
            What::Sent(flight) => {
                let parcels = self.shared.outboxes[flight.sink].sent(*flight, out);
                self.verdicts(parcels, out);
            }
            What::SendLetters => {
                if let Some((assignment, letter)) = self.shared.letters.send(out) {
                    self.with(assignment, |part, _| part.letter_stored(letter));
                }
            }
            What::Lettered(assignment, letter) => {
                self.with(assignment, |part, shared| part.feed_twice(Input::Lettered(letter), shared, out));
            }
            What::Commit => {
                self.observe();
                self.commits.poll(out);
            }
            What::CommitAnswered(number, reply) => self.commits.answered(number, reply, out),
            What::LetGo => self.let_go_step(out),
            What::Lost(assignment) => {
                if self.parts.iter().any(|p| p.assignment == assignment) {
                    self.let_go(assignment, out);
                }
            }
            What::CancelAll => {
                let waiting = self.shared.slots.cancel(|_| true, out);
                for ticket in waiting {
                    self.with(ticket.assignment, |part, shared| {
                        part.attempt_ended(ticket.task, true, shared, out);
                    });
                }
            }
            What::Regulate => {}
        }
        self.after(out);
    }

    fn after(&mut self, out: &mut Outside) {
        if std::mem::take(&mut self.shared.advanced) {
            let wait = out.rng.below(30_000);
            self.commits.wake(wait, out);
        }
        let (held, counted) = (self.shared.bytes.held(), self.shared.held);
        rule!(held == counted, "bytes in hand are counted", "{held}, not {counted}");
        self.regulate(out);
        if self
            .parts
            .iter()
            .any(|p| p.going.is_some_and(|g| g.committing.is_none()) && p.pipeline.is_drained())
        {
            self.let_go_soon(0, out);
        }
    }

    fn fetch(&mut self, assignment: Assignment, out: &mut Outside) {
        if self.shared.bytes.is_full() {
            self.paused = true;
        } else if self.shared.bytes.has_room() {
            self.paused = false;
        }
        let paused = self.paused;
        let Some(part) = self.parts.iter_mut().find(|p| p.assignment == assignment) else { return };
        part.fetching = false;
        let log = out.topic.log(assignment.partition.0);
        let (from, written) = (part.position, log.written);
        // What was fetched before a drain may still arrive in it.
        if from >= written || (part.going.is_some() && out.rng.percent(50)) {
            return;
        }
        if paused {
            out.stats.met("fetches that had to wait");
        } else {
            let count = (1 + out.rng.index(out.setup.batch as usize)).min(written - from);
            let batch: Vec<Offset> =
                out.topic.log(assignment.partition.0).offsets[from..from + count].to_vec();
            part.position += count;
            let bytes = batch.iter().map(|o| out.topic.size(assignment.partition.0, *o)).sum();
            self.shared.take(bytes);
            part.feed(Input::Records(&batch), &mut self.shared, out);
        }
        self.fetch_soon(assignment, out);
    }

    /// Tells partitions what became of their outputs, each in one batch.
    fn verdicts(&mut self, parcels: Vec<(Parcel, bool)>, out: &mut Outside) {
        let mut by_part: BTreeMap<Assignment, Vec<_>> = BTreeMap::new();
        for (parcel, taken) in parcels {
            self.shared.give(parcel.size);
            by_part.entry(parcel.assignment).or_default().push((parcel.owner, taken));
        }
        for (assignment, verdicts) in by_part {
            self.with(assignment, |part, shared| part.verdicts(&verdicts, shared, out));
        }
    }

    /// Holds windows back while too many tasks await a slot, or outputs their sink.
    fn regulate(&mut self, out: &mut Outside) {
        let tasks = self.shared.slots.tasks();
        if tasks >= out.setup.high {
            self.gate = false;
        } else if tasks <= out.setup.low {
            self.gate = true;
        }
        let open = self.gate && self.shared.outboxes.iter().all(|outbox| outbox.len() < 200);
        for part in &mut self.parts {
            let open = open && (out.calm || out.now >= part.shut_until);
            if open != part.gate_told {
                part.gate_told = open;
                part.feed(Input::Gate { open }, &mut self.shared, out);
            }
        }
    }

    fn observe(&mut self) {
        for part in &self.parts {
            if let Some(next) = part.model.watermark {
                self.commits.observe(part.assignment, next);
            }
        }
    }

    /// A partition will go: it drains until this moment at the most.
    pub(crate) fn drain(&mut self, partition: i32, deadline: u64, out: &mut Outside) {
        let Some(part) = self.parts.iter_mut().find(|p| p.assignment.partition.0 == partition) else {
            return;
        };
        if part.going.is_none() {
            out.stats.met("drains");
            part.going = Some(Going { deadline, committing: None });
            part.feed(Input::Drain, &mut self.shared, out);
        }
        self.let_go_soon(0, out);
        self.after(out);
    }

    fn let_go_soon(&mut self, wait: u64, out: &mut Outside) {
        if !std::mem::replace(&mut self.letting_go, true) {
            out.in_worker(wait, self.id, What::LetGo);
        }
    }

    /// Lets partitions go once they drained and their last commit was answered, or their time is over.
    fn let_go_step(&mut self, out: &mut Outside) {
        self.letting_go = false;
        self.observe();
        let now = out.now;
        let mut free = Vec::new();
        for part in &mut self.parts {
            let Some(going) = &mut part.going else { continue };
            match going.committing {
                None if part.pipeline.is_drained() || now >= going.deadline => {
                    out.stats.met(if part.pipeline.is_drained() {
                        "drains in time"
                    } else {
                        "drains cut short"
                    });
                    going.committing = Some(now + out.rng.below(2_000_000));
                    self.commits.force();
                    self.commits.wake(0, out);
                }
                None => {}
                Some(until) => {
                    let clean = self.commits.is_clean(part.assignment);
                    if clean && let Some(next) = part.model.watermark {
                        let committed = out.topic.log(part.assignment.partition.0).committed;
                        rule!(
                            committed >= Some(next),
                            "what counts as committed is committed",
                            "{} goes at {committed:?}, though {next} settled",
                            part.assignment
                        );
                    }
                    if clean || now >= until {
                        free.push(part.assignment);
                    }
                }
            }
        }
        for assignment in free {
            self.let_go(assignment, out);
        }
        if self.parts.iter().any(|p| p.going.is_some()) {
            self.let_go_soon(20_000, out);
        }
    }

    /// A partition goes, whatever it is at.
    pub(crate) fn let_go(&mut self, assignment: Assignment, out: &mut Outside) {
        let Some(index) = self.parts.iter().position(|p| p.assignment == assignment) else { return };
        out.note(|| format!("w{} lets go of {assignment}", self.id));
        let mut part = self.parts.remove(index);
        self.commits.remove(assignment);
        part.feed(Input::Release, &mut self.shared, out);
        for sink in 0..self.shared.outboxes.len() {
            let bytes = self.shared.outboxes[sink].discard(assignment);
            self.shared.give(bytes);
        }
        self.shared.letters.discard(assignment);
        let stopped = self.shared.slots.cancel(|ticket| ticket.assignment == assignment, out);
        for ticket in stopped {
            part.attempt_ended(ticket.task, out.rng.percent(50), &mut self.shared, out);
        }
        // A batch and a tick that are still under way must not bring it back either.
        let log = out.topic.log(assignment.partition.0);
        let late = log.offsets[part.position..log.written.min(part.position + 2).max(part.position)].to_vec();
        part.feed(Input::Records(&late), &mut self.shared, out);
        part.feed(Input::Gate { open: true }, &mut self.shared, out);
        part.feed(Input::Tick, &mut self.shared, out);
        self.gone.push(part);
        if self.gone.len() > REMEMBERED {
            self.gone.remove(0);
        }
        self.freed.push(assignment);
    }

    /// Whether it has nothing to do.
    pub(crate) fn is_idle(&self) -> bool {
        self.parts.iter().all(|part| part.model.in_flight() == 0)
    }

    pub(crate) fn describe(&self) -> String {
        let of =
            |part: &Part| format!("w{} {}: {} in flight", self.id, part.assignment, part.model.in_flight());
        self.parts.iter().map(of).collect::<Vec<_>>().join("; ")
    }

    /// What must hold once everything settled.
    pub(crate) fn check_end(&self) {
        for part in &self.parts {
            let (tasks, windows) = (part.pipeline.tasks(), part.pipeline.windows());
            rule!(windows == 0, "no window outlives its messages", "{}: {windows} do", part.assignment);
            rule!(part.model.tasks_for_messages() == 0, "no task outlives its messages", "{tasks} tasks");
        }
    }
}
