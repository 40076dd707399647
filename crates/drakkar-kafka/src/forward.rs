//! From librdkafka's messages to batches of records.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use drakkar_core::{
    ids::{Offset, PartitionId},
    message::{Header, Record},
    source::SourceEvent,
};
use rdkafka::{
    Message,
    consumer::BaseConsumer,
    error::KafkaError,
    message::{BorrowedMessage, Headers},
};

use crate::{context::Context, lost, thread::SourceThread, watchdog::Silence};

/// Most bytes of keys and values that share one allocation: what a slow record keeps alive beside itself.
const CHUNK: usize = 64 * 1024;
/// Most bytes taken in one turn, and no more than the byte budget has room for; a single larger message still comes.
const TURN_BYTES: u64 = 4 << 20;
/// The longest time to take records in one turn.
const TURN: Duration = Duration::from_millis(5);
/// Messages between two looks at the clock.
const CLOCK_EVERY: usize = 256;

impl SourceThread {
    /// Takes what is there, after waiting for the first message, and puts it before the partitions' queues.
    pub(crate) fn poll(&mut self, wait: Duration, most: usize) {
        let room = self.bytes.room().clamp(1, TURN_BYTES);
        let (messages, error) = take(&self.consumer, wait, most, room);
        lost::note_resets(&self.consumer, &mut self.assignments, &mut self.outbox);
        let accepts = !self.control.intake_stopped();
        let mut heard = false;
        let now = Instant::now();
        let runs = messages.chunk_by(|a, b| a.partition() == b.partition() && a.offset() < b.offset());
        for run in runs.filter(|_| accepts) {
            let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
            let partition = first.partition();
            let Some(mut assigned) = self.assignments.get_mut(partition) else { continue };
            if assigned.revoking {
                continue;
            }
            if first.offset() < assigned.next {
                // What lies below was read already, so these are other messages: the log was cut off, or the topic was made
                // anew. Work on the old ones goes on nowhere, and offsets start again under a new epoch.
                let before = assigned.next;
                let Some((old, fresh)) = self.assignments.restart(partition, &self.bytes) else { continue };
                self.commits.remove(old);
                self.outbox.emit(SourceEvent::Released { assignments: vec![old], lost: true });
                self.outbox.emit(SourceEvent::Assigned(vec![fresh]));
                self.outbox.trouble(format!(
                    "partition {partition} went back from offset {before} to {}: its log was truncated or its topic \
                     recreated; work on its old messages is dropped",
                    first.offset()
                ));
                let Some(again) = self.assignments.get_mut(partition) else { continue };
                assigned = again;
            }
            if let Some(at) = assigned.reset
                && let Some(first) = run.iter().map(BorrowedMessage::offset).find(|offset| *offset >= at)
                && let Some(event) = lost::lost(&self.consumer, &self.settings.topic, assigned, Some(first))
            {
                self.outbox.emit(event);
            }
            assigned.next = last.offset() + 1;
            assigned.silence = Silence::begin(now);
            heard = true;
            let before = assigned.pending.len();
            copy(&self.topic, run, &mut assigned.pending);
            self.bytes.take(assigned.pending[before..].iter().map(Record::size).sum());
            assigned.flush();
            self.held |= !assigned.pending.is_empty();
            self.touched.push(partition);
        }
        drop(messages);
        if heard {
            self.heard();
        }
        if let Some(error) = error {
            self.poll_error(&error);
        }
    }
}

fn take(
    consumer: &BaseConsumer<Context>,
    mut wait: Duration,
    most: usize,
    room: u64,
) -> (Vec<BorrowedMessage<'_>>, Option<KafkaError>) {
    let mut messages = Vec::new();
    let mut bytes = 0u64;
    let mut started = None;
    while messages.len() < most && bytes < room {
        match consumer.poll(std::mem::take(&mut wait)) {
            None => break,
            Some(Ok(message)) => {
                if messages.is_empty() {
                    messages.reserve(most.min(CLOCK_EVERY));
                }
                bytes += (message.payload_len() + Record::OVERHEAD) as u64;
                messages.push(message);
            }
            Some(Err(error)) => return (messages, Some(error)),
        }
        if messages.len() % CLOCK_EVERY == 1 {
            let now = Instant::now();
            if now.duration_since(*started.get_or_insert(now)) > TURN {
                break;
            }
        }
    }
    (messages, None)
}

