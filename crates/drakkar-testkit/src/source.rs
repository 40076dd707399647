//! A source in memory: everything is assigned at once and handed over in order.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use drakkar_core::{
    bytes_in_hand::ByteLedger,
    ids::{Assignment, Epoch, PartitionId},
    message::Record,
    source::{AssignedPartition, Progress, SourceControl, SourceEvent, SourceHandle},
};

/// Records per batch.
const BATCH: usize = 100;

/// Hands over its records after `subscribe`, and ends after `close`.
#[derive(Debug)]
pub(crate) struct MemorySource {
    records: Mutex<BTreeMap<PartitionId, Vec<Record>>>,
    progress: Mutex<BTreeMap<PartitionId, Arc<Progress>>>,
    events: async_channel::Sender<SourceEvent>,
    bytes: Arc<ByteLedger>,
}

impl MemorySource {
    pub(crate) fn open(
        records: BTreeMap<PartitionId, Vec<Record>>,
        bytes: Arc<ByteLedger>,
    ) -> (Arc<Self>, SourceHandle) {
        let (tx, events) = async_channel::bounded(16);
        let source =
            Arc::new(Self { records: Mutex::new(records), progress: Mutex::default(), events: tx, bytes });
        (source.clone(), SourceHandle { events, control: source })
    }

    /// How far each partition got.
    pub(crate) fn progress(&self) -> BTreeMap<PartitionId, Arc<Progress>> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn emit(&self, event: SourceEvent) {
        // The channel holds more events than this source ever emits; a closed one means that nobody listens any more.
        self.events.try_send(event).unwrap_or_default();
    }
}

impl SourceControl for MemorySource {
    fn subscribe(&self) {
        let records = std::mem::take(&mut *self.records.lock().unwrap_or_else(PoisonError::into_inner));
        let mut assigned = Vec::new();
        for (partition, records) in records {
            let (tx, batches) = async_channel::bounded(records.len().div_ceil(BATCH).max(1));
            let progress = Arc::new(Progress::default());
            progress.enqueued(records.len());
            self.bytes.take(records.iter().map(Record::size).sum());
            for batch in records.chunks(BATCH) {
                tx.try_send(batch.to_vec()).expect("the channel has room for every batch");
            }
            let assignment = Assignment { partition, epoch: Epoch(1) };
            self.progress.lock().unwrap_or_else(PoisonError::into_inner).insert(partition, progress.clone());
            assigned.push(AssignedPartition { assignment, progress, batches });
        }
        self.emit(SourceEvent::Assigned(assigned));
    }

    fn stop_intake(&self) {}

    fn close(&self) {
        let epoch = Epoch(1);
        let assignments = self.progress().keys().map(|&partition| Assignment { partition, epoch }).collect();
        self.emit(SourceEvent::Released { assignments, lost: false });
        self.emit(SourceEvent::Closed { orderly: true });
    }
}
