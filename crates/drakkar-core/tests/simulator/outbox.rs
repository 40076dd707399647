//! Deliveries of a worker: a queue and a breaker per sink, and a queue of dead letters.

use std::collections::VecDeque;

use drakkar_core::{
    breaker::{Admission, BatchEnd, Breaker, Change, Pass, State},
    ids::Assignment,
    pipeline::{Letter, Owner},
};

use crate::{
    outside::{Outside, What},
    violation::rule,
};

/// One output on its way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parcel {
    pub(crate) assignment: Assignment,
    pub(crate) owner: Owner,
    pub(crate) size: usize,
}

/// A batch that a sink has.
#[derive(Debug)]
pub(crate) struct Flight {
    pub(crate) sink: usize,
    pass: Pass,
    /// How often the breaker had opened when it was sent.
    trips: u64,
    probe: bool,
    /// Each with what the sink made of it.
    pub(crate) parcels: Vec<(Parcel, bool)>,
}

#[derive(Debug)]
pub(crate) struct Outbox {
    worker: u32,
    sink: usize,
    queue: VecDeque<Parcel>,
    breaker: Breaker,
    scheduled: bool,
    /// What the breaker must do, told once more.
    open_until: Option<u64>,
    probing: bool,
    failures: u32,
    trips: u64,
}

impl Outbox {
    pub(crate) fn new(worker: u32, sink: usize, out: &Outside) -> Self {
        Self {
            worker,
            sink,
            queue: VecDeque::new(),
            breaker: Breaker::new(out.setup.breaker),
            scheduled: false,
            open_until: None,
            probing: false,
            failures: 0,
            trips: 0,
        }
    }

    pub(crate) fn put(&mut self, parcel: Parcel, out: &mut Outside) {
        self.queue.push_back(parcel);
        let wait = out.rng.delay(2_000);
        self.wake(wait, out);
    }

