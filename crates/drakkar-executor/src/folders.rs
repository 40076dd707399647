//! Folders for single attempts, removed when nobody holds them any more, and those that a killed worker left behind.

use std::{
    ffi::{OsStr, OsString},
    fs, io,
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::{DirBuilderExt, MetadataExt},
    },
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use drakkar_core::outcome;
use rustix::process::getuid;

use crate::orphans::Owner;

/// What stands for the folder in arguments and variables.
const PLACE: &[u8] = b"{scratch}";

/// The folders of one worker, in a folder of its own.
#[derive(Debug)]
pub(crate) struct Folders {
    base: PathBuf,
    /// The worker's own; made with the first folder in it.
    own: PathBuf,
    next: AtomicU64,
}

/// The folder of one attempt.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folders {
    /// Folders below this one. Removes what workers of this user left there that are gone.
    pub(crate) fn below(dir: &Path) -> io::Result<Self> {
        let base = dir.join(format!("drakkar-scratch-{}", getuid().as_raw()));
        let own = base.join(Owner::me()?.name());
        match sweep(&base) {
            Ok(0) => {}
            Ok(removed) => tracing::warn!(removed, "removed scratch folders of workers that are gone"),
            Err(error) => {
                tracing::warn!(%error, dir = %base.display(), "cannot look for old scratch folders")
            }
        }
        Ok(Self { base, own, next: AtomicU64::new(1) })
    }

    /// An empty folder.
    pub(crate) fn make(&self) -> Result<Arc<Folder>, String> {
        let path = self.own.join(self.next.fetch_add(1, Ordering::Relaxed).to_string());
        let make = || {
            private(&self.base)?;
            // Others may have put something there first, where everybody may write.
            let meta = fs::symlink_metadata(&self.base)?;
            if !meta.is_dir() || meta.uid() != getuid().as_raw() {
                return Err(io::Error::other(format!("`{}` belongs to somebody else", self.base.display())));
            }
            private(&self.own)?;
            fs::DirBuilder::new().mode(0o700).create(&path)
        };
        make().map_err(|error| {
            format!("no scratch folder at `{}`: {error}; see `executor.scratch_dir`", path.display())
        })?;
        Ok(Arc::new(Folder(path)))
    }
}

impl Drop for Folders {
    fn drop(&mut self) {
        // Results that are still held have their folders in it: then it stays for them.
        fs::remove_dir(&self.own).unwrap_or_default();
    }
}

fn private(dir: &Path) -> io::Result<()> {
    match fs::DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// Removes the folders of workers that are gone. Returns how many.
fn sweep(base: &Path) -> io::Result<usize> {
    let entries = match fs::read_dir(base) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    let mut removed = 0;
    for entry in entries.flatten() {
        let owner = entry.file_name().to_str().and_then(Owner::from_name);
        if owner.is_some_and(|owner| owner.is_gone()) && fs::remove_dir_all(entry.path()).is_ok() {
            removed += 1;
        }
    }
    Ok(removed)
}

impl Folder {
    /// A text with the path of the folder where the place for it is.
    pub(crate) fn fill(&self, text: &OsStr) -> OsString {
        let (mut rest, mut filled) = (text.as_bytes(), Vec::new());
        while let Some(at) = rest.windows(PLACE.len()).position(|window| window == PLACE) {
            filled.extend_from_slice(&rest[..at]);
            filled.extend_from_slice(self.0.as_os_str().as_bytes());
            rest = &rest[at + PLACE.len()..];
        }
        filled.extend_from_slice(rest);
        OsString::from_vec(filled)
    }
}

impl outcome::Folder for Folder {
    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, dir = %self.0.display(), "cannot remove a scratch folder");
        }
    }
}

#[cfg(test)]
mod tests {
    use drakkar_core::outcome::Folder as _;

    use super::*;

    #[test]
    fn a_folder_lives_as_long_as_somebody_holds_it() {
        let dir = tempfile::tempdir().unwrap();
        let folders = Folders::below(dir.path()).unwrap();
        let (one, two) = (folders.make().unwrap(), folders.make().unwrap());
        assert_ne!(one.path(), two.path());
        fs::write(one.path().join("file"), "x").unwrap();
        let (path, held) = (one.path().to_owned(), one.clone());
        drop(one);
        assert!(path.join("file").exists());
        drop(held);
        assert!(!path.exists() && two.path().exists());
        drop(two);
        let own = folders.own.clone();
        drop(folders);
        assert!(!own.exists());
    }

    #[test]
    fn what_a_worker_that_is_gone_left_behind_is_removed_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let alive = Folders::below(dir.path()).unwrap();
        let held = alive.make().unwrap();
        let gone = alive.base.join(format!("{}-1-{}", i32::MAX, "boot"));
        let strange = alive.base.join("somebody");
        for folder in [&gone, &strange] {
            fs::create_dir_all(folder.join("1")).unwrap();
        }
        let _again = Folders::below(dir.path()).unwrap();
        assert!(held.path().exists() && strange.exists() && !gone.exists());
    }

    #[test]
    fn the_place_is_filled_wherever_it_stands() {
        let folder = Folder("/s/1".into());
        for (text, filled) in [
            ("{scratch}/out", "/s/1/out"),
            ("a{scratch}b{scratch}", "a/s/1b/s/1"),
            ("{scratc}", "{scratc}"),
            ("", ""),
        ] {
            assert_eq!(folder.fill(OsStr::new(text)), filled);
        }
    }
}
