//! From librdkafka's message to ours.

use std::sync::Arc;

use bytes::Bytes;
use drakkar_core::{
    ids::{Offset, PartitionId},
    message::{Header, Record},
};
use rdkafka::{
    Message,
    message::{BorrowedMessage, Headers},
};

/// Copies a message out of librdkafka's memory.
pub(crate) fn record(topic: &Arc<str>, message: &BorrowedMessage<'_>) -> Record {
    let headers = message.headers().map_or_else(Vec::new, |headers| {
        headers
            .iter()
            .map(|h| Header { name: h.key.to_owned(), value: h.value.map(Bytes::copy_from_slice) })
            .collect()
    });
    Record {
        topic: topic.clone(),
        partition: PartitionId(message.partition()),
        offset: Offset(message.offset()),
        timestamp_ms: message.timestamp().to_millis(),
        key: message.key().map(Bytes::copy_from_slice),
        value: message.payload().map(Bytes::copy_from_slice),
        headers,
    }
}
