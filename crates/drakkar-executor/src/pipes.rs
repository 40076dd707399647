//! Feeding a program and keeping what it writes, one ready descriptor at a time.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::Arc,
};

use bytes::{Buf, Bytes};
use drakkar_core::outcome::Stream;

use crate::room::{Grant, Room};
use rustix::{
    fs::{OFlags, fcntl_setfl},
    io::{Errno, read, write},
    pipe::{PipeFlags, pipe_with},
};

/// What one read asks for at most.
const CHUNK: usize = 64 << 10;
/// Input that fits into the smallest pipe there is: writing it into an empty one never waits.
const SMALL: usize = 4096;

/// Bytes read before it is known whether they are kept. One per thread, used again for each task.
#[derive(Debug)]
pub(crate) struct Scratch(pub(crate) Box<[u8]>);

impl Scratch {
    pub(crate) fn new() -> Self {
        Self(vec![0; CHUNK].into())
    }
}

/// One output stream: its first bytes up to a cap are kept, the rest is read and dropped so that the writer never waits.
#[derive(Debug)]
pub(crate) struct Capture {
    pipe: Option<OwnedFd>,
    kept: Vec<u8>,
    cap: u64,
    /// What it may hold of the memory that all streams share.
    grant: Grant,
    /// All bytes that were written, kept or not.
    total: u64,
}

impl Capture {
    /// A stream, and the end the program writes to.
    pub(crate) fn new(cap: u64, room: &Arc<Room>) -> io::Result<(Self, OwnedFd)> {
        let (ours, theirs) = pipe_with(PipeFlags::CLOEXEC)?;
        Ok((Self { pipe: Some(ours), kept: Vec::new(), cap, grant: Grant::new(room), total: 0 }, theirs))
    }

    /// What to wait on; nothing once the stream has ended.
    pub(crate) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.pipe.as_ref().map(AsFd::as_fd)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.pipe.is_some()
    }

    /// Reads what is there. Called when the descriptor is ready, so it does not wait.
    pub(crate) fn read(&mut self, scratch: &mut Scratch) {
        let Some(pipe) = &self.pipe else { return };
        match read(pipe, &mut *scratch.0) {
            Ok(0) => self.pipe = None,
            Ok(count) => {
                self.total += count as u64;
                let room = usize::try_from(self.cap).unwrap_or(usize::MAX) - self.kept.len();
                let mut keep = count.min(room);
                if self.kept.capacity() - self.kept.len() < keep {
                    // Doubles, but never above the cap, nor above what there is for it.
                    let held = self.kept.len() as u64;
                    let wanted = keep.max(self.kept.len()).min(room) as u64;
                    let granted = self.grant.ask(held + wanted, held + keep as u64) - held;
                    let grow = usize::try_from(granted.min(wanted)).unwrap_or(usize::MAX);
                    keep = keep.min(grow);
                    self.kept.reserve_exact(grow);
                }
                self.kept.extend_from_slice(&scratch.0[..keep]);
            }
            Err(Errno::INTR) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot read the output of a program");
                self.pipe = None;
            }
        }
    }

    pub(crate) fn truncated(&self) -> bool {
        self.total > self.kept.len() as u64
    }

    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    pub(crate) fn into_bytes(mut self) -> Bytes {
        self.kept.shrink_to_fit();
        self.kept.into()
    }
}

/// Both output streams of one program.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) stdout: Capture,
    pub(crate) stderr: Capture,
    /// Whether a stream above its cap is cut instead of being a fault.
    pub(crate) may_truncate: bool,
}

impl Output {
    /// Whether a stream may still bring bytes.
    pub(crate) fn is_open(&self) -> bool {
        self.stdout.is_open() || self.stderr.is_open()
    }

    /// The stream that went over its cap, with the cap, where that matters.
    pub(crate) fn over_limit(&self) -> Option<(Stream, u64)> {
        if self.may_truncate {
            None
        } else if self.stdout.truncated() {
            Some((Stream::Stdout, self.stdout.kept.len() as u64))
        } else if self.stderr.truncated() {
            Some((Stream::Stderr, self.stderr.kept.len() as u64))
        } else {
            None
        }
    }
}

/// The input of one program.
#[derive(Debug)]
pub(crate) struct Input {
    pipe: Option<OwnedFd>,
    rest: Bytes,
}

