//! The folder for crash markers where the configuration names none.

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
};

use rustix::process::geteuid;

/// A folder of this user alone: in memory where there is such a place, else among the temporary files.
///
/// # Errors
/// When it cannot be made, or somebody else has put something in its place.
pub fn usual_folder() -> io::Result<PathBuf> {
    let memory = Path::new("/dev/shm");
    let base = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    own_folder(&base)
}

fn own_folder(base: &Path) -> io::Result<PathBuf> {
    let user = geteuid().as_raw();
    let folder = base.join(format!("drakkar-{user}"));
    match DirBuilder::new().mode(0o700).create(&folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    // Anybody may put things into such a place: a link or a folder of somebody else is not ours to use.
    let found = fs::symlink_metadata(&folder)?;
    if !found.is_dir() || found.uid() != user {
        let text = format!("`{}` is not a folder of this user", folder.display());
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn it_is_made_once_and_a_link_is_refused() {
        let base = tempfile::tempdir().unwrap();
        let folder = own_folder(base.path()).unwrap();
        assert_eq!(own_folder(base.path()).unwrap(), folder);
        assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
        fs::remove_dir(&folder).unwrap();
        symlink("/tmp", &folder).unwrap();
        assert_eq!(own_folder(base.path()).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    }
}
