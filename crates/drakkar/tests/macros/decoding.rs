//! How a handler's input type is read from a message.

use drakkar::{__private::core::handler::DecodeError, prelude::*};

use super::support::record;

#[derive(Deserialize, Debug, PartialEq)]
struct Request {
    id: u64,
}

struct Json;

#[drakkar::handler]
impl Json {
    async fn arrange(&self, _window: Window<'_, Request>) -> Result<Vec<Task>> {
        Ok(Vec::new())
    }
}

struct Raw;

#[drakkar::handler]
impl Raw {
    async fn arrange(&self, _window: Window<'_, Bytes>) -> Result<Vec<Task>> {
        Ok(Vec::new())
    }
}

/// Not `Deserialize`.
#[derive(Debug, PartialEq)]
struct Size(u32, u32);

struct Own;

#[drakkar::handler]
impl Own {
    async fn arrange(&self, _window: Window<'_, Size>) -> Result<Vec<Task>> {
        Ok(Vec::new())
    }

    fn deserialize_message(&self, record: &Record) -> Result<Size> {
        let value = record.value.as_deref().ok_or_else(|| Error::msg("no size"))?;
        let (width, height) = std::str::from_utf8(value)?.split_once('x').unwrap_or_default();
        Ok(Size(width.parse()?, height.parse()?))
    }
}

struct Configured;

#[drakkar::handler]
impl Configured {
    async fn arrange(&self, _window: Window<'_, Request>) -> Result<Vec<Task>> {
        Ok(Vec::new())
    }

    #[cfg(windows)]
    fn deserialize_message(&self, _record: &Record) -> Result<Request> {
        Ok(Request { id: 1 })
    }
}

#[test]
fn reads_with_the_codec_of_the_handler() {
    assert_eq!(Own.decode(&record(Some("3x4"))).unwrap(), Size(3, 4));
}

#[test]
fn an_error_of_the_codec_is_kept_as_the_cause() {
    let Err(DecodeError::Other(cause)) = Own.decode(&record(Some("3xy"))) else { panic!("decoded") };
    assert!(cause.downcast_ref::<std::num::ParseIntError>().is_some());
    let Err(DecodeError::Other(cause)) = Own.decode(&record(None)) else { panic!("decoded") };
    assert_eq!(cause.to_string(), "no size");
}

#[test]
fn a_codec_that_is_configured_away_leaves_json() {
    assert_eq!(Configured.decode(&record(Some(r#"{"id": 7}"#))).unwrap(), Request { id: 7 });
}

#[test]
fn reads_json_into_the_input_type() {
    assert_eq!(Json.decode(&record(Some(r#"{"id": 7}"#))).unwrap(), Request { id: 7 });
}

#[test]
fn refuses_json_of_another_shape() {
    assert!(matches!(Json.decode(&record(Some(r#"{"id": "7"}"#))), Err(DecodeError::Json { .. })));
}

#[test]
fn refuses_a_tombstone() {
    assert!(matches!(Json.decode(&record(None)), Err(DecodeError::Tombstone)));
    assert!(matches!(Raw.decode(&record(None)), Err(DecodeError::Tombstone)));
}

#[test]
fn gives_bytes_as_they_are() {
    assert_eq!(Raw.decode(&record(Some("not json"))).unwrap(), "not json");
}