/// Copies messages of one partition out of librdkafka's memory. Keys and values share allocations, one per [`CHUNK`].
pub(crate) fn copy<M: Message>(topic: &Arc<str>, messages: &[M], into: &mut Vec<Record>) {
    into.reserve(messages.len());
    let mut rest = messages;
    while !rest.is_empty() {
        let mut size = 0;
        let fits = rest.iter().take_while(|m| {
            size += length(*m);
            size <= CHUNK
        });
        let (chunk, later) = rest.split_at(fits.count().max(1));
        rest = later;
        let mut shared = Vec::with_capacity(chunk.iter().map(length).sum());
        for part in chunk.iter().flat_map(|m| [m.key(), m.payload()]).flatten() {
            shared.extend_from_slice(part);
        }
        let shared = Bytes::from(shared);
        let mut at = 0;
        let mut next = |part: Option<&[u8]>| {
            part.map(|part| {
                at += part.len();
                shared.slice(at - part.len()..at)
            })
        };
        for message in chunk {
            into.push(Record {
                topic: topic.clone(),
                partition: PartitionId(message.partition()),
                offset: Offset(message.offset()),
                timestamp_ms: message.timestamp().to_millis(),
                key: next(message.key()),
                value: next(message.payload()),
                headers: message.headers().map_or_else(Vec::new, headers),
            });
        }
    }
}

fn length<M: Message>(message: &M) -> usize {
    message.key().map_or(0, <[u8]>::len) + message.payload().map_or(0, <[u8]>::len)
}

fn headers<H: Headers>(headers: &H) -> Vec<Header> {
    let copied = |value: Option<&[u8]>| value.map(Bytes::copy_from_slice);
    headers.iter().map(|h| Header { name: h.key.to_owned(), value: copied(h.value) }).collect()
}

#[cfg(test)]
mod tests {
    use rdkafka::{
        Timestamp,
        message::{OwnedHeaders, OwnedMessage},
    };

    use super::*;

    fn message(offset: i64, key: Option<&[u8]>, value: Option<Vec<u8>>) -> OwnedMessage {
        with_headers(offset, key, value, None)
    }

    fn with_headers(
        offset: i64,
        key: Option<&[u8]>,
        value: Option<Vec<u8>>,
        headers: Option<OwnedHeaders>,
    ) -> OwnedMessage {
        let (key, topic) = (key.map(<[u8]>::to_vec), "in".to_owned());
        OwnedMessage::new(value, key, topic, Timestamp::CreateTime(7), 3, offset, headers)
    }

    #[test]
    fn records_keep_key_value_tombstone_and_headers_apart() {
        let header = rdkafka::message::Header { key: "h", value: Some("x") };
        let messages = [
            message(1, Some(b"k"), Some(b"value".to_vec())),
            message(2, None, Some(Vec::new())),
            with_headers(5, Some(b""), None, Some(OwnedHeaders::new().insert(header))),
        ];
        let mut records = Vec::new();
        copy(&"in".into(), &messages, &mut records);
        let parts: Vec<_> =
            records.iter().map(|r| (r.offset.0, r.key.as_deref(), r.value.as_deref())).collect();
        assert_eq!(
            parts,
            [(1, Some(&b"k"[..]), Some(&b"value"[..])), (2, None, Some(&b""[..])), (5, Some(&b""[..]), None)]
        );
        assert_eq!((records[0].timestamp_ms, records[0].partition.0), (Some(7), 3));
        assert!(records[0].headers.is_empty());
        assert_eq!(records[2].header("h").unwrap().as_ref(), b"x");
    }

    #[test]
    fn large_and_small_values_arrive_whole_across_chunks() {
        let value = |n: i64| vec![n as u8; if n % 5 == 0 { 100_000 } else { 9_000 }];
        let messages: Vec<_> = (0..40).map(|n| message(n, Some(&[n as u8]), Some(value(n)))).collect();
        let mut records = Vec::new();
        copy(&"in".into(), &messages, &mut records);
        assert_eq!(records.len(), 40);
        for (n, record) in records.iter().enumerate() {
            assert_eq!(record.key.as_deref(), Some(&[n as u8][..]));
            assert!(record.value.as_deref() == Some(&value(n as i64)), "value {n}");
        }
    }
}
