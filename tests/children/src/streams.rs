//! What the child writes.

use std::{
    env,
    fs::OpenOptions,
    io::{self, Write},
    os::unix::ffi::OsStrExt,
    thread,
    time::{Duration, Instant},
};

pub(crate) fn environment() -> io::Result<()> {
    let mut variables: Vec<_> = env::vars_os().collect();
    variables.sort();
    let mut out = io::stdout().lock();
    for (name, value) in variables {
        out.write_all(&[name.as_bytes(), b"=", value.as_bytes(), b"\n"].concat())?;
    }
    Ok(())
}

pub(crate) fn print_both(out: &str, err: &str) -> io::Result<()> {
    io::stdout().write_all(out.as_bytes())?;
    io::stderr().write_all(err.as_bytes())?;
    io::stdout().flush()
}

/// Writes without reading anything, to both streams by turns where that is asked for.
pub(crate) fn flood(bytes: &str, stream: &str) -> io::Result<()> {
    let mut left: u64 = if bytes == "endless" { u64::MAX } else { super::parse(bytes)? };
    let (to_stdout, to_stderr) = (stream != "stderr", stream != "stdout");
    let chunk = [b'x'; 8 << 10];
    while left > 0 {
        let now = &chunk[..usize::try_from(left).unwrap_or(usize::MAX).min(chunk.len())];
        if to_stdout {
            io::stdout().write_all(now)?;
        }
        if to_stderr {
            io::stderr().write_all(now)?;
        }
        left -= now.len() as u64;
    }
    io::stdout().flush()
}

pub(crate) fn drip(count: u32, milliseconds: u64) -> io::Result<()> {
    for n in 0..count {
        pause(Duration::from_millis(milliseconds));
        println!("drop {n}");
        io::stdout().flush()?;
    }
    Ok(())
}

/// Appending is atomic, so the file tells how many marked at once.
pub(crate) fn mark(file: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).create(true).open(file)?;
    file.write_all(b"+")?;
    pause(Duration::from_millis(10));
    file.write_all(b"-")
}

pub(crate) fn pause(time: Duration) {
    let end = Instant::now() + time;
    while let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
        thread::park_timeout(left);
    }
}
