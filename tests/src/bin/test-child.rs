//! The program of the test worker: `echo` gives its input back, `hang` never ends.

use std::io::{Read, Write, stdin, stdout};

fn main() -> std::io::Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("echo") => {
            let mut input = Vec::new();
            stdin().read_to_end(&mut input)?;
            stdout().write_all(&input)
        }
        Some("hang") => loop {
            std::thread::park();
        },
        other => Err(std::io::Error::other(format!("unknown command {other:?}"))),
    }
}
