//! Why there is no crash marker.

use std::{io, path::PathBuf, time::Duration};

use drakkar_core::error::Class;

/// Why the crash marker cannot be used. The worker can run without it, but then nothing ends a crash loop.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MarkerError {
    /// The folder, or a file in it, cannot be used.
    #[error(
        "failed to {doing} `{}` for the crash marker; give the worker a folder that it may write to, with room, on a \
         local disk or in memory", path.display()
    )]
    Folder {
        /// What was being done.
        doing: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// Another worker holds the folder's lock, and does not let go.
    #[error(
        "another process has held `{}` for {} s, so the crash markers beside it cannot be read; find and end that \
         process (it may be stopped or stuck on its disk), then start again", lock.display(), waited.as_secs_f64()
    )]
    Busy {
        /// The lock file.
        lock: PathBuf,
        /// How long it was waited for.
        waited: Duration,
    },
}

impl MarkerError {
    pub(super) fn folder(
        doing: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> MarkerError {
        let path = path.into();
        move |source| MarkerError::Folder { doing, path, source }
    }

    /// Whether trying again can help.
    pub fn class(&self) -> Class {
        match self {
            MarkerError::Folder { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                Class::Transient
            }
            MarkerError::Folder { .. } => Class::Config,
            MarkerError::Busy { .. } => Class::Transient,
        }
    }
}
