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
