//! Outputs on their way to a sink: encoded once, when the hook returned.

use std::fmt;

use bytes::Bytes;
use serde::Serialize;

use crate::message::Header;

/// The type of a sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SinkKind {
    /// A Kafka topic.
    Kafka,
    /// Files below a folder.
    Filesystem,
}

impl SinkKind {
    /// The name used in the configuration, logs and dead letters.
    pub fn as_str(self) -> &'static str {
        match self {
            SinkKind::Kafka => "kafka",
            SinkKind::Filesystem => "filesystem",
        }
    }
}

impl fmt::Display for SinkKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where one field of a [`SinkOutputs`] goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The type of the sink.
    pub kind: SinkKind,
    /// The sink's name in the configuration; empty means the only one of its type.
    pub sink: &'static str,
    /// The field, for error messages.
    pub field: &'static str,
}

/// One encoded output.
#[derive(Clone, Debug)]
pub struct Payload {
    /// The index of its route in [`SinkOutputs::ROUTES`].
    pub route: u16,
    /// What the sink gets.
    pub content: Content,
}

impl Payload {
    /// What holding this payload costs, in bytes: its content and all that is kept beside it on its way.
    pub fn size(&self) -> usize {
        500 + match &self.content {
            Content::Record(r) => {
                r.key.as_ref().map_or(0, Bytes::len)
                    + r.value.as_ref().map_or(0, Bytes::len)
                    + r.headers.iter().map(|h| h.name.len() + 48).sum::<usize>()
            }
            Content::Append(a) => a.path.len() + a.line.len(),
        }
    }

    /// What must stay in order: payloads of one sink with the same key are applied in the order they were produced.
    pub fn order_key(&self) -> Option<&[u8]> {
        match &self.content {
            Content::Record(r) => r.key.as_deref(),
            Content::Append(a) => Some(a.path.as_bytes()),
        }
    }
}

/// What a sink gets, by the type of the sink.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Content {
    /// A Kafka record.
    Record(OutputRecord),
    /// A line at the end of a file.
    Append(FileAppend),
}

/// A record for a Kafka sink.
#[derive(Clone, Debug, Default)]
pub struct OutputRecord {
    /// The key.
    pub key: Option<Bytes>,
    /// The value; `None` writes a tombstone.
    pub value: Option<Bytes>,
    /// The headers.
    pub headers: Vec<Header>,
}

/// A line for a file sink.
#[derive(Clone, Debug)]
pub struct FileAppend {
    /// The file, relative to the sink's `base_path`.
    pub path: String,
    /// The line without its line end.
    pub line: Bytes,
}

/// The outputs of a hook: each field is a route to a sink.
///
/// Derive it with `#[derive(SinkOutputs)]`; `()` has no routes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be returned as outputs",
    note = "derive it with `#[derive(SinkOutputs, Default)]` and give each field a `#[sink(...)]` attribute"
)]
pub trait SinkOutputs: Send {
    /// The routes, in the order of the fields.
    const ROUTES: &'static [Route];

    /// Encodes every output.
    ///
    /// # Errors
    /// When a value cannot be represented; the hook then counts as failed.
    fn encode(self, encoder: &mut Encoder) -> Result<(), EncodeError>;
}

impl SinkOutputs for () {
    const ROUTES: &'static [Route] = &[];

    fn encode(self, _encoder: &mut Encoder) -> Result<(), EncodeError> {
        Ok(())
    }
}

/// An output that could not be encoded.
#[derive(Debug, thiserror::Error)]
#[error("failed to encode an output of field `{field}`")]
pub struct EncodeError {
    /// The field it came from.
    pub field: &'static str,
    /// Why.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// Collects the encoded outputs of one hook call.
#[derive(Debug, Default)]
pub struct Encoder {
    payloads: Vec<Payload>,
}

impl Encoder {
    /// Adds a record for a Kafka route whose value is `item` as JSON.
    ///
    /// # Errors
    /// When `item` has no JSON form.
    pub fn record<T: Serialize + ?Sized>(
        &mut self,
        route: u16,
        field: &'static str,
        key: Option<Bytes>,
        item: &T,
    ) -> Result<(), EncodeError> {
        let value = Some(json(field, item)?);
        self.push(route, Content::Record(OutputRecord { key, value, headers: Vec::new() }));
        Ok(())
    }

    /// Adds a line for a file route: `item` as JSON.
    ///
    /// # Errors
    /// When `item` has no JSON form.
    pub fn append<T: Serialize + ?Sized>(
        &mut self,
        route: u16,
        field: &'static str,
        path: String,
        item: &T,
    ) -> Result<(), EncodeError> {
        let line = json(field, item)?;
        self.push(route, Content::Append(FileAppend { path, line }));
        Ok(())
    }

    /// Adds a payload for a route.
    pub fn push(&mut self, route: u16, content: Content) {
        self.payloads.push(Payload { route, content });
    }

    /// Takes what was collected.
    pub fn take(&mut self) -> Vec<Payload> {
        std::mem::take(&mut self.payloads)
    }
}

fn json<T: Serialize + ?Sized>(field: &'static str, item: &T) -> Result<Bytes, EncodeError> {
    let mut out = Vec::with_capacity(128);
    match serde_json::to_writer(&mut out, item) {
        Ok(()) => Ok(out.into()),
        Err(source) => Err(EncodeError { field, source: source.into() }),
    }
}

/// A field that can be the key of a Kafka record.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the key of a Kafka record",
    note = "use a `String`, bytes, an integer, or an `Option` of one"
)]
pub trait RecordKey {
    /// The key's bytes; `None` writes a record without key.
    fn record_key(&self) -> Option<Bytes>;
}

impl RecordKey for str {
    fn record_key(&self) -> Option<Bytes> {
        Some(Bytes::copy_from_slice(self.as_bytes()))
    }
}

impl RecordKey for String {
    fn record_key(&self) -> Option<Bytes> {
        self.as_str().record_key()
    }
}

impl RecordKey for Bytes {
    fn record_key(&self) -> Option<Bytes> {
        Some(self.clone())
    }
}

impl RecordKey for Vec<u8> {
    fn record_key(&self) -> Option<Bytes> {
        Some(Bytes::copy_from_slice(self))
    }
}

impl<T: RecordKey + ?Sized> RecordKey for &T {
    fn record_key(&self) -> Option<Bytes> {
        (**self).record_key()
    }
}

impl<T: RecordKey> RecordKey for Option<T> {
    fn record_key(&self) -> Option<Bytes> {
        self.as_ref().and_then(RecordKey::record_key)
    }
}

macro_rules! integer_keys {
    ($($t:ty),*) => {$(
        impl RecordKey for $t {
            fn record_key(&self) -> Option<Bytes> {
                Some(self.to_string().into())
            }
        }
    )*};
}
integer_keys!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize);
