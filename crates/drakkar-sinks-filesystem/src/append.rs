//! Appending whole lines: all of a write, or nothing of it.

use std::{
    fs::File,
    io::{self, Write},
    os::unix::fs::FileExt,
};

use rustix::fs::{FlockOperation, flock};

/// Appends these bytes, which end in a line end. Undoes what was written when it fails.
pub(crate) fn append(file: &File, bytes: &[u8], fsync: bool) -> io::Result<()> {
    append_with(
        file,
        bytes,
        |mut file, bytes| file.write(bytes),
        |f| if fsync { f.sync_data() } else { Ok(()) },
    )
}

/// [`append`] with the calls that can fail as arguments, for tests.
fn append_with(
    file: &File,
    bytes: &[u8],
    write: impl Fn(&File, &[u8]) -> io::Result<usize>,
    sync: impl FnOnce(&File) -> io::Result<()>,
) -> io::Result<()> {
    let _lock = Lock::take(file);
    let before = file.metadata()?.len();
    seal(file, before)?;
    let start = file.metadata()?.len();
    let mut done = 0;
    let written = loop {
        if done == bytes.len() {
            break sync(file);
        }
        match write(file, &bytes[done..]) {
            Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
            Ok(more) => done += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => break Err(error),
        }
    };
    // A retry must not find half a line. What somebody else appended behind it stays: then the next write seals it.
    if written.is_err() && done > 0 && file.metadata()?.len() == start + done as u64 {
        file.set_len(start)?;
    }
    written
}

/// Keeps other workers that write the same file away while this one writes, so that undoing cannot cut their lines.
struct Lock<'a>(Option<&'a File>);

impl<'a> Lock<'a> {
    fn take(file: &'a File) -> Self {
        // A file system without locks is used by one worker, or takes the small risk.
        Self(flock(file, FlockOperation::LockExclusive).is_ok().then_some(file))
    }
}

impl Drop for Lock<'_> {
    fn drop(&mut self) {
        if let Some(file) = self.0 {
            flock(file, FlockOperation::Unlock).unwrap_or_default();
        }
    }
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

#[cfg(test)]
mod tests {
    use std::{cell::Cell, fs};

    use rustix::io::Errno;

    use super::*;

    fn open(path: &std::path::Path) -> File {
        File::options().read(true).append(true).create(true).open(path).unwrap()
    }

    #[test]
    fn a_write_that_fails_half_way_leaves_no_half_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        fs::write(&path, "torn").unwrap();
        let file = open(&path);
        let full = Cell::new(false);
        let write = |mut file: &File, bytes: &[u8]| {
            if full.replace(true) { Err(Errno::NOSPC.into()) } else { file.write(&bytes[..3]) }
        };
        append_with(&file, b"one line\n", write, |_| Ok(())).unwrap_err();
        assert_eq!(fs::read_to_string(&path).unwrap(), "torn\n");
        append(&file, b"one line\n", true).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "torn\none line\n");
    }

    #[test]
    fn undoing_leaves_what_somebody_else_appended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        let (file, other) = (open(&path), open(&path));
        let full = Cell::new(false);
        let write = |mut file: &File, bytes: &[u8]| {
            if full.replace(true) {
                (&other).write_all(b"theirs\n")?;
                return Err(Errno::NOSPC.into());
            }
            file.write(&bytes[..3])
        };
        append_with(&file, b"one line\n", write, |_| Ok(())).unwrap_err();
        assert_eq!(fs::read_to_string(&path).unwrap(), "onetheirs\n");
    }

    #[test]
    fn a_sync_that_fails_undoes_the_write() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        let file = open(&path);
        let write = |mut file: &File, bytes: &[u8]| file.write(bytes);
        append_with(&file, b"line\n", write, |_| Err(Errno::IO.into())).unwrap_err();
        assert_eq!(fs::read_to_string(&path).unwrap(), "");
    }
}
