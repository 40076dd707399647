//! Processes that the child starts and does not wait for.

use std::{
    env, fs, io,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

/// Starts a process that outlives this one, and tells its id.
pub(crate) fn leave(kind: &str) -> io::Result<u32> {
    let mut command = Command::new(env::current_exe()?);
    command.stdin(Stdio::null());
    match kind {
        "holding" => command.arg("hang"),
        "quiet" => command.arg("hang").stdout(Stdio::null()).stderr(Stdio::null()),
        "talking" => command.args(["drip", "3", "50"]),
        "endless" => command.args(["drip", "1000000", "20"]),
        "away" => {
            // It must have left before this one ends and is cleaned up after.
            let ready = env::temp_dir().join(format!("drakkar-away-{}", std::process::id()));
            let child = command.arg("away").arg(&ready).spawn()?;
            wait_for(&ready);
            fs::remove_file(ready)?;
            return Ok(child.id());
        }
        other => return Err(io::Error::other(format!("nothing to leave is called `{other}`"))),
    };
    Ok(command.spawn()?.id())
}

/// Starts a process that tells its id itself, once its signals are set up.
pub(crate) fn parent(kind: &str, file: &str) -> io::Result<()> {
    let mut command = Command::new(env::current_exe()?);
    command.stdin(Stdio::null()).arg(kind);
    if kind == "on-term" {
        command.arg("0");
    }
    command.arg(file).spawn()?;
    Ok(())
}

fn wait_for(file: &Path) {
    while !file.exists() {
        thread::park_timeout(Duration::from_millis(1));
    }
}
