//! A whole run: a topic, workers that come and go, and trouble until it calms down.

use drakkar_core::ids::Assignment;

use crate::{
    outside::{Event, Outside, What},
    rng::Rng,
    setup::{Fault, Run, Setup},
    stats::Stats,
    violation::{Violation, catch, rule},
    worker::Worker,
};

/// How a run ended.
pub(crate) struct Outcome {
    pub(crate) stats: Stats,
    pub(crate) violation: Option<Violation>,
    pub(crate) trace: Vec<String>,
}

/// Runs it to its end, or to the first broken rule.
pub(crate) fn simulate(run: Run, traced: bool) -> Outcome {
    let mut world = World::new(Setup::new(run), traced);
    let violation = catch(|| world.run());
    world.out.stats.messages = run.partitions * run.messages;
    Outcome { stats: world.out.stats.clone(), violation, trace: world.out.take_trace() }
}

struct World {
    out: Outside,
    /// By place: a worker that ends is followed by another one.
    workers: Vec<Option<Worker>>,
    lives: u32,
    disturbances: u64,
    patience: u64,
    /// Events since it is calm.
    calm_events: u64,
}

impl World {
    fn new(setup: Setup, traced: bool) -> Self {
        let places = setup.run.workers as usize;
        let mut out = Outside::new(setup, traced);
        out.after(0, Event::Produce);
        for place in 0..places {
            let wait = out.rng.below(200_000);
            out.after(wait, Event::Start { place });
        }
        let wait = out.rng.below(500_000);
        out.after(wait, Event::Disturb);
        Self {
            disturbances: out.setup.disturbances,
            patience: out.setup.patience,
            out,
            workers: (0..places).map(|_| None).collect(),
            lives: 0,
            calm_events: 0,
        }
    }

    fn run(&mut self) {
        let run = self.out.setup.run;
        let most = 20_000 + 600 * run.messages * run.partitions;
        while let Some((tie, event)) = self.out.next() {
            self.handle(tie, event);
            self.free();
            if !self.out.calm {
                continue;
            }
            self.calm_events += 1;
            if self.calm_events.is_multiple_of(16) && self.is_done() {
                return self.end();
            }
            if self.calm_events > most {
                break;
            }
        }
        if self.is_done() {
            return self.end();
        }
        let left: Vec<String> = self.workers.iter().flatten().map(Worker::describe).collect();
        let topic = self.out.topic.describe();
        rule!(false, "everything settles once faults stop", "{topic}; {}", left.join("; "));
    }

    fn is_done(&self) -> bool {
        self.out.topic.is_done() && self.workers.iter().flatten().all(Worker::is_idle)
    }

    fn end(&mut self) {
        self.out.topic.check_end();
        let mut duplicates = 0;
        for log in &self.out.topic.logs {
            duplicates += log.duplicates();
        }
        self.out.stats.add("messages that were done twice", duplicates);
        for worker in self.workers.iter().flatten() {
            worker.check_end();
        }
    }

    fn handle(&mut self, tie: u64, event: Event) {
        match event {
            Event::Produce => self.produce(),
            Event::Disturb => self.disturb(),
            Event::Start { place } => {
                self.lives += 1;
                self.workers[place] = Some(Worker::new(self.lives, &self.out));
                self.out.note(|| format!("w{} starts at place {place}", self.lives));
                self.balance();
            }
            Event::Balance => self.balance(),
            Event::In { worker: id, what } => {
                let Some(place) = self.place_of(id) else { return };
                let Some(worker) = &mut self.workers[place] else { return };
                if self.out.now < worker.frozen_until {
                    let until = worker.frozen_until;
                    return self.out.push(until, tie, Event::In { worker: id, what });
                }
                worker.handle(what, &mut self.out);
                if worker.shared.killed {
                    self.out.stats.met("processes ended by a message");
                    self.crash(place);
                }
            }
        }
    }

    fn place_of(&self, id: u32) -> Option<usize> {
        self.workers.iter().position(|w| w.as_ref().is_some_and(|w| w.id == id))
    }

    fn produce(&mut self) {
        let all = self.out.calm;
        for index in 0..self.out.topic.logs.len() {
            let most = self.out.setup.run.messages as usize;
            let count = if all { most } else { self.out.rng.index(most / 2 + 2) };
            let log = &mut self.out.topic.logs[index];
            log.written = (log.written + count).min(log.offsets.len());
            let partition = log.partition;
            for worker in self.workers.iter_mut().flatten() {
                if let Some(assignment) = worker.part(partition).map(|part| part.assignment) {
                    worker.fetch_soon(assignment, &mut self.out);
                }
            }
        }
        if !all && !self.is_written() {
            let wait = self.out.rng.below(400_000);
            self.out.after(wait, Event::Produce);
        }
    }

