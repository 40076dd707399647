//! Files below a folder, and nowhere else.

use std::{
    collections::HashMap,
    fs::File,
    io,
    os::fd::OwnedFd,
    path::{Component, Path},
};

use rustix::{
    fs::{CWD, Mode, OFlags, ResolveFlags, fstat, fsync, mkdirat, openat, openat2},
    io::Errno,
};

/// Files that are kept open.
const OPEN_FILES: usize = 128;

/// A handle of the base folder, and the files that were used last.
#[derive(Debug)]
pub(crate) struct Folder {
    base: OwnedFd,
    /// Whether the kernel can keep a whole path below the base; else each component is opened alone.
    whole_paths: bool,
    create: bool,
    /// Whether a new file's entry is made safe against a power loss as well.
    sync_entries: bool,
    open: HashMap<String, (u64, File)>,
    uses: u64,
}

impl Folder {
    /// Opens the base folder, making it first where that is allowed.
    pub(crate) fn open(path: &Path, create: bool, sync_entries: bool) -> io::Result<Self> {
        if create {
            std::fs::create_dir_all(path)?;
        }
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY;
        let base = openat(CWD, path, flags, Mode::empty())?;
        let whole_paths = knows_openat2(&base);
        Ok(Self { base, whole_paths, create, sync_entries, open: HashMap::new(), uses: 0 })
    }

    /// Makes sure that files can be made here.
    pub(crate) fn probe(&self) -> io::Result<()> {
        let name = format!(".drakkar-probe-{}", std::process::id());
        let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        drop(openat(&self.base, &name, flags, Mode::RUSR | Mode::WUSR)?);
        Ok(rustix::fs::unlinkat(&self.base, &name, rustix::fs::AtFlags::empty())?)
    }

    /// The file of a path, open for reading its end and appending to it.
    pub(crate) fn file(&mut self, path: &str) -> io::Result<&File> {
        self.uses += 1;
        let uses = self.uses;
        // The file may have been rotated, deleted, or moved out of the base with its folder: lines for a handle kept
        // from before would be lost, or land outside.
        if self.open.get(path).is_some_and(|(_, file)| !self.leads_to(path, file)) {
            self.open.remove(path);
        }
        if !self.open.contains_key(path) {
            let file = self.open_file(path)?;
            if self.open.len() >= OPEN_FILES {
                self.close_oldest();
            }
            self.open.insert(path.to_owned(), (uses, file));
        }
        let entry = self.open.get_mut(path).ok_or_else(|| io::Error::other("the file was just opened"))?;
        entry.0 = uses;
        Ok(&entry.1)
    }

    /// Forgets a file whose handle may be bad.
    pub(crate) fn forget(&mut self, path: &str) {
        self.open.remove(path);
    }

    fn close_oldest(&mut self) {
        let oldest = self.open.iter().min_by_key(|(_, (used, _))| *used).map(|(path, _)| path.clone());
        if let Some(path) = oldest {
            self.open.remove(&path);
        }
    }

    fn open_file(&self, path: &str) -> io::Result<File> {
        if self.create {
            self.make_parents(path)?;
        }
        // Neither a pipe without a reader nor a terminal in the folder may hold the worker up.
        let never_wait = OFlags::NONBLOCK | OFlags::NOCTTY;
        let flags = OFlags::CREATE | OFlags::RDWR | OFlags::APPEND | OFlags::CLOEXEC | never_wait;
        let mode = Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::ROTH;
        let file = File::from(self.open_beneath(Path::new(path), flags, mode)?);
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        if self.sync_entries {
            self.sync_entries_of(path)?;
        }
        Ok(file)
    }

    /// Syncs the folders on the way to a file: its lines are of no use when its name is lost.
    fn sync_entries_of(&self, path: &str) -> io::Result<()> {
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY;
        for (at, _) in path.match_indices('/') {
            fsync(self.open_beneath(Path::new(&path[..at]), flags, Mode::empty())?)?;
        }
        Ok(fsync(&self.base)?)
    }

