//! Servers whose test is gone: found by the note that was left when they started, and ended.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::process::Process;

/// What is written down about a server that a test started.
#[derive(Deserialize, Serialize)]
struct Note {
    server: Process,
    owner: Process,
}

/// Notes that this process owns a server.
pub(super) fn note(server: Process) -> Result<()> {
    let note = Note { server, owner: Process::current()? };
    fs::create_dir_all(folder()).context("making a folder for notes")?;
    fs::write(path(server), serde_json::to_vec(&note)?).context("writing a note")
}

/// Forgets a server that has ended, or that is nobody's any more.
pub(super) fn forget(server: Process) {
    // The note may be gone already: another process may have swept.
    fs::remove_file(path(server)).unwrap_or_default();
}

/// Ends servers whose owner is gone, as after a test run that was killed. Returns how many.
///
/// # Errors
/// When the notes cannot be read or a server cannot be ended.
pub fn sweep() -> Result<usize> {
    let Ok(entries) = fs::read_dir(folder()) else { return Ok(0) };
    let mut ended = 0;
    for entry in entries {
        let path = entry.context("reading the notes")?.path();
        let note = fs::read(&path).ok().and_then(|text| serde_json::from_slice::<Note>(&text).ok());
        let Some(note) = note else { continue };
        if note.owner.runs() {
            continue;
        }
        if note.server.runs() {
            note.server.kill()?;
            ended += 1;
        }
        forget(note.server);
    }
    Ok(ended)
}

fn folder() -> PathBuf {
    super::folder().join("owned")
}

fn path(server: Process) -> PathBuf {
    folder().join(format!("{}-{}.json", server.pid, server.started))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::services::process::spawn;

    #[test]
    fn a_server_without_an_owner_is_ended_and_one_with_an_owner_is_not() {
        let log = tempfile::tempdir().unwrap();
        // `tail -f` is on every machine and never ends by itself.
        let start =
            || spawn(Command::new("tail").args(["-f", "/dev/null"]), &log.path().join("log")).unwrap();
        let (mut owned, mut orphan) = (start(), start());
        let server = |pid| Process::find(pid).unwrap();
        note(server(owned.id())).unwrap();
        let owner = Process { started: 1, ..Process::current().unwrap() };
        let lost = Note { server: server(orphan.id()), owner };
        fs::write(path(lost.server), serde_json::to_vec(&lost).unwrap()).unwrap();

        assert!(sweep().unwrap() >= 1);
        assert!(!orphan.wait().unwrap().success());
        assert!(server(owned.id()).runs());

        forget(server(owned.id()));
        owned.kill().unwrap();
        owned.wait().unwrap();
    }
}
