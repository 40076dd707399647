//! The slots of a worker, on the core's gate, next to a list that tells who is next.

use std::collections::{BTreeMap, BTreeSet};

use drakkar_core::{
    executor::Priority,
    ids::{Assignment, SlotId, TaskKey},
    slots::{SlotGate, Slots as Granted},
};

use crate::{
    outside::{Outside, What},
    violation::rule,
};

/// One attempt that holds or awaits a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket {
    pub(crate) assignment: Assignment,
    pub(crate) task: TaskKey,
}

#[derive(Debug)]
struct Running {
    granted: Granted,
    ticket: Ticket,
    serial: u64,
    cancelled: bool,
}

#[derive(Debug)]
pub(crate) struct Slots {
    worker: u32,
    slots: u32,
    gate: SlotGate<Ticket>,
    waiting: BTreeSet<(Priority, u64, Ticket)>,
    arrivals: u64,
    running: BTreeMap<SlotId, Running>,
}

impl Slots {
    pub(crate) fn new(worker: u32, slots: u32) -> Self {
        Self {
            worker,
            slots,
            gate: SlotGate::new(slots),
            waiting: BTreeSet::new(),
            arrivals: 0,
            running: BTreeMap::new(),
        }
    }

    /// Tasks that hold or await a slot.
    pub(crate) fn tasks(&self) -> usize {
        self.waiting.len() + self.running.len()
    }

    pub(crate) fn submit(&mut self, ticket: Ticket, priority: Priority, out: &mut Outside) {
        self.arrivals += 1;
        self.gate.enqueue(priority, 1, ticket);
        self.waiting.insert((priority, self.arrivals, ticket));
        self.grant(out);
    }

    fn grant(&mut self, out: &mut Outside) {
        while let Some((granted, ticket)) = self.gate.grant() {
            let slot = granted.first();
            let first = self.waiting.pop_first().map(|(.., ticket)| ticket);
            rule!(first == Some(ticket), "slots go by priority, then arrival", "{ticket:?}, not {first:?}");
            rule!(slot.0 < self.slots, "there are so many slots", "slot {slot} of {}", self.slots);
            let serial = self.arrivals + out.rng.draw() % 1_000_000_007 * 1_000_000;
            let before = self.running.insert(slot, Running { granted, ticket, serial, cancelled: false });
            rule!(before.is_none(), "a slot runs one task", "slot {slot}");
            let wait = out.rng.delay(out.setup.attempt_time);
            out.in_worker(wait, self.worker, What::AttemptDone { slot, serial });
        }
        let free = self.slots as usize - self.running.len();
        let (active, waits) = (self.gate.active(), self.gate.waiting());
        rule!(active == self.running.len(), "held slots are counted", "{active}, not {}", self.running.len());
        rule!(
            waits == self.waiting.len(),
            "waiting tasks are counted",
            "{waits}, not {}",
            self.waiting.len()
        );
        rule!(free == 0 || waits == 0, "no slot is free while tasks wait", "{free} free, {waits} waiting");
    }

    /// An attempt ended. Returns whose it was and whether it was stopped, unless that is known already.
    pub(crate) fn done(&mut self, slot: SlotId, serial: u64, out: &mut Outside) -> Option<(Ticket, bool)> {
        self.running.get(&slot).filter(|r| r.serial == serial)?;
        let running = self.running.remove(&slot)?;
        self.gate.release(running.granted);
        self.grant(out);
        Some((running.ticket, running.cancelled))
    }

    /// Stops what matches: what waits is returned at once, what runs ends soon.
    pub(crate) fn cancel(&mut self, matches: impl Fn(&Ticket) -> bool, out: &mut Outside) -> Vec<Ticket> {
        let mut removed = self.gate.remove(|ticket| matches(ticket));
        removed.sort_unstable();
        self.waiting.retain(|(.., ticket)| !matches(ticket));
        for (slot, running) in &mut self.running {
            if matches(&running.ticket) && !running.cancelled {
                running.cancelled = true;
                running.serial += 1;
                let wait = out.rng.below(3_000);
                out.in_worker(wait, self.worker, What::AttemptDone { slot: *slot, serial: running.serial });
            }
        }
        self.grant(out);
        removed
    }
}
