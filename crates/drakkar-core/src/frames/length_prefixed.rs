//! Four bytes of length and that many bytes, for binary data and speed. All numbers are big-endian.
//!
//! A request: id (8 bytes), length of the head (4), the head as JSON, standard input. An answer: id (8), exit code (4),
//! length of standard output (4), standard output, standard error. The id alone is a heartbeat, an empty frame means "ready".

use super::{Answer, Frame, FrameError, Head, Request, copied};

pub(super) fn encode(request: &Request<'_>, out: &mut Vec<u8>) -> Result<(), String> {
    let head = Head::of(request)?;
    let stdin = request.command.stdin.as_deref().unwrap_or_default();
    let start = out.len();
    out.reserve(64 + stdin.len());
    out.extend([0; 4]);
    out.extend(request.id.to_be_bytes());
    out.extend([0; 4]);
    let body = out.len();
    head.write(out)?;
    let head = length(out.len() - body)?;
    out[body - 4..body].copy_from_slice(&head);
    out.extend_from_slice(stdin);
    let whole = length(out.len() - start - 4)?;
    out[start..start + 4].copy_from_slice(&whole);
    Ok(())
}

fn length(bytes: usize) -> Result<[u8; 4], String> {
    let length = u32::try_from(bytes);
    length
        .map(u32::to_be_bytes)
        .map_err(|_| format!("a request of {bytes} bytes is longer than a frame can be"))
}

pub(super) fn decode(frame: &[u8]) -> Result<Frame, FrameError> {
    if frame.is_empty() {
        return Ok(Frame::Ready);
    }
    let short = || FrameError::malformed(format!("a frame of {} bytes is too short", frame.len()), frame);
    let (id, rest) = frame.split_first_chunk().ok_or_else(short)?;
    let id = u64::from_be_bytes(*id);
    if rest.is_empty() {
        return Ok(Frame::Heartbeat { id });
    }
    let (code, rest) = rest.split_first_chunk().ok_or_else(short)?;
    let (stdout, rest) = rest.split_first_chunk().ok_or_else(short)?;
    let length = usize::try_from(u32::from_be_bytes(*stdout)).unwrap_or(usize::MAX);
    let Some((stdout, stderr)) = rest.split_at_checked(length) else {
        let what = format!("standard output of {length} bytes in a frame that has {} left", rest.len());
        return Err(FrameError::malformed(what, frame));
    };
    let exit_code = i32::from_be_bytes(*code);
    Ok(Frame::Answer(Answer { id, exit_code, stdout: copied(stdout), stderr: copied(stderr) }))
}
