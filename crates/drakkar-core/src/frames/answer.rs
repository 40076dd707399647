//! The answer to one request.

use bytes::Bytes;

/// What a child answers to a request: what a program of its own would have ended with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The id of the request.
    pub id: u64,
    /// The exit code.
    pub exit_code: i32,
    /// Standard output.
    pub stdout: Bytes,
    /// Standard error.
    pub stderr: Bytes,
}
