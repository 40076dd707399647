//! How a worker and a resident child talk: requests out, answers back, one frame each.
//!
//! Pure: bytes in, bytes out. Whatever a child writes, the decoder answers with a frame or an error and never holds more
//! than one frame of the largest size allowed and what came in one read.

mod answer;
mod json_lines;
mod length_prefixed;
#[cfg(test)]
mod tests;

use std::{fmt, time::Duration};

use bytes::{Bytes, BytesMut};

pub use answer::Answer;

use crate::task::Command;

/// The form of the frames, chosen for each program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// One JSON object in a line.
    #[default]
    JsonLines,
    /// Four bytes of length (big-endian), then that many bytes.
    LengthPrefixed,
}

impl Protocol {
    /// Its name in the configuration, and in the variable `DRAKKAR_PROTOCOL` of a child.
    pub fn as_str(self) -> &'static str {
        match self {
            Protocol::JsonLines => "json_lines",
            Protocol::LengthPrefixed => "length_prefixed",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One request to a resident child.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Names the request in its answer; never used twice with one child.
    pub id: u64,
    /// What a program of its own would be given.
    pub command: &'a Command,
    /// When the answer must be there, since 1970.
    pub deadline: Duration,
}

impl Request<'_> {
    /// Appends the request to what is to be written.
    ///
    /// # Errors
    /// When the command holds something that no frame can carry. Nothing is appended then.
    pub fn encode(&self, protocol: Protocol, out: &mut Vec<u8>) -> Result<(), String> {
        let before = out.len();
        let encoded = match protocol {
            Protocol::JsonLines => json_lines::encode(self, out),
            Protocol::LengthPrefixed => length_prefixed::encode(self, out),
        };
        encoded.inspect_err(|_| out.truncate(before))
    }
}

/// What a child says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// It can take requests now.
    Ready,
    /// It still works on this request.
    Heartbeat {
        /// The request.
        id: u64,
    },
    /// It has finished a request.
    Answer(Answer),
}

/// Why what a child wrote is no frame. Nothing after it can be trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A frame is too long.
    #[error("a frame of {length} bytes or more, above the {most} that an answer may have")]
    Oversized {
        /// Its length as far as it is known.
        length: usize,
        /// The most bytes of a frame.
        most: usize,
    },
    /// A frame does not have the form of one.
    #[error("{what}; it begins with `{start}`")]
    Malformed {
        /// What is wrong.
        what: String,
        /// Its first bytes, for people.
        start: String,
    },
}

impl FrameError {
    fn malformed(what: impl Into<String>, frame: &[u8]) -> Self {
        let start = &frame[..frame.len().min(40)];
        Self::Malformed { what: what.into(), start: start.escape_ascii().to_string() }
    }
}

/// Takes a child's output apart.
#[derive(Debug)]
pub struct Decoder {
    protocol: Protocol,
    most: usize,
    buffer: BytesMut,
    /// Bytes of the buffer that were searched for the end of a line.
    searched: usize,
}

impl Decoder {
    /// A decoder for frames of at most this many bytes.
    pub fn new(protocol: Protocol, most: usize) -> Self {
        Self { protocol, most, buffer: BytesMut::new(), searched: 0 }
    }

    /// Takes what was read.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame, if there is one.
    ///
    /// # Errors
    /// When what was read is no frame. The decoder is of no use after that.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        match self.protocol {
            Protocol::JsonLines => self.next_line(),
            Protocol::LengthPrefixed => self.next_prefixed(),
        }
    }

    /// Drops what is held.
    pub fn discard(&mut self) {
        self.buffer.clear();
        self.searched = 0;
    }

    /// Bytes that are held for a frame that is not whole yet.
    pub fn held(&self) -> usize {
        self.buffer.len()
    }

    fn next_line(&mut self) -> Result<Option<Frame>, FrameError> {
        loop {
            let Some(at) = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n') else {
                self.searched = self.buffer.len();
                self.check(self.searched)?;
                return Ok(None);
            };
            let length = self.searched + at;
            self.searched = 0;
            self.check(length)?;
            let line = self.buffer.split_to(length + 1);
            let line = line[..length].trim_ascii();
            if !line.is_empty() {
                return json_lines::decode(line).map(Some);
            }
        }
    }

    fn next_prefixed(&mut self) -> Result<Option<Frame>, FrameError> {
        let Some(prefix) = self.buffer.first_chunk::<4>() else { return Ok(None) };
        let length = usize::try_from(u32::from_be_bytes(*prefix)).unwrap_or(usize::MAX);
        self.check(length)?;
        if self.buffer.len() - 4 < length {
            return Ok(None);
        }
        let frame = self.buffer.split_to(4 + length);
        length_prefixed::decode(&frame[4..]).map(Some)
    }

    fn check(&self, length: usize) -> Result<(), FrameError> {
        if length > self.most {
            return Err(FrameError::Oversized { length, most: self.most });
        }
        Ok(())
    }
}

/// What a program is told beside its input, as JSON.
#[derive(serde::Serialize)]
struct Head<'a> {
    args: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "pairs")]
    env: Vec<(&'a str, &'a str)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cwd: Option<&'a str>,
    deadline_ms: u64,
}

fn pairs<S: serde::Serializer>(pairs: &[(&str, &str)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().copied())
}

impl<'a> Head<'a> {
    fn of(request: &Request<'a>) -> Result<Self, String> {
        let command = request.command;
        let not_text = |what: &str| format!("{what} is not UTF-8, which a resident child cannot be given");
        let args = command.args.iter().enumerate();
        let args = args.map(|(n, arg)| arg.to_str().ok_or_else(|| not_text(&format!("argument {}", n + 1))));
        let env = command.env.iter().map(|(name, value)| {
            let pair = name.to_str().zip(value.to_str());
            pair.ok_or_else(|| not_text(&format!("the variable `{}`", name.to_string_lossy())))
        });
        let cwd = command.current_dir.as_deref();
        let cwd = cwd.map(|dir| dir.to_str().ok_or_else(|| not_text("the working directory"))).transpose()?;
        Ok(Self {
            args: args.collect::<Result<_, _>>()?,
            env: env.collect::<Result<_, _>>()?,
            cwd,
            deadline_ms: u64::try_from(request.deadline.as_millis()).unwrap_or(u64::MAX),
        })
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<(), String> {
        serde_json::to_writer(out, self).map_err(|error| format!("it cannot be written as JSON: {error}"))
    }
}

fn copied(bytes: &[u8]) -> Bytes {
    // A slice of the buffer would keep all of it alive.
    Bytes::copy_from_slice(bytes)
}
