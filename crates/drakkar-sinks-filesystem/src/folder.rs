//! Files below a folder, and nowhere else.

use std::{
    collections::HashMap,
    fs::File,
    io,
    os::fd::OwnedFd,
    path::{Component, Path},
};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, mkdirat, openat, openat2};

/// Files that are kept open.
const OPEN_FILES: usize = 128;

/// A handle of the base folder, and the files that were used last.
#[derive(Debug)]
pub(crate) struct Folder {
    base: OwnedFd,
    create: bool,
    open: HashMap<String, (u64, File)>,
    uses: u64,
}

impl Folder {
    /// Opens the base folder, making it first where that is allowed.
    pub(crate) fn open(path: &Path, create: bool) -> io::Result<Self> {
        if create {
            std::fs::create_dir_all(path)?;
        }
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY;
        let base = openat(CWD, path, flags, Mode::empty())?;
        Ok(Self { base, create, open: HashMap::new(), uses: 0 })
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
        let flags = OFlags::CREATE | OFlags::RDWR | OFlags::APPEND | OFlags::CLOEXEC;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        let mode = Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::ROTH;
        let file = File::from(openat2(&self.base, path, flags, mode, resolve)?);
        if !file.metadata()?.is_file() {
            return Err(rustix::io::Errno::ISDIR.into());
        }
        Ok(file)
    }

    fn make_parents(&self, path: &str) -> io::Result<()> {
        let Some(parent) = Path::new(path).parent() else { return Ok(()) };
        let mut made = std::path::PathBuf::new();
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        for component in parent.components() {
            // Each step is opened beneath the base first, so that a symlink cannot lead a new folder out of it.
            let flags = OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY;
            let here = match made.as_os_str().is_empty() {
                true => None,
                false => Some(openat2(&self.base, &made, flags, Mode::empty(), resolve)?),
            };
            let fd = here.as_ref().unwrap_or(&self.base);
            if let Component::Normal(name) = component {
                match mkdirat(fd, name, Mode::RWXU | Mode::RGRP | Mode::XGRP | Mode::ROTH | Mode::XOTH) {
                    Ok(()) | Err(rustix::io::Errno::EXIST) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            made.push(component);
        }
        Ok(())
    }
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
    } else if path.ends_with('/') || path.ends_with("/.") || path.ends_with("..") {
        Some("names a folder")
    } else if components().any(|c| c == Component::ParentDir) {
        Some("contains `..`")
    } else if components().any(|c| c.as_os_str().len() > 255) || path.len() > 4000 {
        Some("is too long")
    } else {
        None
    }
}
