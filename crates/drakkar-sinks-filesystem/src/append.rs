//! Appending whole lines: all of a write, or nothing of it.

use std::{
    fs::File,
    io::{self, Write},
    os::unix::fs::FileExt,
};

/// Appends these bytes, which end in a line end. Undoes what was written when it fails.
pub(crate) fn append(file: &File, bytes: &[u8], fsync: bool) -> io::Result<()> {
    let before = file.metadata()?.len();
    let written = seal(file, before).and_then(|()| {
        let mut file = file;
        file.write_all(bytes)
    });
    let written = match written {
        Ok(()) if fsync => file.sync_data(),
        other => other,
    };
    if written.is_err() {
        // A retry must not find half a line. When even this fails, the next write seals what is left.
        file.set_len(before).unwrap_or_default();
    }
    written
}

/// Closes a last line that a crash left torn, so that it does not swallow the next one.
fn seal(file: &File, length: u64) -> io::Result<()> {
    let mut last = [b'\n'];
    if length > 0 && file.read_at(&mut last, length - 1)? == 1 && last[0] != b'\n' {
        let mut file = file;
        file.write_all(b"\n")?;
    }
    Ok(())
}
