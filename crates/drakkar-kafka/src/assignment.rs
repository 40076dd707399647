//! The partitions that are assigned now.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use drakkar_core::{
    bytes_in_hand::ByteLedger,
    ids::{Assignment, Epoch, PartitionId},
    message::Record,
    source::{AssignedPartition, Progress},
};

use crate::watchdog::Silence;

/// Batches that may wait in a partition's queue; records beyond that wait in `pending` and become one larger batch.
const BATCHES: usize = 256;

/// One assigned partition.
#[derive(Debug)]
pub(crate) struct Assigned {
    pub(crate) assignment: Assignment,
    pub(crate) progress: Arc<Progress>,
    batches: async_channel::Sender<Vec<Record>>,
    /// Records that were not handed over yet. Their bytes are taken.
    pub(crate) pending: Vec<Record>,
    /// The lowest offset that was not read. Below it only comes what was read before, or another topic of that name.
    pub(crate) next: i64,
    /// The offset that was asked for and is not there, while it is not known what is lost.
    pub(crate) reset: Option<i64>,
    /// How long nothing came, and what is known about it.
    pub(crate) silence: Silence,
    /// Whether fetching is paused in librdkafka.
    pub(crate) paused: bool,
    /// It is being taken away: nothing more is handed over.
    pub(crate) revoking: bool,
}

/// All assigned partitions, by number.
#[derive(Debug, Default)]
pub(crate) struct Assignments {
    epoch: u32,
    partitions: BTreeMap<i32, Assigned>,
}

impl Assignments {
    /// Adds partitions under a new epoch. A partition that is assigned already is left as it is.
    pub(crate) fn add(&mut self, partitions: &[i32]) -> Vec<AssignedPartition> {
        let fresh: Vec<i32> =
            partitions.iter().copied().filter(|p| !self.partitions.contains_key(p)).collect();
        if fresh.is_empty() {
            return Vec::new();
        }
        self.epoch += 1;
        fresh.into_iter().map(|partition| self.insert(partition, false)).collect()
    }

    /// Ends an assignment and starts another one of the same partition.
    pub(crate) fn restart(
        &mut self,
        partition: i32,
        bytes: &ByteLedger,
    ) -> Option<(Assignment, AssignedPartition)> {
        let paused = self.partitions.get(&partition)?.paused;
        let (old, _) = self.remove(partition, bytes)?;
        self.epoch += 1;
        Some((old, self.insert(partition, paused)))
    }

    /// Removes a partition; what was not handed over is read again by whoever gets it. Returns whether it was paused.
    pub(crate) fn remove(&mut self, partition: i32, bytes: &ByteLedger) -> Option<(Assignment, bool)> {
        let assigned = self.partitions.remove(&partition)?;
        bytes.give(assigned.pending.iter().map(Record::size).sum());
        Some((assigned.assignment, assigned.paused))
    }

    pub(crate) fn get(&self, partition: i32) -> Option<&Assigned> {
        self.partitions.get(&partition)
    }

    pub(crate) fn get_mut(&mut self, partition: i32) -> Option<&mut Assigned> {
        self.partitions.get_mut(&partition)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Assigned> {
        self.partitions.values()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Assigned> {
        self.partitions.values_mut()
    }

    pub(crate) fn numbers(&self) -> Vec<i32> {
        self.partitions.keys().copied().collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.partitions.is_empty()
    }

    fn insert(&mut self, partition: i32, paused: bool) -> AssignedPartition {
        let assignment = Assignment { partition: PartitionId(partition), epoch: Epoch(self.epoch) };
        let progress = Arc::new(Progress::default());
        let (tx, batches) = async_channel::bounded(BATCHES);
        let assigned = Assigned {
            assignment,
            progress: progress.clone(),
            batches: tx,
            pending: Vec::new(),
            next: i64::MIN,
            reset: None,
            silence: Silence::begin(Instant::now()),
            paused,
            revoking: false,
        };
        self.partitions.insert(partition, assigned);
        AssignedPartition { assignment, progress, batches }
    }
}

impl Assigned {
    /// Hands over what is pending, if the queue has room.
    pub(crate) fn flush(&mut self) {
        if self.pending.is_empty() || self.revoking {
            return;
        }
        let batch = std::mem::take(&mut self.pending);
        let count = batch.len();
        // Counted before it can be taken out again at the other end.
        self.progress.enqueued(count);
        match self.batches.try_send(batch) {
            Ok(()) => {}
            Err(async_channel::TrySendError::Full(batch) | async_channel::TrySendError::Closed(batch)) => {
                self.progress.dequeued(count);
                self.pending = batch;
            }
        }
    }

    /// Records that were read and wait for their window.
    pub(crate) fn waiting(&self) -> u64 {
        self.progress.queued() + self.pending.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use drakkar_core::ids::Offset;

    use super::*;

    fn record(offset: i64) -> Record {
        Record {
            topic: "t".into(),
            partition: PartitionId(0),
            offset: Offset(offset),
            timestamp_ms: None,
            key: None,
            value: None,
            headers: Vec::new(),
        }
    }

    #[test]
    fn what_does_not_fit_waits_and_goes_as_one_batch() {
        let mut assignments = Assignments::default();
        let queue = assignments.add(&[0]).remove(0);
        let assigned = assignments.get_mut(0).unwrap();
        let batches = BATCHES as i64;
        for n in 0..batches + 3 {
            assigned.pending.push(record(n));
            assigned.flush();
        }
        assert_eq!((assigned.pending.len(), assigned.progress.queued()), (3, BATCHES as u64));
        assert_eq!(assigned.waiting(), BATCHES as u64 + 3);
        let mut offsets = Vec::new();
        while let Ok(batch) = queue.batches.try_recv() {
            offsets.extend(batch.iter().map(|r| r.offset.0));
            assigned.flush();
        }
        assert_eq!(offsets, (0..batches + 3).collect::<Vec<_>>());
    }

    #[test]
    fn each_assignment_has_an_epoch_and_a_progress_of_its_own() {
        let ledger = ByteLedger::new(1_000);
        let mut assignments = Assignments::default();
        let first = assignments.add(&[0, 1]);
        assert_eq!(first[0].assignment.epoch, first[1].assignment.epoch);
        assert!(assignments.add(&[]).is_empty() && assignments.add(&[1]).is_empty(), "nothing new");
        let pending = record(1);
        ledger.take(pending.size());
        assignments.get_mut(0).unwrap().pending.push(pending);
        assert_eq!(assignments.remove(0, &ledger), Some((first[0].assignment, false)));
        assert_eq!(assignments.remove(0, &ledger), None);
        assert_eq!(ledger.held(), 0, "what was not handed over is given back");
        let second = assignments.add(&[0]).remove(0);
        assert_eq!(second.assignment.epoch.0, first[0].assignment.epoch.0 + 1);
        first[0].progress.advance(Offset(9));
        assert_eq!(second.progress.watermark(), None);
    }

    #[test]
    fn a_restart_keeps_the_pause_and_changes_the_epoch() {
        let ledger = ByteLedger::new(1_000);
        let mut assignments = Assignments::default();
        let first = assignments.add(&[3]).remove(0);
        assignments.get_mut(3).unwrap().paused = true;
        let (old, second) = assignments.restart(3, &ledger).unwrap();
        assert_eq!(old, first.assignment);
        assert!(second.assignment.epoch > old.epoch);
        assert!(assignments.get(3).unwrap().paused);
        assert!(first.batches.is_closed() && !second.batches.is_closed());
    }
}
