//! The source topic: its records, who owns its partitions, what is committed, and what became of every record.

use std::collections::BTreeMap;

use drakkar_core::{
    ids::{Epoch, Offset},
    pipeline::{Suspects, Suspicion},
};

use crate::{
    rng::{Rng, hash},
    setup::Setup,
    violation::rule,
};

/// Crashes with the same message in a hook, after which it is dead-lettered.
const CRASHES: u32 = 3;

/// A worker and the number of its assignment: who may commit.
pub(crate) type Owner = (u32, Epoch);

/// What an offset is like, each time it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nature {
    Plain,
    /// It cannot be decoded.
    Unparsed,
    /// It ends the process that calls a hook with it.
    Killer,
}

#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) logs: Vec<Log>,
    seed: u64,
    unparsed: u64,
    killers: u64,
}

#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) partition: i32,
    /// Every record, in order; offsets may have gaps.
    pub(crate) offsets: Vec<Offset>,
    /// How many are written yet.
    pub(crate) written: usize,
    pub(crate) committed: Option<Offset>,
    pub(crate) owner: Option<Owner>,
    /// The place of the worker that gets it when its owner lets go.
    pub(crate) promised: Option<usize>,
    /// How often each record was delivered, skipped, dead-lettered to the end.
    finished: Vec<u32>,
    /// Crashes at which a hook was busy with it.
    crashes: BTreeMap<Offset, u32>,
}

impl Topic {
    pub(crate) fn new(setup: &Setup, rng: &mut Rng) -> Self {
        let logs = (0..setup.run.partitions).map(|partition| {
            let mut next = rng.below(3) as i64 * 1_000;
            let gaps = rng.below(30);
            let offsets: Vec<Offset> = (0..setup.run.messages)
                .map(|_| {
                    next += 1 + if rng.percent(gaps) { rng.below(4) as i64 } else { 0 };
                    Offset(next)
                })
                .collect();
            Log {
                partition: partition as i32,
                finished: vec![0; offsets.len()],
                offsets,
                written: 0,
                committed: None,
                owner: None,
                promised: None,
                crashes: BTreeMap::new(),
            }
        });
        Self { logs: logs.collect(), seed: setup.run.seed, unparsed: setup.unparsed, killers: setup.killers }
    }

    pub(crate) fn log(&mut self, partition: i32) -> &mut Log {
        &mut self.logs[partition as usize]
    }

    pub(crate) fn nature(&self, partition: i32, offset: Offset) -> Nature {
        let drawn = hash(self.seed, partition, offset.0) % 1_000;
        if drawn < self.killers {
            Nature::Killer
        } else if drawn < self.killers + self.unparsed {
            Nature::Unparsed
        } else {
            Nature::Plain
        }
    }

    /// The size of a record, in bytes.
    pub(crate) fn size(&self, partition: i32, offset: Offset) -> usize {
        20 + (hash(self.seed ^ 1, partition, offset.0) % 400) as usize
    }

    pub(crate) fn is_done(&self) -> bool {
        self.logs.iter().all(|log| log.committed == log.offsets.last().map(|last| last.next()))
    }

    pub(crate) fn describe(&self) -> String {
        let of = |log: &Log| {
            let (p, last) = (log.partition, log.offsets.last());
            format!("partition {p}: committed {:?}, last {last:?}, owner {:?}", log.committed, log.owner)
        };
        self.logs.iter().map(of).collect::<Vec<_>>().join("; ")
    }

    /// What must hold in the end: no record is missing.
    pub(crate) fn check_end(&self) {
        for log in &self.logs {
            let missing: Vec<_> = log
                .finished
                .iter()
                .zip(&log.offsets)
                .filter(|(times, _)| **times == 0)
                .map(|(_, o)| o)
                .collect();
            rule!(missing.is_empty(), "nothing is missing", "partition {}: {missing:?}", log.partition);
        }
    }
}

impl Log {
    /// Where an owner starts to read.
    pub(crate) fn start(&self) -> usize {
        self.committed.map_or(0, |next| self.offsets.partition_point(|o| *o < next))
    }

    /// A record was delivered, skipped or dead-lettered, all of it.
    pub(crate) fn finish(&mut self, offset: Offset) {
        self.crashes.remove(&offset);
        if let Ok(index) = self.offsets.binary_search(&offset) {
            self.finished[index] += 1;
        }
    }

    /// How often records were finished more than once.
    pub(crate) fn duplicates(&self) -> u64 {
        self.finished.iter().map(|times| u64::from(times.saturating_sub(1))).sum()
    }

    /// The broker stores an offset.
    pub(crate) fn commit(&mut self, next: Offset) {
        let (p, before) = (self.partition, self.committed);
        rule!(
            before.is_none_or(|b| b <= next),
            "a committed offset never moves backwards",
            "partition {p}: from {before:?} to {next}"
        );
        let passed = self.offsets.partition_point(|o| *o < next);
        let lost = self.offsets[self.start()..passed]
            .iter()
            .zip(&self.finished[self.start()..passed])
            .find(|(_, times)| **times == 0);
        rule!(lost.is_none(), "nothing unfinished is committed", "partition {p}: {lost:?} with {next}");
        self.committed = Some(next);
    }

    /// A process died while hooks were busy with these.
    pub(crate) fn crashed(&mut self, in_hooks: &[Offset]) {
        for offset in in_hooks {
            *self.crashes.entry(*offset).or_default() += 1;
        }
    }

    pub(crate) fn suspects(&self) -> Suspects {
        let of = |times: u32| if times >= CRASHES { Suspicion::Poison } else { Suspicion::Alone };
        self.crashes.iter().map(|(offset, times)| (*offset, of(*times))).collect()
    }
}
