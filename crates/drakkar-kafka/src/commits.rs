//! Performing commits: store what settled, then commit what is stored.

use drakkar_core::{
    commit::CommitRequest,
    ids::{Assignment, Epoch, Offset, Time},
    source::SourceEvent,
};
use rdkafka::{
    Offset as KafkaOffset, TopicPartitionList,
    consumer::Consumer,
    error::{KafkaResult, RDKafkaErrorCode},
};

use crate::{classify, commit_queue, context::CommitAnswer, thread::SourceThread};

/// What a commit carries beside the offset: a stranger who reads the group's offsets can tell who committed what, and the
/// answer tells which assignment it is about.
pub(crate) fn metadata(worker: &str, epoch: Epoch) -> String {
    format!("drakkar/1 worker={worker} epoch={epoch}")
}

pub(crate) fn epoch_of(metadata: &str) -> Option<Epoch> {
    metadata.strip_prefix("drakkar/1 ")?.rsplit_once(" epoch=")?.1.parse().ok().map(Epoch)
}

impl SourceThread {
    /// Reads how far the current assignments got, and commits when it is time.
    pub(crate) fn commit(&mut self, now: Time) {
        for assigned in self.assignments.iter() {
            if let Some(next) = assigned.progress.watermark() {
                self.commits.observe(assigned.assignment, next);
            }
        }
        let late = self.commits.waiting_since().filter(|at| now.since(*at) >= self.settings.commit_timeout);
        if late.is_some() && self.late_commit != late {
            let error = format!("no answer within {:?}", self.settings.commit_timeout);
            self.outbox.emit(SourceEvent::CommitFailed { error, discarded: false });
        }
        self.late_commit = late;
        let Some(CommitRequest { offsets }) = self.commits.poll(now) else { return };
        if let Err(error) = self.store_and_commit(&offsets) {
            self.commits.failed(&offsets, now);
            self.outbox.emit(SourceEvent::CommitFailed { error: error.to_string(), discarded: false });
        }
    }

    fn store_and_commit(&mut self, offsets: &[(Assignment, Offset)]) -> KafkaResult<()> {
        let mut list = TopicPartitionList::with_capacity(offsets.len());
        for (assignment, offset) in offsets {
            let mut element = list.add_partition(&self.settings.topic, assignment.partition.0);
            element.set_offset(KafkaOffset::Offset(offset.0))?;
            element.set_metadata(metadata(&self.settings.worker, assignment.epoch));
        }
        // It answers Ok when any partition of the list was stored: each element tells about itself.
        self.consumer.store_offsets(&list)?;
        for (element, (assignment, _)) in list.elements().iter().zip(offsets) {
            if let Err(error) = element.error() {
                self.commits.refused(*assignment);
                self.outbox.trouble(format!(
                    "the offset of partition {} was not stored: {error}",
                    assignment.partition
                ));
            }
        }
        commit_queue::commit_stored(&self.consumer)
    }

    /// The answer to a commit came.
    pub(crate) fn commit_answered(&mut self, answer: CommitAnswer, now: Time) {
        let CommitAnswer { error, stored, failed } = answer;
        if !stored.is_empty() {
            let offsets = stored.iter().map(|(a, o)| (a.partition, *o)).collect();
            self.outbox.emit(SourceEvent::Committed(offsets));
        }
        match error {
            None => self.commits.succeeded(&stored, &[], now),
            // Nothing that is stored is higher than what the group has.
            Some(RDKafkaErrorCode::NoOffset) => self.commits.covered(),
            Some(code) => {
                let discarded = classify::is_discarded(code);
                if discarded {
                    self.commits.discarded(&failed, now);
                } else {
                    self.commits.succeeded(&stored, &failed, now);
                }
                self.outbox.emit(SourceEvent::CommitFailed { error: code.to_string(), discarded });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_epoch_is_found_whatever_the_worker_is_called() {
        assert_eq!(metadata("w1", Epoch(7)), "drakkar/1 worker=w1 epoch=7");
        assert_eq!(epoch_of(&metadata("w epoch=3", Epoch(7))), Some(Epoch(7)));
        for other in ["", "metadata of somebody else", "drakkar/2 worker=w epoch=7"] {
            assert_eq!(epoch_of(other), None);
        }
    }
}
