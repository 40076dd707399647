//! Feeding a program and reading what it writes, step by step.

use std::{future::pending, io};

use bytes::{Buf, BufMut, Bytes};
use drakkar_core::outcome::Stream;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::{ChildStderr, ChildStdin, ChildStdout},
};

/// What one read asks for.
const CHUNK: usize = 16 << 10;

/// Both output streams of one program.
#[derive(Debug)]
pub(crate) struct Output {
    /// Standard output.
    pub(crate) stdout: Capture<ChildStdout>,
    /// Standard error.
    pub(crate) stderr: Capture<ChildStderr>,
}

impl Output {
    /// Reads some bytes of either stream. Never resolves once both are at their end.
    ///
    /// # Cancel safety
    ///
    /// A read that was dropped has taken nothing.
    pub(crate) async fn step(&mut self) {
        tokio::select! {
            () = self.stdout.step(), if self.stdout.is_open() => {}
            () = self.stderr.step(), if self.stderr.is_open() => {}
            else => pending().await,
        }
    }

    /// Whether a stream may still bring bytes.
    pub(crate) fn is_open(&self) -> bool {
        self.stdout.is_open() || self.stderr.is_open()
    }

    /// The stream that went over its cap, with the cap.
    pub(crate) fn over_limit(&self) -> Option<(Stream, u64)> {
        if self.stdout.truncated() {
            Some((Stream::Stdout, self.stdout.cap))
        } else if self.stderr.truncated() {
            Some((Stream::Stderr, self.stderr.cap))
        } else {
            None
        }
    }
}

/// One stream: its first bytes up to a cap are kept, the rest is read and dropped so that the writer never blocks.
#[derive(Debug)]
pub(crate) struct Capture<R> {
    pipe: Option<R>,
    kept: Vec<u8>,
    cap: u64,
    dropped: u64,
    /// Where bytes above the cap go; allocated only then.
    scratch: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Capture<R> {
    /// Captures this pipe.
    pub(crate) fn new(pipe: Option<R>, cap: u64) -> Self {
        Self { pipe, kept: Vec::new(), cap, dropped: 0, scratch: Vec::new() }
    }

    /// Whether more may come.
    pub(crate) fn is_open(&self) -> bool {
        self.pipe.is_some()
    }

    /// Whether bytes were dropped.
    pub(crate) fn truncated(&self) -> bool {
        self.dropped > 0
    }

    /// What was kept.
    pub(crate) fn into_bytes(mut self) -> Bytes {
        self.kept.shrink_to_fit();
        self.kept.into()
    }

    async fn step(&mut self) {
        let room = self.room();
        let Some(pipe) = &mut self.pipe else { return };
        let read = if room > 0 {
            pipe.read_buf(&mut (&mut self.kept).limit(room)).await
        } else {
            self.scratch.resize(CHUNK, 0);
            let read = pipe.read(&mut self.scratch).await;
            self.dropped += *read.as_ref().unwrap_or(&0) as u64;
            read
        };
        match read {
            Ok(0) => self.pipe = None,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                tracing::warn!(%error, "cannot read the output of a program");
                self.pipe = None;
            }
        }
    }

    /// Makes room for the next read and tells how much there is. The buffer never grows above the cap.
    fn room(&mut self) -> usize {
        let left = usize::try_from(self.cap).unwrap_or(usize::MAX) - self.kept.len();
        if self.kept.len() == self.kept.capacity() && left > 0 {
            self.kept.reserve_exact(self.kept.len().max(CHUNK).min(left));
        }
        left.min(self.kept.capacity() - self.kept.len())
    }
}

/// The input of one program.
#[derive(Debug)]
pub(crate) struct Input {
    pipe: Option<ChildStdin>,
    rest: Bytes,
}

impl Input {
    /// Input of these bytes; the pipe is closed after the last.
    pub(crate) fn new(pipe: Option<ChildStdin>, bytes: Bytes) -> Self {
        Self { pipe: pipe.filter(|_| !bytes.is_empty()), rest: bytes }
    }

    /// Writes some bytes. Never resolves once the pipe is closed.
    ///
    /// A program that does not read all of its input is no error: how it ends is what counts.
    ///
    /// # Cancel safety
    ///
    /// A write that was dropped has written nothing.
    pub(crate) async fn step(&mut self) {
        let Some(pipe) = &mut self.pipe else { return pending().await };
        match pipe.write(&self.rest).await {
            Ok(0) => self.close(),
            Ok(written) => self.rest.advance(written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                if error.kind() != io::ErrorKind::BrokenPipe {
                    tracing::warn!(%error, "cannot write the input of a program");
                }
                self.close();
            }
        }
        if self.rest.is_empty() {
            self.close();
        }
    }

    /// Closes the pipe and drops what was not written.
    pub(crate) fn close(&mut self) {
        self.pipe = None;
        self.rest = Bytes::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn capture(input: &[u8], cap: u64) -> (Vec<u8>, u64, usize) {
        let mut capture = Capture::new(Some(input), cap);
        while capture.is_open() {
            capture.step().await;
        }
        let capacity = capture.kept.capacity();
        (capture.kept, capture.dropped, capacity)
    }

    #[tokio::test]
    async fn exactly_the_cap_is_not_over_it() {
        assert_eq!(capture(b"12345", 5).await, (b"12345".to_vec(), 0, 5));
    }

    #[tokio::test]
    async fn the_first_bytes_are_kept_and_the_buffer_stays_below_the_cap() {
        let input: Vec<u8> = (0..1_000_000).map(|n| (n % 251) as u8).collect();
        for cap in [0, 1, 100, 16 << 10, 100_000] {
            let (kept, dropped, capacity) = capture(&input, cap as u64).await;
            assert_eq!(kept, input[..cap], "cap {cap}");
            assert_eq!(dropped as usize, input.len() - cap, "cap {cap}");
            assert!(capacity <= cap, "{capacity} bytes held for a cap of {cap}");
        }
    }
}
