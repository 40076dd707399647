//! What librdkafka calls: everything is noted here and dealt with by the loop.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use drakkar_core::ids::{Assignment, Offset, PartitionId};
use rdkafka::{
    ClientContext, Offset as KafkaOffset, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol},
    error::{KafkaError, KafkaResult, RDKafkaErrorCode},
    types::RDKafkaRespErr,
};

use crate::{
    commits::epoch_of,
    lost::{self, Reset},
};

/// Something librdkafka told us.
#[derive(Debug)]
pub(crate) enum Notice {
    Assign(Vec<i32>),
    Revoke {
        partitions: Vec<i32>,
        /// The group took them already: nothing may be committed any more.
        lost: bool,
    },
    Commit(CommitAnswer),
    Error {
        code: RDKafkaErrorCode,
        reason: String,
    },
}

/// The answer to a commit.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct CommitAnswer {
    /// Why the whole commit failed, or the last part of it that did.
    pub(crate) error: Option<RDKafkaErrorCode>,
    pub(crate) stored: Vec<(Assignment, Offset)>,
    pub(crate) failed: Vec<(Assignment, Offset)>,
}

/// The consumer's context: a queue of notices.
#[derive(Debug, Default)]
pub(crate) struct Context {
    notices: Mutex<VecDeque<Notice>>,
    resets: Mutex<VecDeque<Reset>>,
    closing: AtomicBool,
}

impl Context {
    /// From now on rebalances are answered inside the callback: nobody looks at the notices any more.
    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::Release);
    }

    pub(crate) fn take(&self) -> Option<Notice> {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    /// The next offset that was not there.
    pub(crate) fn take_reset(&self) -> Option<Reset> {
        self.resets.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    fn push(&self, notice: Notice) {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner).push_back(notice);
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        // As a line of debugging it is also there for a group that begins.
        let warns =
            !matches!(level, RDKafkaLogLevel::Debug | RDKafkaLogLevel::Info | RDKafkaLogLevel::Notice);
        if let Some(reset) = lost::reset(facility, message).filter(|_| warns) {
            self.resets.lock().unwrap_or_else(PoisonError::into_inner).push_back(reset);
        }
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
                tracing::error!(target: "drakkar::kafka::librdkafka", category = "kafka", facility, "{message}");
            }
            // Lost connections are reported as events; here they would come once per broker and attempt.
            _ => {
                tracing::debug!(target: "drakkar::kafka::librdkafka", category = "kafka", facility, "{message}")
            }
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown);
        self.push(Notice::Error { code, reason: reason.to_owned() });
    }
}

impl ConsumerContext for Context {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, err: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let known = matches!(
            err,
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS
                | RDKafkaRespErr::RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS
        );
        if self.closing.load(Ordering::Acquire) || !known {
            // Answered here and now: a close that waits for this would wait for ever.
            let left = match consumer.rebalance_protocol() {
                RebalanceProtocol::Cooperative
                    if err == RDKafkaRespErr::RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS =>
                {
                    consumer.incremental_unassign(list)
                }
                _ => consumer.unassign(),
            };
            if let Err(error) = left {
                tracing::debug!(category = "kafka", %error, "failed to let go of partitions while closing");
            }
        }
        let partitions = list.elements().iter().map(|e| e.partition()).collect();
        self.push(match err {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => Notice::Assign(partitions),
            _ => Notice::Revoke { partitions, lost: consumer.assignment_lost() },
        });
    }

    fn commit_callback(&self, result: KafkaResult<()>, offsets: &TopicPartitionList) {
        self.push(Notice::Commit(answer(&result, offsets)));
    }
}

/// What a commit's answer says about each partition. What was left out of the commit has no offset there.
fn answer(result: &KafkaResult<()>, offsets: &TopicPartitionList) -> CommitAnswer {
    let code = |e: &KafkaError| e.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown);
    let mut answer = CommitAnswer { error: result.as_ref().err().map(code), ..CommitAnswer::default() };
    for element in offsets.elements() {
        let KafkaOffset::Offset(offset) = element.offset() else { continue };
        let Some(epoch) = epoch_of(element.metadata()) else { continue };
        let pair = (Assignment { partition: PartitionId(element.partition()), epoch }, Offset(offset));
        match element.error() {
            Ok(()) => answer.stored.push(pair),
            Err(error) => {
                answer.error.get_or_insert(code(&error));
                answer.failed.push(pair);
            }
        }
    }
    // Nothing was stored where the error is about the whole commit and not one partition has an error of its own.
    if answer.error.is_some() && answer.failed.is_empty() {
        answer.failed = std::mem::take(&mut answer.stored);
    }
    answer
}

#[cfg(test)]
mod tests {
    use drakkar_core::ids::Epoch;

    use super::*;
    use crate::commits::metadata;

    fn sent(offsets: &[(i32, Option<i64>)]) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for (partition, offset) in offsets {
            let mut element = list.add_partition("in", *partition);
            element.set_offset(offset.map_or(KafkaOffset::Invalid, KafkaOffset::Offset)).unwrap();
            element.set_metadata(metadata("w epoch=9", Epoch(4)));
        }
        list
    }

    fn pair(partition: i32, offset: i64) -> (Assignment, Offset) {
        (Assignment { partition: PartitionId(partition), epoch: Epoch(4) }, Offset(offset))
    }

    #[test]
    fn an_answer_names_the_assignments_it_is_about() {
        let answer = answer(&Ok(()), &sent(&[(0, Some(5)), (1, None)]));
        assert_eq!(answer, CommitAnswer { error: None, stored: vec![pair(0, 5)], failed: Vec::new() });
    }

    #[test]
    fn an_error_about_the_whole_commit_stored_nothing() {
        let error = Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::IllegalGeneration));
        let answer = answer(&error, &sent(&[(0, Some(5))]));
        assert_eq!(answer.error, Some(RDKafkaErrorCode::IllegalGeneration));
        assert_eq!((answer.stored, answer.failed), (Vec::new(), vec![pair(0, 5)]));
    }
}