    fn wake(&mut self, wait: u64, out: &mut Outside) {
        if !self.queue.is_empty() && !std::mem::replace(&mut self.scheduled, true) {
            out.in_worker(wait, self.worker, What::Send { sink: self.sink });
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Takes what was not sent of a partition that is gone.
    pub(crate) fn discard(&mut self, assignment: Assignment) -> usize {
        let bytes = self.queue.iter().filter(|p| p.assignment == assignment).map(|p| p.size).sum();
        self.queue.retain(|p| p.assignment != assignment);
        bytes
    }

    /// Sends a batch if the breaker lets it. Returns what failed without being sent.
    pub(crate) fn send(&mut self, out: &mut Outside) -> Vec<Parcel> {
        self.scheduled = false;
        let count = (1 + out.rng.index(12)).min(self.queue.len());
        if count == 0 {
            return Vec::new();
        }
        let now = out.now;
        let refused = self.open_until.is_some_and(|until| now < until);
        let pass = match self.breaker.admit(out.time()) {
            Admission::Send(pass) => pass,
            Admission::Wait => {
                rule!(self.probing, "batches wait for one that tries the sink", "none does");
                return Vec::new();
            }
            Admission::Refuse { until } => {
                rule!(refused, "a breaker refuses while it is open", "until {until:?}");
                out.stats.met("refusals");
                if out.setup.open_fails {
                    let failed = self.queue.drain(..count).collect();
                    self.wake(out.rng.delay(2_000), out);
                    return failed;
                }
                self.wake(until.0.saturating_sub(now), out);
                return Vec::new();
            }
        };
        rule!(
            !refused,
            "nothing is sent to a sink that is left alone",
            "at {now}, until {:?}",
            self.open_until
        );
        let probe = self.open_until.is_some();
        if probe {
            rule!(!self.probing, "one batch tries the sink", "two do");
            self.probing = true;
            out.stats.met("probes of sinks");
        }
        let down = out.down[self.sink];
        let mut parcels = Vec::with_capacity(count);
        for parcel in self.queue.drain(..count) {
            let failed = down || out.goes_wrong(out.setup.outputs_fail);
            parcels.push((parcel, !failed));
        }
        let wait = out.rng.delay(out.setup.sink_time);
        let flight = Flight { sink: self.sink, pass, trips: self.trips, probe, parcels };
        out.in_worker(wait, self.worker, What::Sent(Box::new(flight)));
        self.wake(out.rng.delay(2_000), out);
        Vec::new()
    }

    /// A batch was answered. Returns its parcels with what became of each.
    pub(crate) fn sent(&mut self, flight: Flight, out: &mut Outside) -> Vec<(Parcel, bool)> {
        let Flight { pass, trips, probe, parcels, .. } = flight;
        let end = if parcels.iter().any(|(_, taken)| *taken) {
            BatchEnd::Success
        } else if out.rng.percent(5) {
            BatchEnd::Neutral
        } else {
            BatchEnd::Failure
        };
        let change = self.breaker.report(pass, end, out.time());
        let due = self.change_of(trips == self.trips, probe, end, out);
        rule!(change == due, "a breaker opens and closes by its rules", "{end:?}: {change:?}, not {due:?}");
        let open = self.open_until.is_some();
        rule!(open != (self.breaker.state() == State::Closed), "a breaker tells its state", "{open}");
        rule!(
            self.breaker.trips() == self.trips,
            "trips are counted",
            "{} of {}",
            self.breaker.trips(),
            self.trips
        );
        self.wake(out.rng.delay(2_000), out);
        parcels
    }

    fn change_of(&mut self, current: bool, probe: bool, end: BatchEnd, out: &mut Outside) -> Option<Change> {
        let was_open = self.open_until.is_some();
        let trying = probe && current && was_open;
        match end {
            BatchEnd::Success => {
                (self.open_until, self.probing, self.failures) = (None, false, 0);
                return was_open.then_some(Change::Closed);
            }
            BatchEnd::Neutral => {
                self.probing &= !trying;
                return None;
            }
            BatchEnd::Failure if !was_open && current => self.failures += 1,
            BatchEnd::Failure if trying => self.failures = out.setup.breaker.threshold,
            BatchEnd::Failure => return None,
        }
        if self.failures < out.setup.breaker.threshold {
            return None;
        }
        let until = out.time().after(out.setup.breaker.cooldown);
        (self.open_until, self.probing, self.failures) = (Some(until.0), false, 0);
        self.trips += 1;
        out.stats.met("trips of breakers");
        Some(Change::Opened { until })
    }
}

/// Dead letters of a worker, written one after the other; none is given up.
#[derive(Debug)]
pub(crate) struct Letters {
    worker: u32,
    queue: VecDeque<(Assignment, Letter)>,
    scheduled: bool,
}

impl Letters {
    pub(crate) fn new(worker: u32) -> Self {
        Self { worker, queue: VecDeque::new(), scheduled: false }
    }

    pub(crate) fn put(&mut self, assignment: Assignment, letter: Letter, out: &mut Outside) {
        self.queue.push_back((assignment, letter));
        self.wake(out);
    }

    fn wake(&mut self, out: &mut Outside) {
        if !self.queue.is_empty() && !std::mem::replace(&mut self.scheduled, true) {
            let wait = out.rng.delay(3_000);
            out.in_worker(wait, self.worker, What::SendLetters);
        }
    }

    pub(crate) fn discard(&mut self, assignment: Assignment) {
        self.queue.retain(|(a, _)| *a != assignment);
    }

    /// Writes one. Returns it when it is stored; its acknowledgement comes later.
    pub(crate) fn send(&mut self, out: &mut Outside) -> Option<(Assignment, Letter)> {
        self.scheduled = false;
        let down = out.down.last().copied().unwrap_or(false) || out.goes_wrong(out.setup.outputs_fail / 2);
        let stored = if down { None } else { self.queue.pop_front() };
        if let Some((assignment, letter)) = stored {
            let wait = out.rng.delay(8_000);
            out.in_worker(wait, self.worker, What::Lettered(assignment, letter));
            out.stats.met("dead letters");
        }
        if down {
            out.stats.met("dead letters that had to wait");
        }
        self.wake(out);
        stored
    }
}
