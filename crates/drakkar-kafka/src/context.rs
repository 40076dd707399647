//! What librdkafka calls: everything is noted here and dealt with by the loop.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use drakkar_core::ids::{Offset, PartitionId};
use rdkafka::{
    ClientContext, Offset as KafkaOffset, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol},
    error::{KafkaError, KafkaResult, RDKafkaErrorCode},
    types::RDKafkaRespErr,
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
    Committed(Vec<(PartitionId, Offset)>),
    CommitFailed {
        code: RDKafkaErrorCode,
    },
    Error {
        error: KafkaError,
        reason: String,
    },
}

/// The consumer's context: a queue of notices.
#[derive(Debug, Default)]
pub(crate) struct Context {
    notices: Mutex<VecDeque<Notice>>,
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

    fn push(&self, notice: Notice) {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner).push_back(notice);
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, fac: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
                tracing::error!(category = "kafka", facility = fac, "{message}");
            }
            // Lost connections are reported as events; here they would come once per broker and attempt.
            _ => tracing::debug!(category = "kafka", facility = fac, "{message}"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.push(Notice::Error { error, reason: reason.to_owned() });
    }
}

impl ConsumerContext for Context {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, err: RDKafkaRespErr, list: &mut TopicPartitionList) {
        if self.closing.load(Ordering::Acquire) {
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
            return;
        }
        let partitions = list.elements().iter().map(|e| e.partition()).collect();
        match err {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => self.push(Notice::Assign(partitions)),
            _ => self.push(Notice::Revoke { partitions, lost: consumer.assignment_lost() }),
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, offsets: &TopicPartitionList) {
        let failed = offsets.elements().iter().find_map(|e| match e.error() {
            Err(KafkaError::OffsetFetch(code)) => Some(code),
            Err(error) => error.rdkafka_error_code(),
            Ok(()) => None,
        });
        let code = match result {
            Err(error) => error.rdkafka_error_code().or(Some(RDKafkaErrorCode::Unknown)),
            Ok(()) => failed,
        };
        self.push(match code {
            Some(code) => Notice::CommitFailed { code },
            None => Notice::Committed(
                offsets
                    .elements()
                    .iter()
                    .filter_map(|e| match e.offset() {
                        KafkaOffset::Offset(o) => Some((PartitionId(e.partition()), Offset(o))),
                        _ => None,
                    })
                    .collect(),
            ),
        });
    }
}
