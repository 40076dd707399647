//! What processes that died have left: each of their markers is one crash.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read},
    path::PathBuf,
    time::SystemTime,
};

use super::{
    MarkerError, Suspects,
    folder::{Folder, Lock, discard, since_1970},
    layout::{self, Left},
};

/// Counts are forgotten after that long: nobody reads such an old message any more, and after the topic was made anew
/// its offsets are other messages.
const FORGET_AFTER_SECONDS: u64 = 7 * 24 * 3600;
/// Hook calls that are logged for each crash.
const LOGGED: usize = 10;

/// A marker without a process.
struct Dead {
    path: PathBuf,
    name: String,
    /// Its lock, so that nobody else takes it for dead while we are at it.
    _held: File,
    /// About when the process died.
    died: SystemTime,
    /// None when the file does not say whose it is.
    left: Option<Left>,
}

/// Counts the crashes that are not counted yet, deletes their markers, and tells whom to suspect.
pub(super) fn sweep(folder: &Folder, lock: &Lock) -> Result<Suspects, MarkerError> {
    let now = since_1970().as_secs();
    let mut put_aside = Vec::new();
    let mut memory = folder.recall(lock, &mut put_aside);
    let before = memory.clone();
    memory.counts.expire(now, FORGET_AFTER_SECONDS);

    let mut dead: Vec<Dead> = folder.markers()?.into_iter().filter_map(|path| dead(folder, path)).collect();
    // A row is a matter of order. Two crashes of one partition are at least a session timeout apart.
    dead.sort_by(|a, b| (a.died, &a.name).cmp(&(b.died, &b.name)));
    for marker in dead.iter().filter(|marker| !before.counted.contains(&marker.name)) {
        let Some(left) = &marker.left else { continue };
        report(left);
        left.settled.iter().for_each(|(partition, offset)| memory.counts.settle(*partition, *offset));
        memory.counts.crash(&left.marks, now);
    }
    memory.counted = dead.iter().map(|marker| marker.name.clone()).collect();

    if memory != before {
        folder.remember(lock, &memory)?;
    }
    // Only now: a marker that is deleted before it is counted is a crash that never was.
    for marker in dead {
        if marker.left.is_none_or(|left| left.damaged) {
            put_aside.push(folder.put_aside(
                &marker.path,
                ".damaged-marker",
                "it is cut short or was changed",
            ));
        } else {
            discard(&marker.path);
        }
    }
    Ok(Suspects::new(memory.counts, put_aside))
}

/// The marker at this path, if its process died.
fn dead(folder: &Folder, path: PathBuf) -> Option<Dead> {
    let open = || {
        // For writing, too: some network file systems lock only such a file.
        let file = OpenOptions::new().read(true).write(true).open(&path)?;
        let died = file.metadata()?.modified()?;
        let mut bytes = Vec::new();
        let free = match file.try_lock() {
            Ok(()) => true,
            Err(TryLockError::WouldBlock) => false,
            Err(TryLockError::Error(error)) => return Err(error),
        };
        (&file).take(layout::MOST_BYTES).read_to_end(&mut bytes)?;
        io::Result::Ok((file, died, bytes, free))
    };
    let (file, died, bytes, free) = match open() {
        Ok(opened) => opened,
        Err(error) => {
            let file = path.display();
            tracing::warn!(category = "lifecycle", %file, %error, "a crash marker cannot be read and is left alone");
            return None;
        }
    };
    // The lock goes with the process. A child that it forked may have kept it open, though.
    if !free && !layout::read_header(&bytes).is_some_and(|(header, _)| header.process.has_ended()) {
        return None;
    }
    let ours =
        |left: &Left| left.header.group == folder.scope.group && left.header.topic == folder.scope.topic;
    let left = layout::read(&bytes).filter(ours);
    let name = path.file_name()?.to_string_lossy().into_owned();
    Some(Dead { path, name, _held: file, died, left })
}

fn report(left: &Left) {
    let (worker, pid) = (&left.header.worker, left.header.process.pid);
    for mark in left.marks.iter().take(LOGGED) {
        let (partition, first, last) = (mark.partition, mark.first, mark.last);
        tracing::error!(
            category = "lifecycle", %worker, pid, hook = mark.hook.as_str(), partition, first, last,
            "a worker process died while this hook was busy with these messages"
        );
    }
    if let Some(more) = left.marks.len().checked_sub(LOGGED + 1) {
        tracing::error!(category = "lifecycle", %worker, pid, more = more + 1, "more hooks were busy");
    }
}

/// Forgets messages that settled, for a worker that stops in order.
pub(super) fn forget(folder: &Folder, lock: &Lock, settled: &[(i32, i64)]) -> Result<(), MarkerError> {
    if settled.is_empty() {
        return Ok(());
    }
    let mut memory = folder.recall(lock, &mut Vec::new());
    let before = memory.clone();
    settled.iter().for_each(|(partition, offset)| memory.counts.settle(*partition, *offset));
    if memory != before {
        folder.remember(lock, &memory)?;
    }
    Ok(())
}

/// Deletes the marker of a worker that stops in order.
pub(super) fn delete(path: &std::path::Path) -> Result<(), MarkerError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(MarkerError::folder("delete", path)(error))
        }
        _ => Ok(()),
    }
}
