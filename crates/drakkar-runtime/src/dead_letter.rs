//! The dead letter record: everything needed to understand what failed and to bring the message back.

use std::{collections::BTreeMap, time::SystemTime};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use bytes::Bytes;
use drakkar_core::{
    error::Class,
    message::Record,
    outcome::{Ended, TaskFailure},
    payload::{Content, OutputRecord, Payload},
};
use serde::Serialize;
use serde_json::{Value, json};

/// Raw bytes of a message that go into one record at most; a longer value is split over several.
const PART_BYTES: usize = 512 * 1024;
/// Bytes of an error text that are kept.
const ERROR_BYTES: usize = 16 * 1024;

/// Where a message failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Its value could not be decoded.
    Parse,
    /// `arrange` failed for it.
    Arrange,
    /// A task failed for good.
    Task,
    /// `on_error` failed.
    OnError,
    /// `on_task_complete` failed.
    OnTaskComplete,
    /// `on_message_complete` failed.
    OnMessageComplete,
    /// `on_window_complete` failed for its window.
    OnWindowComplete,
    /// The process died too often while hooks were busy with it.
    Crash,
    /// Outputs could not be delivered.
    Delivery,
}

impl Stage {
    /// The name in the record.
    pub fn as_str(self) -> &'static str {
        match self {
            Stage::Parse => "parse",
            Stage::Arrange => "arrange",
            Stage::Task => "task",
            Stage::OnError => "on_error",
            Stage::OnTaskComplete => "on_task_complete",
            Stage::OnMessageComplete => "on_message_complete",
            Stage::OnWindowComplete => "on_window_complete",
            Stage::Crash => "crash",
            Stage::Delivery => "delivery",
        }
    }
}

/// Why something is dead-lettered.
#[derive(Clone, Debug)]
pub struct Cause {
    /// Where it failed.
    pub stage: Stage,
    /// Why, causes included.
    pub error: String,
    /// Whether trying again could have helped.
    pub class: Class,
    /// Attempts made.
    pub attempts: u32,
    /// How the last attempt of the task went, where a task failed.
    pub attempt: Option<Box<Value>>,
}

impl Cause {
    /// A cause without an attempt to tell of.
    pub fn new(stage: Stage, error: String, class: Class, attempts: u32) -> Self {
        Self { stage, error, class, attempts, attempt: None }
    }

    /// A task that failed for good.
    pub(crate) fn of_task(failure: &TaskFailure) -> Self {
        let attempt = Some(Box::new(attempt(failure)));
        let error = in_words(failure);
        Self { attempt, ..Self::new(Stage::Task, error, Class::Permanent, failure.attempt) }
    }
}

/// A failed task in words: how it ended and the end of what it wrote to standard error.
fn in_words(failure: &TaskFailure) -> String {
    const TAIL: usize = 2048;
    let stderr = &failure.report.stderr;
    let tail = String::from_utf8_lossy(&stderr[stderr.len().saturating_sub(TAIL)..]);
    let tail = tail.trim();
    if tail.is_empty() { failure.to_string() } else { format!("{failure}: {tail}") }
}

/// Everything that was measured of an attempt.
fn attempt(failure: &TaskFailure) -> Value {
    let report = &failure.report;
    let signal = match report.ended {
        Ended::Signalled { signal } => Some(signal),
        _ => None,
    };
    json!({
        "task": failure.task.id(),
        "kind": report.ended.kind(),
        "exit_code": report.ended.exit_code(),
        "signal": signal,
        "pid": report.pid,
        "queue_wait_seconds": report.queue_wait.as_secs_f64(),
        "spawn_seconds": report.spawn_time.as_secs_f64(),
        "run_seconds": report.run_time.as_secs_f64(),
        "cpu_user_seconds": report.cpu_user.as_secs_f64(),
        "cpu_system_seconds": report.cpu_system.as_secs_f64(),
        "peak_memory_bytes": report.peak_memory,
        "stdin_bytes": report.stdin_bytes,
        "stdout_bytes": report.stdout_bytes,
        "stderr_bytes": report.stderr_bytes,
        "stdout_truncated": report.stdout_truncated,
        "stderr_truncated": report.stderr_truncated,
    })
}

