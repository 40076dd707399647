//! An asynchronous commit whose answer comes back.
//!
//! `rdkafka` 0.39 receives librdkafka's callbacks as events, and librdkafka sends no event for a plain asynchronous commit:
//! its outcome would never be known. `rd_kafka_commit_queue` names the queue for the answer; named is the queue that the
//! consumer polls, so that the answer arrives as `commit_callback`.
#![expect(unsafe_code, reason = "rdkafka has no safe call for rd_kafka_commit_queue")]

use std::ptr;

use rdkafka::{
    bindings::{rd_kafka_commit_queue, rd_kafka_queue_destroy, rd_kafka_queue_get_consumer},
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, KafkaResult},
    types::RDKafkaRespErr,
};

use crate::context::Context;

/// Commits everything that is stored. The answer comes through the context.
pub(crate) fn commit_stored(consumer: &BaseConsumer<Context>) -> KafkaResult<()> {
    let client = consumer.client().native_ptr();
    // SAFETY: `client` is a live consumer handle for as long as `consumer` is borrowed.
    let queue = unsafe { rd_kafka_queue_get_consumer(client) };
    if queue.is_null() {
        return Err(KafkaError::ConsumerCommit(rdkafka::error::RDKafkaErrorCode::UnknownGroup));
    }
    // SAFETY: both handles are live; null offsets mean the stored ones; without a callback the answer is an event. The
    // operation keeps a reference of its own to the queue, so ours can be given back at once.
    let error = unsafe {
        let error = rd_kafka_commit_queue(client, ptr::null(), queue, None, ptr::null_mut());
        rd_kafka_queue_destroy(queue);
        error
    };
    match error {
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(()),
        error => Err(KafkaError::ConsumerCommit(error.into())),
    }
}