impl Input {
    /// Input of these bytes, and the end the program reads from. What fits is written before the program starts.
    pub(crate) fn new(bytes: Bytes) -> io::Result<(Self, OwnedFd)> {
        let (theirs, ours) = pipe_with(PipeFlags::CLOEXEC)?;
        if bytes.len() > SMALL {
            fcntl_setfl(&ours, OFlags::NONBLOCK)?;
        }
        let mut input = Self { pipe: Some(ours), rest: bytes };
        input.write();
        Ok((input, theirs))
    }

    /// A program without input.
    pub(crate) fn none() -> Self {
        Self { pipe: None, rest: Bytes::new() }
    }

    /// What to wait on; nothing once the pipe is closed.
    pub(crate) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.pipe.as_ref().map(AsFd::as_fd)
    }

    /// Writes what fits.
    ///
    /// A program that does not read all of its input is no error: how it ends is what counts.
    pub(crate) fn write(&mut self) {
        while let Some(pipe) = &self.pipe {
            if self.rest.is_empty() {
                return self.close();
            }
            match write(pipe, &self.rest) {
                Ok(written) => self.rest.advance(written),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                Err(error) => {
                    if error != Errno::PIPE {
                        tracing::warn!(%error, "cannot write the input of a program");
                    }
                    return self.close();
                }
            }
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

    fn capture(input: &[u8], cap: u64) -> Capture {
        let (mut capture, writer) = Capture::new(cap, &Arc::new(Room::new(4 << 20, 2))).unwrap();
        let mut scratch = Scratch::new();
        for chunk in input.chunks(SMALL) {
            assert_eq!(write(&writer, chunk).unwrap(), chunk.len());
            capture.read(&mut scratch);
        }
        drop(writer);
        while capture.is_open() {
            capture.read(&mut scratch);
        }
        capture
    }

    #[test]
    fn exactly_the_cap_is_not_over_it() {
        let capture = capture(b"12345", 5);
        assert_eq!((capture.truncated(), capture.total(), &capture.kept[..]), (false, 5, &b"12345"[..]));
    }

    #[test]
    fn the_first_bytes_are_kept_and_the_buffer_stays_below_the_cap() {
        let input: Vec<u8> = (0..1_000_000).map(|n| (n % 251) as u8).collect();
        for cap in [0, 1, 100, 16 << 10, 100_000] {
            let capture = capture(&input, cap as u64);
            assert_eq!(capture.kept, input[..cap], "cap {cap}");
            assert_eq!(capture.total(), input.len() as u64, "cap {cap}");
            assert!(capture.kept.capacity() <= cap, "{} bytes for a cap of {cap}", capture.kept.capacity());
        }
    }

    #[test]
    fn what_the_room_does_not_hold_is_not_kept() {
        let room = Arc::new(Room::new(200_000, 2));
        let (mut capture, writer) = Capture::new(u64::MAX, &room).unwrap();
        let mut scratch = Scratch::new();
        for _ in 0..100 {
            assert_eq!(write(&writer, &[7; SMALL]).unwrap(), SMALL);
            capture.read(&mut scratch);
        }
        // Its own share, a quarter, and the half that is free.
        assert!((140_000..=150_000).contains(&capture.kept.len()), "{}", capture.kept.len());
        assert!(capture.truncated() && capture.kept.capacity() <= 150_000);
        let output =
            Output { stdout: capture, stderr: Capture::new(1, &room).unwrap().0, may_truncate: false };
        assert!(matches!(output.over_limit(), Some((Stream::Stdout, 140_000..=150_000))));
    }

    #[test]
    fn small_input_is_written_at_once_and_large_input_as_it_is_read() {
        let (small, reader) = Input::new(Bytes::from(vec![b'x'; SMALL])).unwrap();
        assert!(small.fd().is_none(), "the pipe is closed, so that the program sees the end");
        drop(reader);
        let bytes = Bytes::from(vec![b'y'; 1 << 20]);
        let (mut large, reader) = Input::new(bytes.clone()).unwrap();
        let (mut got, mut buffer) = (Vec::new(), [0; 100_000]);
        loop {
            let count = read(&reader, &mut buffer).unwrap();
            if count == 0 {
                break;
            }
            got.extend_from_slice(&buffer[..count]);
            large.write();
        }
        assert_eq!(got, bytes);
    }

    #[test]
    fn a_reader_that_is_gone_ends_the_input() {
        let (mut input, reader) = Input::new(Bytes::from(vec![b'y'; 1 << 20])).unwrap();
        drop(reader);
        input.write();
        assert!(input.fd().is_none());
    }
}