    fn is_written(&self) -> bool {
        self.out.topic.logs.iter().all(|log| log.written == log.offsets.len())
    }

    /// The group hands out what nobody owns.
    fn balance(&mut self) {
        for index in 0..self.out.topic.logs.len() {
            if self.out.topic.logs[index].owner.is_some() {
                continue;
            }
            let able: Vec<usize> = (0..self.workers.len())
                .filter(|place| self.workers[*place].as_ref().is_some_and(|w| !w.stopping))
                .collect();
            if able.is_empty() {
                return;
            }
            let promised = self.out.topic.logs[index].promised.take().filter(|place| able.contains(place));
            let place = promised.unwrap_or_else(|| able[self.out.rng.index(able.len())]);
            let Some(worker) = &mut self.workers[place] else { continue };
            let partition = index as i32;
            // It may not have heard yet that it lost what it gets again.
            if let Some(old) = worker.part(partition).map(|part| part.assignment) {
                worker.let_go(old, &mut self.out);
            }
            let epoch = worker.assign(partition, &mut self.out);
            self.out.topic.logs[index].owner = Some((worker.id, epoch));
        }
    }

    /// Partitions that were let go wait for an owner; workers that stop and hold none are gone.
    fn free(&mut self) {
        for place in 0..self.workers.len() {
            let Some(worker) = &mut self.workers[place] else { continue };
            let id = worker.id;
            let freed = std::mem::take(&mut worker.freed);
            for Assignment { partition, epoch } in freed {
                let log = self.out.topic.log(partition.0);
                if log.owner == Some((id, epoch)) {
                    log.owner = None;
                    let wait = self.out.rng.delay(20_000);
                    self.out.after(wait, Event::Balance);
                }
            }
            if worker.stopping && worker.parts.is_empty() {
                self.out.note(|| format!("w{id} ends"));
                self.out.stats.met("orderly stops");
                self.restart(place);
            }
        }
    }

    /// Another worker takes this place after a while.
    fn restart(&mut self, place: usize) {
        self.workers[place] = None;
        let wait = self.out.rng.below(1_000_000);
        self.out.after(wait, Event::Start { place });
    }

    /// A process dies at once. What its hooks were busy with is remembered.
    fn crash(&mut self, place: usize) {
        let Some(worker) = self.workers[place].take() else { return };
        self.out.note(|| format!("w{} dies", worker.id));
        self.out.stats.met("crashes");
        for part in &worker.parts {
            let log = self.out.topic.log(part.assignment.partition.0);
            log.crashed(&part.model.in_hooks());
        }
        for log in &mut self.out.topic.logs {
            log.owner = log.owner.filter(|(owner, _)| *owner != worker.id);
        }
        self.restart(place);
        let wait = self.out.rng.below(300_000);
        self.out.after(wait, Event::Balance);
    }

    /// Nothing goes wrong any more.
    fn calm_down(&mut self) {
        self.out.note(|| "it calms down".to_owned());
        self.out.calm = true;
        self.out.down.fill(false);
        self.produce();
        for worker in self.workers.iter_mut().flatten() {
            worker.frozen_until = 0;
            self.out.in_worker(0, worker.id, What::Regulate);
        }
        self.out.after(0, Event::Balance);
    }

    fn disturb(&mut self) {
        if self.disturbances == 0 {
            self.patience = self.patience.saturating_sub(1);
            if self.is_written() && (self.patience == 0 || self.out.topic.is_done()) {
                return self.calm_down();
            }
        } else {
            self.disturbances -= 1;
            self.trouble();
        }
        let wait = self.out.rng.below(600_000);
        self.out.after(wait, Event::Disturb);
    }

