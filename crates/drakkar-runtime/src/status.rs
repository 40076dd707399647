//! The state of a running worker, for whoever wants to look: ledgers, ages, readiness.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use drakkar_core::{
    bytes_in_hand::ByteLedger,
    ids::{Assignment, Time},
    ledger::Ledger,
};

use crate::clock::Clock;

/// What one partition reports of itself.
#[derive(Debug, Default)]
pub(crate) struct PartitionReport {
    ledger: Mutex<Ledger>,
    /// When the oldest unsettled message came in, in microseconds; `u64::MAX` for none.
    oldest: AtomicU64,
    pub(crate) braked: AtomicBool,
}

impl PartitionReport {
    pub(crate) fn update(&self, ledger: Ledger, oldest: Option<Time>) {
        *lock(&self.ledger) = ledger;
        self.oldest.store(oldest.map_or(u64::MAX, |t| t.0), Ordering::Relaxed);
    }

    pub(crate) fn ledger(&self) -> Ledger {
        *lock(&self.ledger)
    }
}

/// One assigned partition, as seen from outside.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PartitionStatus {
    /// Which.
    pub assignment: Assignment,
    /// What became of its messages so far.
    pub ledger: Ledger,
    /// How long the oldest message that is not settled has been in the worker.
    pub oldest: Option<Duration>,
    /// Whether it stopped because too many messages were dead-lettered.
    pub braked: bool,
}

/// Why a worker is not ready.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum NotReady {
    /// It has not been given its partitions yet.
    Starting,
    /// It is stopping.
    Stopping,
    /// Messages wait in Kafka, but none comes.
    SourceStalled,
    /// A dead letter cannot be written.
    DeadLettersStalled,
    /// This partition stopped because too many messages were dead-lettered.
    Braked(Assignment),
}

impl fmt::Display for NotReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotReady::Starting => f.write_str("starting"),
            NotReady::Stopping => f.write_str("stopping"),
            NotReady::SourceStalled => f.write_str("source_stalled"),
            NotReady::DeadLettersStalled => f.write_str("dead_letters_stalled"),
            NotReady::Braked(assignment) => write!(f, "partition_{}_stopped", assignment.partition),
        }
    }
}

/// The state of a running worker.
#[derive(Debug)]
pub struct Status {
    live: Mutex<BTreeMap<Assignment, Arc<PartitionReport>>>,
    finished: Mutex<Ledger>,
    lost: AtomicU64,
    not_ready: Mutex<BTreeSet<NotReady>>,
    bytes: Arc<ByteLedger>,
    clock: Clock,
}

impl Status {
    pub(crate) fn new(bytes: Arc<ByteLedger>, clock: Clock) -> Self {
        Self {
            live: Mutex::default(),
            finished: Mutex::default(),
            lost: AtomicU64::new(0),
            not_ready: Mutex::new([NotReady::Starting].into()),
            bytes,
            clock,
        }
    }

    /// What became of all messages so far.
    pub fn ledger(&self) -> Ledger {
        let live = lock(&self.live);
        let mut sum = *lock(&self.finished);
        for report in live.values() {
            sum += report.ledger();
        }
        sum
    }

    /// The assigned partitions.
    pub fn partitions(&self) -> Vec<PartitionStatus> {
        let now = self.clock.now();
        let status = |(assignment, report): (&Assignment, &Arc<PartitionReport>)| {
            let oldest = report.oldest.load(Ordering::Relaxed);
            PartitionStatus {
                assignment: *assignment,
                ledger: report.ledger(),
                oldest: (oldest != u64::MAX).then(|| now.since(Time(oldest))),
                braked: report.braked.load(Ordering::Relaxed),
            }
        };
        lock(&self.live).iter().map(status).collect()
    }

    /// How long the oldest message that is not settled has been in the worker, over all partitions.
    pub fn oldest_unsettled(&self) -> Option<Duration> {
        self.partitions().into_iter().filter_map(|p| p.oldest).max()
    }

    /// Offsets that were gone from the broker before they could be read.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// The bytes in hand.
    pub fn bytes(&self) -> &ByteLedger {
        &self.bytes
    }

    /// Why the worker is not ready; nothing when it is.
    pub fn not_ready(&self) -> Vec<NotReady> {
        let mut reasons: Vec<_> = lock(&self.not_ready).iter().cloned().collect();
        let braked = self.partitions().into_iter().filter(|p| p.braked);
        reasons.extend(braked.map(|p| NotReady::Braked(p.assignment)));
        reasons
    }

    /// Whether the worker is ready: it has joined its group and nothing keeps it from working.
    pub fn is_ready(&self) -> bool {
        self.not_ready().is_empty()
    }

    pub(crate) fn set(&self, reason: NotReady, holds: bool) {
        let mut reasons = lock(&self.not_ready);
        if holds {
            reasons.insert(reason);
        } else {
            reasons.remove(&reason);
        }
    }

    pub(crate) fn add_lost(&self, offsets: u64) {
        self.lost.fetch_add(offsets, Ordering::Relaxed);
    }

    pub(crate) fn start(&self, assignment: Assignment) -> Arc<PartitionReport> {
        let report = Arc::new(PartitionReport::default());
        report.update(Ledger::default(), None);
        lock(&self.live).insert(assignment, report.clone());
        report
    }

    pub(crate) fn ledger_of(&self, assignment: Assignment) -> Ledger {
        lock(&self.live).get(&assignment).map_or_else(Ledger::default, |report| report.ledger())
    }

    pub(crate) fn finish(&self, assignment: Assignment, ledger: Ledger) {
        let mut live = lock(&self.live);
        live.remove(&assignment);
        *lock(&self.finished) += ledger;
    }
}

/// Locks a mutex whose holders never panic.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use drakkar_core::ids::{Epoch, PartitionId};

    use super::*;

    #[test]
    fn readiness_names_every_reason() {
        let status = Status::new(Arc::new(ByteLedger::new(1)), Clock::start());
        assert_eq!(status.not_ready(), [NotReady::Starting]);
        status.set(NotReady::Starting, false);
        assert!(status.is_ready());
        status.set(NotReady::DeadLettersStalled, true);
        let assignment = Assignment { partition: PartitionId(3), epoch: Epoch(1) };
        status.start(assignment).braked.store(true, Ordering::Relaxed);
        let names: Vec<_> = status.not_ready().iter().map(ToString::to_string).collect();
        assert_eq!(names, ["dead_letters_stalled", "partition_3_stopped"]);
        status.finish(assignment, Ledger::default());
        assert_eq!(status.not_ready(), [NotReady::DeadLettersStalled]);
    }

    #[test]
    fn ledgers_of_partitions_that_ended_stay_in_the_sum() {
        let status = Status::new(Arc::new(ByteLedger::new(1)), Clock::start());
        let assignment = Assignment { partition: PartitionId(0), epoch: Epoch(1) };
        let mut ledger = Ledger::default();
        ledger.consume(2);
        status.start(assignment).update(ledger, Some(Time(0)));
        assert_eq!(status.ledger(), ledger);
        assert!(status.oldest_unsettled().is_some());
        status.finish(assignment, ledger);
        assert_eq!((status.ledger(), status.oldest_unsettled()), (ledger, None));
    }
}
