//! Partitions that come and go.

use std::time::{Duration, Instant};

use drakkar_core::{
    error::Class,
    source::{SourceError, SourceEvent},
};
use rdkafka::{
    TopicPartitionList,
    consumer::{Consumer, RebalanceProtocol},
    error::KafkaResult,
};

use crate::thread::SourceThread;

/// Time for the last commit of partitions that go.
const LAST_COMMIT: Duration = Duration::from_secs(2);

/// Partitions that are being taken away: their work drains, then their offsets are committed, then they are let go.
#[derive(Debug)]
pub(crate) struct Revoking {
    partitions: Vec<i32>,
    deadline: Instant,
    /// The last commit was asked for; it is waited for until then.
    committing: Option<Instant>,
}

impl SourceThread {
    pub(crate) fn assign(&mut self, partitions: &[i32]) {
        let list = self.list(partitions);
        // An empty list has to be answered as well: until then librdkafka joins no further rebalance.
        let assigned = match self.consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => self.consumer.incremental_assign(&list),
            _ => self.consumer.assign(&list),
        };
        if let Err(error) = assigned {
            return self.fatal(format!("failed to take over partitions {partitions:?}: {error}"));
        }
        let added = self.assignments.add(partitions);
        if !added.is_empty() {
            self.emit(SourceEvent::Assigned(added));
        }
    }

    /// Partitions will go. Returns at once: [`SourceThread::revoke_step`] goes on with it.
    pub(crate) fn revoke(&mut self, partitions: Vec<i32>, lost: bool) {
        if lost {
            return self.let_go(&partitions, true);
        }
        let mut going = Vec::new();
        for partition in &partitions {
            if let Some(assigned) = self.assignments.partitions.get_mut(partition) {
                assigned.revoking = true;
                going.push(assigned.assignment);
            }
        }
        if !going.is_empty() {
            self.emit(SourceEvent::Revoking(going));
        }
        let deadline = Instant::now() + self.settings.rebalance_drain;
        self.revoking = Some(Revoking { partitions, deadline, committing: None });
    }

    /// Lets partitions go once they drained and their last commit was answered, or their time is over.
    pub(crate) fn revoke_step(&mut self) {
        let Some(revoking) = &mut self.revoking else { return };
        let now = Instant::now();
        if self.consumer.assignment_lost() {
            let partitions = std::mem::take(&mut revoking.partitions);
            self.revoking = None;
            return self.let_go(&partitions, true);
        }
        let going = || revoking.partitions.iter().filter_map(|p| self.assignments.partitions.get(p));
        match revoking.committing {
            None => {
                if going().all(|a| a.progress.is_drained()) || now >= revoking.deadline {
                    revoking.committing = Some(now + LAST_COMMIT);
                    self.commits.force();
                }
            }
            Some(until) => {
                if self.commits.is_clean(going().map(|a| a.assignment)) || now >= until {
                    let partitions = std::mem::take(&mut revoking.partitions);
                    self.revoking = None;
                    self.let_go(&partitions, false);
                }
            }
        }
    }

    fn let_go(&mut self, partitions: &[i32], lost: bool) {
        let left = self.unassign(partitions);
        let released = self.assignments.remove(partitions, &self.bytes);
        for assignment in &released {
            self.commits.remove(*assignment);
        }
        if !released.is_empty() {
            self.emit(SourceEvent::Released { assignments: released, lost });
        }
        if let Err(error) = left {
            self.fatal(format!("failed to let go of partitions {partitions:?}: {error}"));
        }
    }

    fn unassign(&self, partitions: &[i32]) -> KafkaResult<()> {
        match self.consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => self.consumer.incremental_unassign(&self.list(partitions)),
            _ => self.consumer.unassign(),
        }
    }

    pub(crate) fn list(&self, partitions: &[i32]) -> TopicPartitionList {
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for partition in partitions {
            list.add_partition(&self.settings.topic, *partition);
        }
        list
    }

    pub(crate) fn fatal(&mut self, message: String) {
        self.emit(SourceEvent::Fatal(SourceError { class: Class::Transient, message }));
        self.failed = true;
    }
}
