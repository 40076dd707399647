//! One JSON object in a line, for scripts: `{"id":1,"args":["a"],"stdin":"..."}` and `{"id":1,"stdout":"..."}`.
//!
//! Bytes that are no text go under `stdin_base64`, `stdout_base64` and `stderr_base64`.

use std::borrow::Cow;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Answer, Frame, FrameError, Head, Request};

/// `id` stands first, so that the simplest program finds it.
#[derive(Serialize)]
struct Line<'a> {
    id: u64,
    #[serde(flatten)]
    head: Head<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stdin: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stdin_base64: Option<String>,
}

/// A name that is not known is a mistake: an `exitcode` that is not seen would be a failure taken for a success.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said<'a> {
    id: Option<u64>,
    ready: Option<bool>,
    heartbeat: Option<bool>,
    exit_code: Option<i32>,
    #[serde(borrow)]
    stdout: Option<Cow<'a, str>>,
    #[serde(borrow)]
    stderr: Option<Cow<'a, str>>,
    #[serde(borrow)]
    stdout_base64: Option<Cow<'a, str>>,
    #[serde(borrow)]
    stderr_base64: Option<Cow<'a, str>>,
}

pub(super) fn encode(request: &Request<'_>, out: &mut Vec<u8>) -> Result<(), String> {
    let head = Head::of(request)?;
    let stdin = request.command.stdin.as_deref();
    let text = stdin.and_then(|bytes| std::str::from_utf8(bytes).ok());
    let stdin_base64 = stdin.filter(|_| text.is_none()).map(|bytes| BASE64_STANDARD.encode(bytes));
    serde_json::to_writer(&mut *out, &Line { id: request.id, head, stdin: text, stdin_base64 })
        .map_err(|error| format!("it cannot be written as JSON: {error}"))?;
    out.push(b'\n');
    Ok(())
}

pub(super) fn decode(line: &[u8]) -> Result<Frame, FrameError> {
    let bad = |what: String| FrameError::malformed(what, line);
    let said: Said<'_> =
        serde_json::from_slice(line).map_err(|error| bad(format!("a line that is no answer: {error}")))?;
    let Some(id) = said.id else {
        return match said.ready {
            Some(true) => Ok(Frame::Ready),
            _ => Err(bad("an answer without `id`".to_owned())),
        };
    };
    if said.heartbeat == Some(true) {
        return Ok(Frame::Heartbeat { id });
    }
    let stream = |name: &str, text: Option<Cow<'_, str>>, base64: Option<Cow<'_, str>>| match (text, base64) {
        (Some(_), Some(_)) => Err(bad(format!("an answer with both `{name}` and `{name}_base64`"))),
        (Some(text), None) => Ok(Bytes::copy_from_slice(text.as_bytes())),
        (None, Some(base64)) => BASE64_STANDARD
            .decode(base64.as_bytes())
            .map(Bytes::from)
            .map_err(|error| bad(format!("`{name}_base64` is no base64: {error}"))),
        (None, None) => Ok(Bytes::new()),
    };
    Ok(Frame::Answer(Answer {
        id,
        exit_code: said.exit_code.unwrap_or(0),
        stdout: stream("stdout", said.stdout, said.stdout_base64)?,
        stderr: stream("stderr", said.stderr, said.stderr_base64)?,
    }))
}
