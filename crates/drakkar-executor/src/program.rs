//! Finding programs: from a configured name to an absolute path, once per name.

use std::{
    collections::HashMap,
    env, io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use rustix::fs::{Access, access};

use crate::error::ProgramError;

/// More distinct programs than this are looked up again and again, which is slow but right.
const CACHED: usize = 256;

/// The programs found so far.
#[derive(Debug)]
pub(crate) struct Programs {
    default: Option<Arc<Path>>,
    found: Mutex<HashMap<PathBuf, Arc<Path>>>,
}

impl Programs {
    /// Finds the default program.
    pub(crate) fn new(default: Option<&Path>) -> Result<Self, ProgramError> {
        let default = default.map(find).transpose()?.map(Arc::from);
        Ok(Self { default, found: Mutex::default() })
    }

    /// The absolute path of the program of a task, or the reason why there is none.
    pub(crate) fn resolve(&self, wanted: Option<&Path>) -> Result<Arc<Path>, String> {
        let Some(wanted) = wanted.filter(|path| !path.as_os_str().is_empty()) else {
            return self.default.clone().ok_or_else(|| {
                "no program: neither the task's `program` nor the setting `executor.binary_path` is set"
                    .to_owned()
            });
        };
        if let Some(path) = self.found().get(wanted) {
            return Ok(path.clone());
        }
        let path: Arc<Path> =
            find(wanted).map_err(|error| drakkar_core::error::chain(&error).to_string())?.into();
        let mut found = self.found();
        if found.len() >= CACHED {
            found.clear();
        }
        found.insert(wanted.to_owned(), path.clone());
        Ok(path)
    }

    /// Drops what was found, as a path of it has gone: the next task looks again.
    pub(crate) fn forget(&self, path: &Path) {
        self.found().retain(|_, found| **found != *path);
    }

    fn found(&self) -> std::sync::MutexGuard<'_, HashMap<PathBuf, Arc<Path>>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A bare name is looked up in the worker's `PATH`; anything with a slash is relative to its working directory.
fn find(program: &Path) -> Result<PathBuf, ProgramError> {
    let bytes = program.as_os_str().as_bytes();
    let bad = |what| ProgramError::BadName { name: program.to_owned(), what };
    if bytes.is_empty() {
        return Err(bad("empty"));
    }
    if bytes.contains(&0) {
        return Err(bad("broken by a NUL byte"));
    }
    if bytes.contains(&b'/') {
        return check(absolute(program)?);
    }
    find_in_path(program)
}

fn find_in_path(name: &Path) -> Result<PathBuf, ProgramError> {
    let mut best = ProgramError::NotInPath { name: name.to_owned() };
    let Some(path) = env::var_os("PATH") else { return Err(best) };
    for dir in env::split_paths(&path) {
        // An empty entry of PATH is the working directory.
        let dir = if dir.as_os_str().is_empty() { Path::new(".").to_owned() } else { dir };
        match check(absolute(&dir.join(name))?) {
            Ok(path) => return Ok(path),
            // A file that cannot be run tells more than "nowhere", but a later directory may still have a good one.
            Err(error @ ProgramError::NotExecutable { .. }) => best = error,
            Err(_) => {}
        }
    }
    Err(best)
}

fn absolute(path: &Path) -> Result<PathBuf, ProgramError> {
    std::path::absolute(path).map_err(|source| ProgramError::Inaccessible { path: path.to_owned(), source })
}

fn check(path: PathBuf) -> Result<PathBuf, ProgramError> {
    let metadata = match path.metadata() {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(ProgramError::Missing { path }),
        Err(source) => return Err(ProgramError::Inaccessible { path, source }),
    };
    if metadata.is_dir() {
        return Err(ProgramError::NotAFile { path, what: "a directory" });
    }
    if !metadata.is_file() {
        return Err(ProgramError::NotAFile { path, what: "a special file" });
    }
    match access(&path, Access::EXEC_OK) {
        Ok(()) => Ok(path),
        Err(_) => Err(ProgramError::NotExecutable { path }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_name_is_found_in_path() {
        let path = find(Path::new("ls")).unwrap();
        assert!(path.is_absolute() && path.ends_with("ls"), "{path:?}");
    }

    #[test]
    fn a_relative_path_becomes_absolute() {
        let dir = tempfile::tempdir_in(".").unwrap();
        let file = dir.path().join("tool");
        std::fs::copy(find(Path::new("ls")).unwrap(), &file).unwrap();
        let relative = Path::new(".").join(dir.path().file_name().unwrap()).join("tool");
        assert_eq!(find(&relative).unwrap(), env::current_dir().unwrap().join(file));
    }

    #[test]
    fn errors_name_the_path_and_the_reason() {
        let dir = tempfile::tempdir().unwrap();
        let plain = dir.path().join("plain");
        std::fs::write(&plain, "text").unwrap();
        for (path, reason) in [
            (dir.path().to_owned(), "is a directory"),
            (dir.path().join("none"), "does not exist"),
            (plain, "is not executable"),
        ] {
            let error = find(&path).unwrap_err().to_string();
            assert!(error.contains(&path.display().to_string()) && error.contains(reason), "{error}");
        }
    }

    #[test]
    fn no_program_at_all_names_both_settings() {
        let reason = Programs::new(None).unwrap().resolve(None).unwrap_err();
        assert!(reason.contains("`program`") && reason.contains("executor.binary_path"), "{reason}");
    }

    #[test]
    fn the_cache_is_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let programs = Programs::new(None).unwrap();
        let ls = find(Path::new("ls")).unwrap();
        for n in 0..CACHED + 10 {
            let link = dir.path().join(n.to_string());
            std::os::unix::fs::symlink(&ls, &link).unwrap();
            assert_eq!(*programs.resolve(Some(&link)).unwrap(), *link);
            assert!(programs.found().len() <= CACHED);
        }
    }
}
