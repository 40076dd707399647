//! Performing commits: store what settled, then commit what is stored.

use drakkar_core::{
    ids::{Assignment, Offset},
    source::SourceEvent,
};
use rdkafka::{
    Offset as KafkaOffset, TopicPartitionList,
    consumer::Consumer,
    error::{KafkaResult, RDKafkaErrorCode},
};

use crate::{commit_queue, thread::SourceThread};

impl SourceThread {
    /// Reads how far the current assignments got, and commits when it is time.
    pub(crate) fn commit(&mut self) {
        for assigned in self.assignments.partitions.values() {
            if let Some(next) = assigned.progress.watermark() {
                self.commits.observe(assigned.assignment, next);
            }
        }
        let now = self.now();
        if self.commits.is_overdue(now) {
            let error = format!("no answer within {:?}", self.settings.commit_timeout);
            self.emit(SourceEvent::CommitFailed { error, discarded: false });
        }
        let Some(offsets) = self.commits.poll(now) else { return };
        if let Err(error) = self.store_and_commit(&offsets) {
            self.commits.failed(now);
            self.emit(SourceEvent::CommitFailed { error: error.to_string(), discarded: false });
        }
    }

    fn store_and_commit(&mut self, offsets: &[(Assignment, Offset)]) -> KafkaResult<()> {
        let mut list = TopicPartitionList::with_capacity(offsets.len());
        for (assignment, offset) in offsets {
            let mut element = list.add_partition(&self.settings.topic, assignment.partition.0);
            element.set_offset(KafkaOffset::Offset(offset.0))?;
            // A stranger who reads the group's offsets can tell who committed what.
            element.set_metadata(format!(
                "drakkar/1 worker={} epoch={}",
                self.settings.worker, assignment.epoch
            ));
        }
        // It answers Ok when any partition of the list was stored: each element tells about itself.
        self.consumer.store_offsets(&list)?;
        for element in list.elements() {
            if let Err(error) = element.error() {
                tracing::warn!(category = "kafka", partition = element.partition(), %error, "an offset was not stored");
            }
        }
        commit_queue::commit_stored(&self.consumer)
    }

    /// The answer to a commit came.
    pub(crate) fn commit_failed(&mut self, code: RDKafkaErrorCode) {
        let now = self.now();
        let discarded = matches!(
            code,
            RDKafkaErrorCode::IllegalGeneration
                | RDKafkaErrorCode::UnknownMemberId
                | RDKafkaErrorCode::RebalanceInProgress
                | RDKafkaErrorCode::StaleMemberEpoch
                | RDKafkaErrorCode::FencedMemberEpoch
                | RDKafkaErrorCode::NoOffset
        );
        if discarded {
            self.commits.discarded(now);
        } else {
            self.commits.failed(now);
        }
        self.emit(SourceEvent::CommitFailed { error: code.to_string(), discarded });
    }
}
