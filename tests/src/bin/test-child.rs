//! The program of the test worker: `echo` gives its input back, `wait MILLISECONDS` does so later, `hang` never ends.

use std::{
    io::{Error, Read, Result, Write, stdin, stdout},
    time::{Duration, Instant},
};

fn main() -> Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("echo") => echo(),
        Some("wait") => {
            let millis = std::env::args().nth(2).and_then(|n| n.parse().ok());
            wait(Duration::from_millis(millis.ok_or_else(|| Error::other("how long?"))?));
            echo()
        }
        Some("hang") => loop {
            std::thread::park();
        },
        other => Err(Error::other(format!("unknown command {other:?}"))),
    }
}

fn echo() -> Result<()> {
    let mut input = Vec::new();
    stdin().read_to_end(&mut input)?;
    stdout().write_all(&input)
}

fn wait(time: Duration) {
    let until = Instant::now() + time;
    while let Some(left) = until.checked_duration_since(Instant::now()) {
        std::thread::park_timeout(left);
    }
}