    fn trouble(&mut self) {
        const KINDS: [Fault; 9] = [
            Fault::Revokes,
            Fault::Losses,
            Fault::Reassigns,
            Fault::Crashes,
            Fault::Stops,
            Fault::Jumps,
            Fault::Gates,
            Fault::Outages,
            Fault::Freezes,
        ];
        let able: Vec<Fault> = KINDS.iter().copied().filter(|kind| self.out.has(*kind)).collect();
        if able.is_empty() {
            return;
        }
        let kind = able[self.out.rng.index(able.len())];
        self.out.note(|| format!("trouble: {kind:?}"));
        let place = self.out.rng.index(self.workers.len());
        let partition = self.out.rng.index(self.out.topic.logs.len()) as i32;
        match kind {
            Fault::Revokes => self.revoke(partition, None),
            Fault::Reassigns => {
                let owner = self.owner_of(partition);
                self.revoke(partition, owner);
            }
            Fault::Losses => {
                let back = self.out.rng.percent(30);
                self.lose(partition, back);
            }
            Fault::Crashes => self.crash(place),
            Fault::Stops => self.stop(place),
            Fault::Freezes => self.freeze(place),
            Fault::Jumps => {
                let most = [100_000, 10_000_000, 3_600_000_000][self.out.rng.index(3)];
                self.out.now += self.out.rng.below(most);
                self.out.stats.met("jumps of time");
            }
            Fault::Gates => {
                let until = self.out.now + self.out.rng.below(2_000_000);
                if let Some(worker) = &mut self.workers[place] {
                    if let Some(part) = worker.part(partition) {
                        part.shut_until = until;
                    }
                    let wait = until - self.out.now;
                    self.out.in_worker(0, worker.id, What::Regulate);
                    self.out.in_worker(wait, worker.id, What::Regulate);
                }
            }
            Fault::Outages => {
                let sink = self.out.rng.index(self.out.down.len());
                self.out.down[sink] = !self.out.down[sink];
                self.out.stats.met("outages of sinks");
            }
            _ => {}
        }
    }

    /// The place of a partition's owner.
    fn owner_of(&self, partition: i32) -> Option<usize> {
        let (id, _) = self.out.topic.logs[partition as usize].owner?;
        self.place_of(id)
    }

    /// The group takes a partition away in good order.
    fn revoke(&mut self, partition: i32, to: Option<usize>) {
        let Some(place) = self.owner_of(partition) else { return };
        let Some(worker) = &mut self.workers[place] else { return };
        let time = [0, 100_000, 3_000_000][self.out.rng.index(3)];
        let deadline = self.out.now + self.out.rng.below(time + 1);
        self.out.topic.log(partition).promised = to;
        self.out.stats.met("revokes");
        worker.drain(partition, deadline, &mut self.out);
    }

    /// The group takes a partition away without asking; its owner may hear of it late.
    fn lose(&mut self, partition: i32, back: bool) {
        let Some(place) = self.owner_of(partition) else { return };
        let Some(worker) = &self.workers[place] else { return };
        let log = self.out.topic.log(partition);
        let Some((id, epoch)) = log.owner.take() else { return };
        debug_assert_eq!(id, worker.id);
        log.promised = back.then_some(place);
        self.out.stats.met("losses");
        let lost = Assignment { partition: drakkar_core::ids::PartitionId(partition), epoch };
        let late = worker.frozen_until.saturating_sub(self.out.now);
        let wait = late + self.out.rng.delay(40_000);
        self.out.in_worker(wait, id, What::Lost(lost));
        let wait = self.out.rng.delay(10_000);
        self.out.after(wait, Event::Balance);
    }

    /// A worker is asked to stop: it drains, stops what still runs near the end, commits, and goes.
    fn stop(&mut self, place: usize) {
        let Some(worker) = self.workers[place].as_mut().filter(|w| !w.stopping) else { return };
        worker.stopping = true;
        let wait = self.out.rng.below(2_000_000);
        let deadline = self.out.now + wait;
        let id = worker.id;
        self.out.note(|| format!("w{id} stops"));
        let partitions: Vec<i32> = worker.parts.iter().map(|p| p.assignment.partition.0).collect();
        for partition in partitions {
            worker.drain(partition, deadline, &mut self.out);
        }
        self.out.in_worker(wait * 3 / 4, id, What::CancelAll);
    }

    /// A worker stands still; the group may take its partitions meanwhile.
    fn freeze(&mut self, place: usize) {
        let Some(worker) = &mut self.workers[place] else { return };
        worker.frozen_until = self.out.now + self.out.rng.below(3_000_000);
        self.out.stats.met("freezes");
        let partitions: Vec<i32> = worker.parts.iter().map(|p| p.assignment.partition.0).collect();
        let id = worker.id;
        if self.out.rng.percent(50) {
            for partition in partitions {
                if self.out.topic.log(partition).owner.is_some_and(|(owner, _)| owner == id) {
                    self.lose(partition, false);
                }
            }
        }
    }
}

/// Seeds that follow one another are not alike.
pub(crate) fn seed_of(start: u64, index: u64) -> u64 {
    // Short numbers are easier to type again.
    Rng::new(start.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ index).draw() >> 24
}
