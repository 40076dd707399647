//! A resident child that does with each request what its arguments say, right or wrong.

use std::{
    env, fs,
    io::{self, BufRead, Write},
    process, thread,
    time::Duration,
};

use nix::sys::signal::{Signal, raise};
use serde_json::{Value, json};

use crate::{parse, required, streams};

/// One request, whatever it came in.
struct Request {
    id: u64,
    args: Vec<String>,
    stdin: Vec<u8>,
    deadline_ms: u64,
}

/// Answers requests until there are no more. How it starts is up to `how`.
pub(crate) fn serve(how: &[String]) -> io::Result<u8> {
    match how.first().map(String::as_str) {
        Some("die") => return parse(required(how.get(1).map(String::as_str))?),
        // Dies of its start as long as a file is there.
        Some("die-while") if fs::exists(required(how.get(1).map(String::as_str))?)? => {
            eprintln!("no model here");
            return Ok(3);
        }
        Some("ready") => {
            pause(how.get(1).map(String::as_str))?;
            ready()?;
        }
        // Hears nothing, not even that its input was closed.
        Some("deaf") => crate::hang(None)?,
        _ => {}
    }
    let mut input = io::stdin().lock();
    let mut kept: Vec<u8> = Vec::new();
    while let Some(request) = next(&mut input)? {
        if let Some(code) = answer(request, &mut kept)? {
            return Ok(code);
        }
    }
    Ok(0)
}

fn is_binary() -> bool {
    env::var("DRAKKAR_PROTOCOL").is_ok_and(|protocol| protocol == "length_prefixed")
}

fn next(input: &mut impl BufRead) -> io::Result<Option<Request>> {
    let (id, head, stdin) = if is_binary() {
        let mut length = [0; 4];
        if input.read_exact(&mut length).is_err() {
            return Ok(None);
        }
        let mut body = vec![0; u32::from_be_bytes(length) as usize];
        input.read_exact(&mut body)?;
        let bad = || io::Error::other("a short request");
        let (id, rest) = body.split_first_chunk().ok_or_else(bad)?;
        let (length, rest) = rest.split_first_chunk().ok_or_else(bad)?;
        let (head, stdin) = rest.split_at_checked(u32::from_be_bytes(*length) as usize).ok_or_else(bad)?;
        (u64::from_be_bytes(*id), serde_json::from_slice::<Value>(head)?, stdin.to_vec())
    } else {
        let mut line = String::new();
        if input.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let head: Value = serde_json::from_str(&line)?;
        let stdin = head["stdin"].as_str().unwrap_or_default().as_bytes().to_vec();
        (head["id"].as_u64().unwrap_or_default(), head, stdin)
    };
    let args = head["args"].as_array().into_iter().flatten();
    let args = args.filter_map(|arg| arg.as_str().map(str::to_owned)).collect();
    let deadline_ms = head["deadline_ms"].as_u64().unwrap_or_default();
    Ok(Some(Request { id, args, stdin, deadline_ms }))
}

/// Does what a request says. A code if the child is to exit.
fn answer(request: Request, kept: &mut Vec<u8>) -> io::Result<Option<u8>> {
    let Request { id, args, stdin, deadline_ms } = request;
    let arg = |at: usize| args.get(at).map(String::as_str);
    match arg(0).unwrap_or("echo") {
        "echo" => say(id, 0, &stdin, b"")?,
        "pid" => say(id, 0, process::id().to_string().as_bytes(), b"")?,
        "deadline" => say(id, 0, deadline_ms.to_string().as_bytes(), b"")?,
        "exit" => say(id, parse(required(arg(1))?)?, b"out", b"err")?,
        "touch" => {
            fs::write(required(arg(1))?, "")?;
            say(id, 0, b"", b"")?;
        }
        "long" => say(id, 0, &vec![b'x'; parse(required(arg(1))?)?], b"")?,
        "sleep" => {
            pause(arg(1))?;
            say(id, 0, &stdin, b"")?;
        }
        // Answers later, while others are answered before it.
        "late" => {
            let time = arg(1).map(str::to_owned);
            thread::spawn(move || {
                pause(time.as_deref())?;
                say(id, 0, &stdin, b"")
            });
        }
        "heartbeats" => {
            for _ in 0..parse(required(arg(1))?)? {
                pause(Some("100"))?;
                heartbeat(id)?;
            }
            say(id, 0, b"alive", b"")?;
        }
        "mutter" => {
            eprintln!("muttering about {id}");
            say(id, 0, b"", b"")?;
        }
        "hang" => crate::hang(None)?,
        "die" => {
            eprintln!("giving up on {id}");
            return parse(required(arg(1))?).map(Some);
        }
        "signal" => raise(required(arg(1))?.parse::<Signal>().map_err(io::Error::from)?)?,
        // Answers, and is gone before the next request.
        "last" => {
            say(id, 0, b"", b"")?;
            return Ok(Some(0));
        }
        "half" => {
            raw(b"{\"id\":1,\"stdo")?;
            return Ok(Some(0));
        }
        "garbage" => raw(b"loading the model...\n\0\0\0\0")?,
        "wrong-id" => say(id + 1_000, 0, b"", b"")?,
        "twice" => {
            say(id, 0, b"", b"")?;
            say(id, 0, b"", b"")?;
        }
        "oversized" => raw(&[b'x'; 64 << 10].repeat(1024))?,
        "eat" => {
            kept.resize(kept.len() + parse::<usize>(required(arg(1))?)?, 1);
            say(id, 0, process::id().to_string().as_bytes(), b"")?;
        }
        other => say(id, 64, b"", format!("no command `{other}`").as_bytes())?,
    }
    Ok(None)
}

/// Does nothing for so many milliseconds.
fn pause(milliseconds: Option<&str>) -> io::Result<()> {
    streams::pause(Duration::from_millis(parse(required(milliseconds)?)?));
    Ok(())
}

fn say(id: u64, code: i32, stdout: &[u8], stderr: &[u8]) -> io::Result<()> {
    if is_binary() {
        let length = u32::try_from(stdout.len()).map_err(io::Error::other)?;
        let head: [&[u8]; 3] = [&id.to_be_bytes(), &code.to_be_bytes(), &length.to_be_bytes()];
        return frame(&[&head.concat(), stdout, stderr].concat());
    }
    let text = String::from_utf8_lossy;
    line(&json!({ "id": id, "exit_code": code, "stdout": text(stdout), "stderr": text(stderr) }))
}

fn heartbeat(id: u64) -> io::Result<()> {
    if is_binary() { frame(&id.to_be_bytes()) } else { line(&json!({ "id": id, "heartbeat": true })) }
}

fn ready() -> io::Result<()> {
    if is_binary() { frame(&[]) } else { line(&json!({ "ready": true })) }
}

fn frame(body: &[u8]) -> io::Result<()> {
    let length = u32::try_from(body.len()).map_err(io::Error::other)?;
    raw(&[&length.to_be_bytes(), body].concat())
}

fn line(value: &Value) -> io::Result<()> {
    raw(format!("{value}\n").as_bytes())
}

fn raw(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}