    /// Whether a path still names this very file.
    fn leads_to(&self, path: &str, file: &File) -> bool {
        let identity = |stat: rustix::fs::Stat| (stat.st_dev, stat.st_ino);
        let now = self
            .open_beneath(Path::new(path), OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
            .and_then(|fd| Ok(fstat(fd)?))
            .map(identity);
        matches!((now, fstat(file).map(identity)), (Ok(now), Ok(held)) if now == held)
    }

    /// Whether the base folder itself was deleted under us.
    pub(crate) fn is_gone(&self) -> bool {
        fstat(&self.base).is_ok_and(|stat| stat.st_nlink == 0)
    }

    /// Opens a path of plain components; nothing on the way leads out of the base.
    fn open_beneath(&self, path: &Path, flags: OFlags, mode: Mode) -> io::Result<OwnedFd> {
        if self.whole_paths {
            let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
            return Ok(openat2(&self.base, path, flags, mode, resolve)?);
        }
        self.open_by_component(path, flags, mode)
    }

    /// The way of kernels before 5.6: no symlink is followed at all, not even one that stays inside.
    fn open_by_component(&self, path: &Path, flags: OFlags, mode: Mode) -> io::Result<OwnedFd> {
        let name = path.file_name().ok_or(Errno::ISDIR)?;
        let mut folder: Option<OwnedFd> = None;
        for component in path.parent().into_iter().flat_map(Path::components) {
            let Component::Normal(component) = component else { return Err(Errno::XDEV.into()) };
            let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::PATH;
            folder = Some(openat(folder.as_ref().unwrap_or(&self.base), component, flags, Mode::empty())?);
        }
        let opened = openat(folder.as_ref().unwrap_or(&self.base), name, flags | OFlags::NOFOLLOW, mode)?;
        Ok(opened)
    }

    fn make_parents(&self, path: &str) -> io::Result<()> {
        let Some(parent) = Path::new(path).parent() else { return Ok(()) };
        let mut made = std::path::PathBuf::new();
        for component in parent.components() {
            // Each step is opened beneath the base first, so that a symlink cannot lead a new folder out of it.
            let flags = OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY;
            let here = match made.as_os_str().is_empty() {
                true => None,
                false => Some(self.open_beneath(&made, flags, Mode::empty())?),
            };
            let fd = here.as_ref().unwrap_or(&self.base);
            if let Component::Normal(name) = component {
                match mkdirat(fd, name, Mode::RWXU | Mode::RGRP | Mode::XGRP | Mode::ROTH | Mode::XOTH) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            made.push(component);
        }
        Ok(())
    }
}

/// Whether the kernel has `openat2` and the sandbox lets it through; some answer EPERM to a call they do not know.
fn knows_openat2(base: &OwnedFd) -> bool {
    openat2(base, ".", OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), ResolveFlags::BENEATH).is_ok()
}

/// One spelling for all that name the same file below the base, so that `a` and `./a` keep their order.
///
/// Only for a path that [`refuse`] lets through.
pub(crate) fn plain(path: &str) -> String {
    let components = path.split('/').filter(|component| !matches!(*component, "" | "."));
    components.collect::<Vec<_>>().join("/")
}

/// Why a path can never be written to, whatever the state of the disk.
pub(crate) fn refuse(path: &str) -> Option<&'static str> {
    let components = || Path::new(path).components();
    if path.is_empty() || path == "." {
        Some("names no file")
    } else if path.contains('\0') {
        Some("contains a NUL byte")
    } else if path.starts_with('/') {
        Some("is absolute; it must be relative to `base_path`")
    } else if path.ends_with('/') || path.ends_with("/.") || path == ".." || path.ends_with("/..") {
        Some("names a folder")
    } else if components().any(|c| c == Component::ParentDir) {
        Some("contains `..`")
    } else if components().any(|c| c.as_os_str().len() > 255) || path.len() > 4000 {
        Some("is too long")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    /// Both ways of opening must refuse the same escapes.
    #[test]
    fn nothing_leads_out_with_or_without_openat2() {
        let outside = tempfile::tempdir().unwrap();
        let base = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("file"), "").unwrap();
        fs::create_dir(base.path().join("in")).unwrap();
        symlink(outside.path(), base.path().join("folder")).unwrap();
        symlink(outside.path().join("file"), base.path().join("in/file")).unwrap();
        for whole_paths in [true, false] {
            for create in [true, false] {
                let mut folder = Folder { whole_paths, ..Folder::open(base.path(), create, true).unwrap() };
                for path in ["folder/new", "folder/sub/new", "in/file", "folder"] {
                    assert!(folder.file(path).is_err(), "{path}, openat2 {whole_paths}");
                }
                assert!(folder.file("in/good").is_ok() && folder.file("good").is_ok());
                assert_eq!(folder.file("made/new").is_ok(), create || base.path().join("made").exists());
            }
        }
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1, "nothing was made outside");
    }

    #[test]
    fn few_files_stay_open() {
        let base = tempfile::tempdir().unwrap();
        let mut folder = Folder::open(base.path(), false, false).unwrap();
        for n in 0..OPEN_FILES + 20 {
            folder.file(&n.to_string()).unwrap();
            folder.file("0").unwrap();
        }
        assert_eq!(folder.open.len(), OPEN_FILES);
        assert!(folder.open.contains_key("0") && !folder.open.contains_key("1"), "the oldest go first");
    }
}
