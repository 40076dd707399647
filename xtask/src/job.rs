//! Programs that a verb runs, in a process group of their own, so that an interrupt ends them before the verb cleans up.

use std::{
    fmt,
    io::{BufRead, BufReader, Write},
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{Child, ChildStdout, Command, ExitCode, ExitStatus, Stdio},
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use nix::{
    errno::Errno,
    sys::signal::{Signal, killpg},
    unistd::Pid,
};

/// Time for a program to end after an interrupt.
const GRACE: Duration = Duration::from_secs(10);
/// Time for the rest of the output, once the program has ended: what it left behind may hold the pipe.
const LEFT_OUTPUT: Duration = Duration::from_secs(2);

/// A signal ended the work.
#[derive(Debug)]
struct Interrupted(i32);

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("interrupted")
    }
}

impl std::error::Error for Interrupted {}

/// The exit code for an error: as shells have it for a signal, else 1.
pub(crate) fn exit_code_of(error: &anyhow::Error) -> ExitCode {
    match error.downcast_ref::<Interrupted>() {
        Some(Interrupted(signal)) => u8::try_from(128 + signal).map_or(ExitCode::FAILURE, ExitCode::from),
        None => ExitCode::FAILURE,
    }
}

/// Whether a signal ended the work.
pub(crate) fn is_interrupt(error: &anyhow::Error) -> bool {
    error.is::<Interrupted>()
}

/// The exit code of a program, handed on.
pub(crate) fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// Makes SIGINT and SIGTERM wait for the clean-up. Called before anything starts that needs one.
pub(crate) fn hold_interrupts() -> Result<()> {
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        let value = usize::try_from(signal)?;
        signal_hook::flag::register_usize(signal, Arc::clone(pending()), value)
            .context("handling signals")?;
    }
    Ok(())
}

fn pending() -> &'static Arc<AtomicUsize> {
    static PENDING: OnceLock<Arc<AtomicUsize>> = OnceLock::new();
    PENDING.get_or_init(Arc::default)
}

/// The signal that came, if any.
fn interrupted() -> Option<i32> {
    i32::try_from(pending().load(Ordering::Relaxed)).ok().filter(|signal| *signal != 0)
}

/// Runs a program to its end.
///
/// # Errors
/// When it cannot be started, or an interrupt came; the program has ended then as well.
pub(crate) fn run(command: &mut Command) -> Result<ExitStatus> {
    wait(&mut spawn(command)?)
}

/// Runs a program to its end and hands each line of its output to `see`, after showing it.
pub(crate) fn run_and_read<T: Default + Send + 'static>(
    command: &mut Command,
    see: fn(&mut T, &str),
) -> Result<(ExitStatus, T)> {
    let mut child = spawn(command.stdout(Stdio::piped()))?;
    let seen = Arc::new(Mutex::new(T::default()));
    let output = child.stdout.take().context("the output is a pipe")?;
    let reader = thread::Builder::new().name("output".into()).spawn({
        let seen = Arc::clone(&seen);
        move || show(output, |line| see(&mut seen.lock().unwrap_or_else(PoisonError::into_inner), line))
    })?;
    let status = wait(&mut child)?;
    let deadline = Instant::now() + LEFT_OUTPUT;
    while !reader.is_finished() && Instant::now() < deadline {
        thread::park_timeout(Duration::from_millis(10));
    }
    let seen = std::mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner));
    Ok((status, seen))
}

fn show(output: ChildStdout, mut see: impl FnMut(&str)) {
    for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        // With our own output closed the work still goes on to its end.
        writeln!(std::io::stdout(), "{line}").unwrap_or_default();
        see(&line);
    }
}

fn spawn(command: &mut Command) -> Result<Child> {
    if let Some(signal) = interrupted() {
        return Err(Interrupted(signal).into());
    }
    let child = command.stdin(Stdio::null()).process_group(0).spawn();
    child.with_context(|| format!("starting {}", command.get_program().display()))
}

fn wait(child: &mut Child) -> Result<ExitStatus> {
    let group = Pid::from_raw(i32::try_from(child.id())?);
    let mut pause = Duration::from_millis(1);
    let mut ending: Option<Instant> = None;
    loop {
        if let Some(status) = child.try_wait().context("waiting for a program")? {
            let Some(signal) = interrupted() else { return Ok(status) };
            // Its own children may have missed the signal: their leader is gone, the group is not.
            kill_group(group, Signal::SIGKILL)?;
            return Err(Interrupted(signal).into());
        }
        match (interrupted(), ending) {
            (Some(_), None) => {
                kill_group(group, Signal::SIGTERM)?;
                ending = Some(Instant::now());
            }
            (Some(_), Some(since)) if since.elapsed() > GRACE => kill_group(group, Signal::SIGKILL)?,
            _ => {}
        }
        thread::park_timeout(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

fn kill_group(group: Pid, signal: Signal) -> Result<()> {
    match killpg(group, signal) {
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(errno) => Err(errno).with_context(|| format!("sending {signal} to group {group}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_read_and_the_status_handed_on() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; echo two; exit 3"]);
        let (status, lines) =
            run_and_read(&mut command, |lines: &mut Vec<String>, line| lines.push(line.to_owned())).unwrap();
        assert_eq!(status.code(), Some(3));
        assert_eq!(lines, ["one", "two"]);
    }

    #[test]
    fn a_program_that_cannot_start_is_named() {
        let error = run(&mut Command::new("drakkar-no-such-program")).unwrap_err().to_string();
        assert!(error.contains("drakkar-no-such-program"), "{error}");
    }
}
