//! Messages as they come from Kafka, and the windows a handler sees.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;

use crate::{
    ids::{Offset, PartitionId},
    pending::Pending,
};

/// One record of the source topic, as it was read.
#[derive(Clone, Debug)]
pub struct Record {
    /// The topic it came from.
    pub topic: Arc<str>,
    /// Its partition.
    pub partition: PartitionId,
    /// Its position.
    pub offset: Offset,
    /// Its time in milliseconds since 1970, if Kafka has one.
    pub timestamp_ms: Option<i64>,
    /// Its key.
    pub key: Option<Bytes>,
    /// Its value; `None` is a tombstone.
    pub value: Option<Bytes>,
    /// Its headers in order. Most records have none.
    pub headers: Vec<Header>,
}

/// One header of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The name; Kafka allows it more than once.
    pub name: String,
    /// The value.
    pub value: Option<Bytes>,
}

impl Record {
    /// What [`Record::size`] counts for a record beside its parts, in bytes.
    pub const OVERHEAD: usize = 1_500;

    /// What holding this record costs: key, value, headers and a fixed overhead.
    ///
    /// The overhead stands for all that a small message with one task takes on its way, the allocator's share included: so
    /// much that a worker's memory stays near its byte budget.
    pub fn size(&self) -> usize {
        let headers: usize =
            self.headers.iter().map(|h| h.name.len() + h.value.as_ref().map_or(0, Bytes::len) + 48).sum();
        self.key.as_ref().map_or(0, Bytes::len)
            + self.value.as_ref().map_or(0, Bytes::len)
            + headers
            + Self::OVERHEAD
    }

    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&Bytes> {
        self.headers.iter().find(|h| h.name == name).and_then(|h| h.value.as_ref())
    }
}

/// A record whose value was decoded into the handler's input type.
#[derive(Debug)]
pub struct Message<T> {
    record: Record,
    payload: T,
}

impl<T> Message<T> {
    /// Joins a record and its decoded value.
    pub fn new(record: Record, payload: T) -> Self {
        Self { record, payload }
    }

    /// The decoded value.
    pub fn payload(&self) -> &T {
        &self.payload
    }

    /// The record as it was read.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// The position in the partition.
    pub fn offset(&self) -> Offset {
        self.record.offset
    }

    /// The partition.
    pub fn partition(&self) -> PartitionId {
        self.record.partition
    }

    /// The key.
    pub fn key(&self) -> Option<&Bytes> {
        self.record.key.as_ref()
    }
}

/// A record that could not be decoded, handed to `arrange` by `kafka.on_parse_error: pass`.
#[derive(Clone, Debug)]
pub struct Unparsed {
    /// The record as it was read.
    pub record: Record,
    /// Why it could not be decoded.
    pub error: String,
}

/// Up to `executor.window_size` messages of one partition in offset order: what `arrange` turns into tasks.
#[derive(Debug)]
pub struct Window<'a, T> {
    partition: PartitionId,
    messages: &'a [Arc<Message<T>>],
    unparsed: &'a [Unparsed],
    pending: Option<&'a Pending>,
    age: Duration,
}

impl<'a, T> Window<'a, T> {
    /// A window over these messages, all of `partition`.
    pub fn new(partition: PartitionId, messages: &'a [Arc<Message<T>>]) -> Self {
        Self { partition, messages, unparsed: &[], pending: None, age: Duration::ZERO }
    }

    /// Adds the records that could not be decoded.
    #[must_use]
    pub fn with_unparsed(mut self, unparsed: &'a [Unparsed]) -> Self {
        self.unparsed = unparsed;
        self
    }

    /// Adds the view of the tasks in flight.
    #[must_use]
    pub fn with_pending(mut self, pending: &'a Pending) -> Self {
        self.pending = Some(pending);
        self
    }

    /// Sets the age.
    #[must_use]
    pub fn with_age(mut self, age: Duration) -> Self {
        self.age = age;
        self
    }

    /// The messages in offset order.
    pub fn messages(
        &self,
    ) -> impl ExactSizeIterator<Item = &'a Message<T>> + DoubleEndedIterator + use<'a, T> {
        self.messages.iter().map(|m| &**m)
    }

    /// The records of the window that could not be decoded, in offset order; only with `kafka.on_parse_error: pass`.
    ///
    /// One that no task answers for is skipped. `on_message_complete` is not called for them.
    pub fn unparsed(&self) -> &'a [Unparsed] {
        self.unparsed
    }

    /// The tasks of this partition that are in flight and have an id of their own.
    pub fn pending(&self) -> Pending {
        self.pending.cloned().unwrap_or_default()
    }

    /// How long the oldest message of the window has been in the worker.
    pub fn age(&self) -> Duration {
        self.age
    }

    /// How many messages the window holds, unparsed ones not counted.
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Whether there is no message; in a window given to `arrange` there are unparsed ones then.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// The partition all messages come from.
    pub fn partition(&self) -> PartitionId {
        self.partition
    }
}

impl<T> Clone for Window<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Window<'_, T> {}
