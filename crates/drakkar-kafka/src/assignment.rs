//! The partitions that are assigned now, and when each is paused.

use std::{collections::BTreeMap, sync::Arc};

use drakkar_core::{
    bytes_in_hand::ByteLedger,
    ids::{Assignment, Epoch, PartitionId},
    message::Record,
    source::{AssignedPartition, Progress},
};

/// Batches that may wait in a partition's queue; records beyond that wait in `pending`, and the partition pauses.
const BATCHES: usize = 256;

/// One assigned partition.
#[derive(Debug)]
pub(crate) struct Assigned {
    pub(crate) assignment: Assignment,
    pub(crate) progress: Arc<Progress>,
    pub(crate) batches: async_channel::Sender<Vec<Record>>,
    /// Records that were not handed over yet.
    pub(crate) pending: Vec<Record>,
    /// The lowest offset that was not handed over: what comes again below it is left out.
    pub(crate) next: i64,
    pub(crate) paused: bool,
    /// It is being taken away: nothing more is handed over.
    pub(crate) revoking: bool,
}

/// All assigned partitions, by number.
#[derive(Debug, Default)]
pub(crate) struct Assignments {
    epoch: u32,
    pub(crate) partitions: BTreeMap<i32, Assigned>,
}

impl Assignments {
    /// Adds partitions under a new epoch. A partition that is assigned already is left as it is.
    pub(crate) fn add(&mut self, partitions: &[i32]) -> Vec<AssignedPartition> {
        self.epoch += 1;
        let mut added = Vec::new();
        for &partition in partitions {
            if self.partitions.contains_key(&partition) {
                continue;
            }
            let assignment = Assignment { partition: PartitionId(partition), epoch: Epoch(self.epoch) };
            let progress = Arc::new(Progress::default());
            let (tx, batches) = async_channel::bounded(BATCHES);
            added.push(AssignedPartition { assignment, progress: progress.clone(), batches });
            let assigned = Assigned {
                assignment,
                progress,
                batches: tx,
                pending: Vec::new(),
                next: i64::MIN,
                paused: false,
                revoking: false,
            };
            self.partitions.insert(partition, assigned);
        }
        added
    }

    /// Removes partitions; what was not handed over is read again by whoever gets them.
    pub(crate) fn remove(&mut self, partitions: &[i32], bytes: &ByteLedger) -> Vec<Assignment> {
        let removed = partitions.iter().filter_map(|p| self.partitions.remove(p));
        removed
            .map(|assigned| {
                bytes.give(assigned.pending.iter().map(Record::size).sum());
                assigned.assignment
            })
            .collect()
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

    /// Whether it should be paused now, given the most records that may wait.
    ///
    /// The mark to resume is half of the mark to pause: each edge throws away what was prefetched.
    pub(crate) fn wants_pause(&self, hold_all: bool, most: usize) -> bool {
        let waiting = self.progress.queued() as usize + self.pending.len();
        let mark = if self.paused { most / 2 } else { most };
        hold_all || self.revoking || !self.pending.is_empty() || waiting > mark || waiting >= most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one() -> (Assigned, AssignedPartition) {
        let mut assignments = Assignments::default();
        let added = assignments.add(&[0]).remove(0);
        (assignments.partitions.remove(&0).unwrap(), added)
    }

    fn record(offset: i64) -> Record {
        Record {
            topic: "t".into(),
            partition: PartitionId(0),
            offset: drakkar_core::ids::Offset(offset),
            timestamp_ms: None,
            key: None,
            value: None,
            headers: Vec::new(),
        }
    }

    #[test]
    fn pauses_at_the_mark_and_resumes_at_half_of_it() {
        let (mut assigned, _queue) = one();
        assigned.progress.enqueued(9);
        assert!(!assigned.wants_pause(false, 10));
        assigned.progress.enqueued(1);
        assert!(assigned.wants_pause(false, 10));
        assigned.paused = true;
        assigned.progress.dequeued(4);
        assert!(assigned.wants_pause(false, 10));
        assigned.progress.dequeued(1);
        assert!(!assigned.wants_pause(false, 10));
    }

    #[test]
    fn what_does_not_fit_waits_and_pauses() {
        let (mut assigned, queue) = one();
        for n in 0..=BATCHES as i64 {
            assigned.pending.push(record(n));
            assigned.flush();
        }
        assert_eq!((assigned.pending.len(), assigned.progress.queued()), (1, BATCHES as u64));
        assert!(assigned.wants_pause(false, usize::MAX));
        queue.batches.try_recv().unwrap();
        assigned.flush();
        assert!(assigned.pending.is_empty());
    }

    #[test]
    fn a_partition_assigned_again_gets_a_new_epoch_and_a_new_progress() {
        let mut assignments = Assignments::default();
        let bytes = ByteLedger::new(1);
        let first = assignments.add(&[0]).remove(0);
        assert_eq!(assignments.remove(&[0, 7], &bytes), [first.assignment]);
        let second = assignments.add(&[0]).remove(0);
        assert!(second.assignment.epoch > first.assignment.epoch);
        first.progress.advance(drakkar_core::ids::Offset(9));
        assert_eq!(second.progress.watermark(), None);
    }
}
