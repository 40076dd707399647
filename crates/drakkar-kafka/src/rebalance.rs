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
/// Assignments that may fail in a row before the source gives up.
const FAILURES: u32 = 3;

/// Partitions that are being taken away: their work drains, then their offsets are committed, then they are let go.
#[derive(Debug)]
pub(crate) struct Revoking {
    partitions: Vec<i32>,
    deadline: Instant,
    /// The last commit was asked for; it is waited for until then.
    committing: Option<Instant>,
}

/// How often taking over partitions failed, and whether the group is being left to join it again.
#[derive(Debug, Default)]
pub(crate) struct Rejoin {
    failures: u32,
    leaving: bool,
}

impl SourceThread {
    pub(crate) fn assign(&mut self, partitions: &[i32]) {
        let list = self.list(partitions.iter().copied());
        // An empty list has to be answered as well: until then librdkafka holds every fetch and joins no rebalance.
        let assigned = match self.consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => self.consumer.incremental_assign(&list),
            _ => self.consumer.assign(&list),
        };
        if let Err(error) = assigned {
            return self.leave_and_rejoin(format!("failed to take over partitions {partitions:?}: {error}"));
        }
        self.rejoin.failures = 0;
        let added = self.assignments.add(partitions);
        if !added.is_empty() {
            self.outbox.emit(SourceEvent::Assigned(added));
        }
    }

    /// The partitions would be read by nobody: leave, so that the group hands them out again.
    fn leave_and_rejoin(&mut self, why: String) {
        self.rejoin.failures += 1;
        if self.rejoin.failures > FAILURES {
            return self.fatal(Class::Transient, why);
        }
        self.outbox.trouble(format!("{why}; leaving the group to join it again"));
        // The rebalance under way has to be answered before another one can start.
        let nothing = TopicPartitionList::new();
        let answered = match self.consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => self.consumer.incremental_assign(&nothing),
            _ => self.consumer.unassign(),
        };
        if let Err(error) = answered {
            return self.fatal(Class::Transient, format!("failed to answer a rebalance: {error}"));
        }
        self.consumer.unsubscribe();
        self.rejoin.leaving = true;
    }

    /// Joins the group again once everything was given back.
    pub(crate) fn rejoin_step(&mut self) {
        if self.rejoin.leaving && self.assignments.is_empty() && self.revoking.is_none() {
            self.rejoin.leaving = false;
            self.subscribe();
        }
    }

    pub(crate) fn subscribe(&mut self) {
        if let Err(error) = self.consumer.subscribe(&[&self.settings.topic]) {
            let topic = &self.settings.topic;
            self.fatal(Class::Config, format!("failed to subscribe to topic `{topic}`: {error}"));
        }
    }

    /// Partitions will go. Returns at once: [`SourceThread::revoke_step`] goes on with it.
    pub(crate) fn revoke(&mut self, partitions: Vec<i32>, lost: bool) {
        let mut going = Vec::new();
        for partition in &partitions {
            if let Some(assigned) = self.assignments.get_mut(*partition) {
                assigned.revoking = true;
                going.push(assigned.assignment);
            }
        }
        if lost || going.is_empty() {
            return self.let_go(&partitions, lost);
        }
        self.outbox.emit(SourceEvent::Revoking(going));
        let deadline = Instant::now() + self.settings.rebalance_drain;
        self.revoking = Some(Revoking { partitions, deadline, committing: None });
    }

    /// Lets partitions go once they drained and their last commit was answered, or their time is over.
    pub(crate) fn revoke_step(&mut self, now: Instant) {
        let Some(mut revoking) = self.revoking.take() else { return };
        if self.consumer.assignment_lost() {
            return self.let_go(&revoking.partitions, true);
        }
        let assignments = &self.assignments;
        let mut going = revoking.partitions.iter().filter_map(|p| assignments.get(*p));
        match revoking.committing {
            None => {
                // Whoever closes the source has drained it before.
                let drained = self.control.closing() || going.all(|a| a.progress.is_drained());
                if drained || now >= revoking.deadline {
                    revoking.committing = Some(now + LAST_COMMIT);
                    // The commit follows in this very turn, before anyone asks whether it was answered.
                    self.commits.force();
                }
            }
            Some(until) => {
                if self.commits.is_clean(going.map(|a| a.assignment)) || now >= until {
                    return self.let_go(&revoking.partitions, false);
                }
            }
        }
        self.revoking = Some(revoking);
    }

    fn let_go(&mut self, partitions: &[i32], lost: bool) {
        // A consumer that another one takes the place of may be stuck, and is asked nothing more.
        let rebuilding = self.watchdog.rebuilding;
        let left = if rebuilding { Ok(()) } else { self.unassign(partitions) };
        let (mut released, mut paused) = (Vec::new(), Vec::new());
        for partition in partitions {
            let Some((assignment, was_paused)) = self.assignments.remove(*partition, &self.bytes) else {
                continue;
            };
            self.commits.remove(assignment);
            released.push(assignment);
            if was_paused {
                paused.push(*partition);
            }
        }
        // A pause outlives the assignment: a partition that comes back would stay silent for ever. Behind the unassign
        // this starts no fetch.
        if !rebuilding
            && !paused.is_empty()
            && let Err(error) = self.consumer.resume(&self.list(paused))
        {
            self.outbox.trouble(format!("failed to resume partitions that went: {error}"));
        }
        if !released.is_empty() {
            self.outbox.emit(SourceEvent::Released { assignments: released, lost });
        }
        if let Err(error) = left {
            self.fatal(Class::Transient, format!("failed to let go of partitions {partitions:?}: {error}"));
        }
        if rebuilding && !self.control.closing() {
            self.replace_consumer();
        }
    }

    fn unassign(&self, partitions: &[i32]) -> KafkaResult<()> {
        if !matches!(self.consumer.rebalance_protocol(), RebalanceProtocol::Cooperative) {
            return self.consumer.unassign();
        }
        self.consumer.incremental_unassign(&self.list(partitions.iter().copied())).or_else(|_| {
            // It refuses the whole list for a single partition that is not assigned.
            let mine = self.consumer.assignment()?;
            let mine: Vec<i32> = mine.elements().iter().map(|e| e.partition()).collect();
            let list = self.list(partitions.iter().copied().filter(|p| mine.contains(p)));
            self.consumer.incremental_unassign(&list)
        })
    }

    pub(crate) fn list(&self, partitions: impl IntoIterator<Item = i32>) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            list.add_partition(&self.settings.topic, partition);
        }
        list
    }

    pub(crate) fn fatal(&mut self, class: Class, message: String) {
        if !self.failed {
            self.outbox.emit(SourceEvent::Fatal(SourceError { class, message }));
        }
        self.failed = true;
    }
}