/// One dead letter, before it is encoded.
#[derive(Debug)]
pub struct DeadLetter<'a> {
    /// The message.
    pub record: &'a Record,
    /// A text for people that names the message.
    pub label: &'a str,
    /// Why.
    pub cause: &'a Cause,
    /// The sink's type and name and the payloads it refused, for failed deliveries.
    pub delivery: Option<(&'a str, &'a str, Vec<&'a Payload>)>,
    /// The worker that wrote it.
    pub worker: &'a str,
    /// When.
    pub now: SystemTime,
}

#[derive(Serialize)]
struct Letter<'a> {
    version: u32,
    id: String,
    original_payloads: Vec<String>,
    sink_name: &'a str,
    sink_type: &'a str,
    error: &'a str,
    timestamp: f64,
    partition: i32,
    attempt_count: u32,
    stage: &'static str,
    class: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<&'a Value>,
    topic: &'a str,
    offset: i64,
    message_timestamp_ms: Option<i64>,
    label: &'a str,
    worker: &'a str,
    #[serde(flatten)]
    key: BTreeMap<&'static str, Value>,
    headers: Vec<BTreeMap<&'static str, Value>>,
    value_bytes: Option<usize>,
    #[serde(flatten)]
    value: BTreeMap<&'static str, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    part: Option<[usize; 2]>,
}

impl DeadLetter<'_> {
    /// Encodes the letter as records for the dead letter topic: one, or several where the value is long.
    pub fn encode(&self) -> Vec<Payload> {
        let record = self.record;
        let value = record.value.clone().unwrap_or_default();
        let parts: Vec<Bytes> = match value.len() {
            0 => vec![value],
            len => (0..len.div_ceil(PART_BYTES))
                .map(|i| value.slice(i * PART_BYTES..len.min((i + 1) * PART_BYTES)))
                .collect(),
        };
        let count = parts.len();
        parts
            .into_iter()
            .enumerate()
            .map(|(index, part)| {
                let value = match &record.value {
                    None => BTreeMap::from([("value", Value::Null)]),
                    // A part may end inside a character; text is only readable when it is whole.
                    Some(_) if count > 1 => BTreeMap::from([("value_base64", BASE64.encode(&part).into())]),
                    Some(_) => bytes_field("value", "value_base64", &part),
                };
                let text = serde_json::to_vec(&self.letter(value, (count > 1).then_some([index + 1, count])));
                Payload {
                    route: 0,
                    content: Content::Record(OutputRecord {
                        key: record.key.clone(),
                        value: Some(
                            text.expect("strings, numbers and maps with text keys have a JSON form").into(),
                        ),
                        headers: Vec::new(),
                    }),
                }
            })
            .collect()
    }

    fn letter(&self, value: BTreeMap<&'static str, Value>, part: Option<[usize; 2]>) -> Letter<'_> {
        let record = self.record;
        let stage = self.cause.stage.as_str();
        let (sink_type, sink_name, payloads) = match &self.delivery {
            Some((kind, name, payloads)) => (*kind, *name, payloads.as_slice()),
            // The reference marks parse failures this way; other stages follow its example.
            None if self.cause.stage == Stage::Parse => ("parse_error", "parse", &[][..]),
            None => ("handler", stage, &[][..]),
        };
        Letter {
            version: 1,
            id: format!("{}-{}-{}-{stage}", record.topic, record.partition, record.offset),
            original_payloads: match part {
                Some([index, _]) if index > 1 => Vec::new(),
                _ => payloads.iter().map(|p| describe(p)).collect(),
            },
            sink_name,
            sink_type,
            error: cut(&self.cause.error, ERROR_BYTES),
            timestamp: self.now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64(),
            partition: record.partition.0,
            attempt_count: self.cause.attempts,
            stage,
            class: self.cause.class.as_str(),
            attempt: self.cause.attempt.as_deref(),
            topic: &record.topic,
            offset: record.offset.0,
            message_timestamp_ms: record.timestamp_ms,
            label: self.label,
            worker: self.worker,
            key: match &record.key {
                None => BTreeMap::from([("key", Value::Null)]),
                Some(key) => bytes_field("key", "key_base64", key),
            },
            headers: record
                .headers
                .iter()
                .map(|h| {
                    let mut map = match &h.value {
                        None => BTreeMap::from([("value", Value::Null)]),
                        Some(value) => bytes_field("value", "value_base64", value),
                    };
                    map.insert("name", h.name.clone().into());
                    map
                })
                .collect(),
            value_bytes: record.value.as_ref().map(Bytes::len),
            value,
            part,
        }
    }
}

/// Text where the bytes are UTF-8, base64 under another name where they are not.
fn bytes_field(text: &'static str, base64: &'static str, bytes: &[u8]) -> BTreeMap<&'static str, Value> {
    match std::str::from_utf8(bytes) {
        Ok(valid) => BTreeMap::from([(text, valid.into())]),
        Err(_) => BTreeMap::from([(base64, BASE64.encode(bytes).into())]),
    }
}

/// One refused payload as JSON text.
fn describe(payload: &Payload) -> String {
    let mut map = BTreeMap::new();
    match &payload.content {
        Content::Record(record) => {
            map.extend(match &record.key {
                None => BTreeMap::from([("key", Value::Null)]),
                Some(key) => bytes_field("key", "key_base64", key),
            });
            map.extend(match &record.value {
                None => BTreeMap::from([("data", Value::Null)]),
                Some(value) => data_field(value),
            });
        }
        Content::Append(append) => {
            map.insert("path", append.path.clone().into());
            map.extend(data_field(&append.line));
        }
        _ => {}
    }
    serde_json::to_string(&map).unwrap_or_default()
}

fn data_field(bytes: &[u8]) -> BTreeMap<&'static str, Value> {
    match serde_json::from_slice(bytes) {
        Ok(value) => BTreeMap::from([("data", value)]),
        Err(_) => bytes_field("data_text", "data_base64", bytes),
    }
}

fn cut(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use drakkar_core::{
        ids::{Offset, PartitionId},
        message::Header,
    };

    use super::*;

    fn letters(value: Option<&[u8]>, key: Option<&[u8]>) -> Vec<Value> {
        let record = Record {
            topic: "requests".into(),
            partition: PartitionId(3),
            offset: Offset(42),
            timestamp_ms: Some(1_000),
            key: key.map(Bytes::copy_from_slice),
            value: value.map(Bytes::copy_from_slice),
            headers: vec![Header { name: "h".into(), value: Some(Bytes::from_static(b"\xff")) }],
        };
        let cause = Cause::new(Stage::Parse, "no".into(), Class::Permanent, 1);
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(1500);
        let letter =
            DeadLetter { record: &record, label: "3:42", cause: &cause, delivery: None, worker: "w", now };
        let values = letter.encode().into_iter().map(|p| match p.content {
            Content::Record(r) => serde_json::from_slice(&r.value.unwrap()).unwrap(),
            other => panic!("{other:?}"),
        });
        values.collect()
    }

    #[test]
    fn carries_origin_cause_and_raw_value() {
        let [letter] = &letters(Some(b"{\"a\":1"), Some(b"k"))[..] else { panic!("one record") };
        for (field, expected) in [
            ("topic", Value::from("requests")),
            ("partition", 3.into()),
            ("offset", 42.into()),
            ("key", "k".into()),
            ("value", "{\"a\":1".into()),
            ("stage", "parse".into()),
            ("sink_type", "parse_error".into()),
            ("attempt_count", 1.into()),
            ("timestamp", 1.5.into()),
        ] {
            assert_eq!(letter[field], expected, "{field}");
        }
        assert_eq!(letter["headers"][0]["value_base64"], "/w==");
    }

    #[test]
    fn bytes_that_are_no_text_are_base64() {
        let [letter] = &letters(Some(b"\xff\xfe"), Some(b"\xff"))[..] else { panic!("one record") };
        assert_eq!((&letter["value_base64"], &letter["key_base64"]), (&"//4=".into(), &"/w==".into()));
        let [tombstone] = &letters(None, None)[..] else { panic!("one record") };
        assert_eq!((&tombstone["value"], &tombstone["key"]), (&Value::Null, &Value::Null));
    }

    #[test]
    fn a_long_value_is_split_and_can_be_put_together_again() {
        let value: Vec<u8> = (0..1_300_000u32).map(|i| i as u8).collect();
        let letters = letters(Some(&value), None);
        assert_eq!(letters.len(), 3);
        let mut whole = Vec::new();
        for (index, letter) in letters.iter().enumerate() {
            assert_eq!(letter["part"], serde_json::json!([index + 1, 3]));
            assert!(letter.to_string().len() < 800_000);
            whole.extend(BASE64.decode(letter["value_base64"].as_str().unwrap()).unwrap());
        }
        assert_eq!(whole, value);
    }
}
