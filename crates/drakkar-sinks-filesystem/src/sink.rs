//! The sink: connect, deliver, close.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use drakkar_core::{
    BoxFuture,
    error::Class,
    payload::{Content, Payload, SinkKind},
    sink::{Batching, Failure, Sink, Verdict},
};
use rustix::io::Errno;
use tokio::task::spawn_blocking;

use crate::{
    Settings, append,
    folder::{Folder, plain, refuse},
};

/// Appends lines to files below one folder.
#[derive(Debug)]
pub struct FilesystemSink {
    settings: Settings,
    /// Absent before `connect` and after `close`.
    folder: Arc<Mutex<Option<Folder>>>,
}

/// The lines of a batch for one file, and the payloads they come from.
#[derive(Debug, Default)]
struct Lines {
    bytes: Vec<u8>,
    payloads: Vec<usize>,
}

impl FilesystemSink {
    /// A sink with these settings. Touches nothing.
    ///
    /// # Errors
    /// None so far; every check of the folder needs the disk and belongs to `connect`.
    pub fn new(settings: Settings) -> Result<Self, Failure> {
        Ok(Self { settings, folder: Arc::default() })
    }

    async fn connect_now(&self) -> Result<(), Failure> {
        let settings = self.settings.clone();
        let folder = blocking(move || {
            let folder = Folder::open(&settings.base_path, settings.create_folders, settings.fsync)?;
            folder.probe()?;
            Ok(folder)
        });
        let folder = folder.await.map_err(|error: io::Error| {
            let path = self.settings.base_path.display();
            Failure::new(Class::Config, format!("the folder {path} cannot be written: {error}"))
        })?;
        *self.folder.lock().unwrap_or_else(PoisonError::into_inner) = Some(folder);
        Ok(())
    }

    async fn deliver_all(&self, payloads: &[Payload]) -> Vec<Verdict> {
        let mut verdicts = vec![Verdict::Delivered; payloads.len()];
        let mut files: BTreeMap<String, Lines> = BTreeMap::new();
        for (index, payload) in payloads.iter().enumerate() {
            let Content::Append(append) = &payload.content else {
                verdicts[index] = self.failed(Class::Permanent, "it takes lines of files only");
                continue;
            };
            if let Some(reason) = refuse(&append.path) {
                verdicts[index] = self.failed(Class::Permanent, &format!("path `{}` {reason}", append.path));
                continue;
            }
            let lines = files.entry(plain(&append.path)).or_default();
            lines.bytes.extend_from_slice(&append.line);
            lines.bytes.push(b'\n');
            lines.payloads.push(index);
        }
        let folder = self.folder.clone();
        let fsync = self.settings.fsync;
        let written = blocking(move || {
            let mut folder = folder.lock().unwrap_or_else(PoisonError::into_inner);
            let folder = folder.as_mut().ok_or_else(|| io::Error::other("the sink is not connected"))?;
            Ok(write_files(folder, files, fsync))
        });
        match written.await {
            Ok(failures) => {
                for (path, indexes, error) in failures {
                    let text = format!("path `{path}`: {error}");
                    for index in indexes {
                        verdicts[index] = self.failed(class(&error), &text);
                    }
                }
            }
            Err(error) => {
                for verdict in verdicts.iter_mut().filter(|v| v.is_delivered()) {
                    *verdict = self.failed(Class::Transient, &error.to_string());
                }
            }
        }
        verdicts
    }

    fn failed(&self, class: Class, text: &str) -> Verdict {
        Verdict::Failed(Failure::new(class, format!("filesystem sink `{}`: {text}", self.settings.name)))
    }
}

/// Writes each file's lines. Returns the files that failed, with their payloads.
fn write_files(
    folder: &mut Folder,
    files: BTreeMap<String, Lines>,
    fsync: bool,
) -> Vec<(String, Vec<usize>, io::Error)> {
    let mut failures = Vec::new();
    for (path, lines) in files {
        let written = folder.file(&path).and_then(|file| append::append(file, &lines.bytes, fsync));
        if let Err(error) = written {
            folder.forget(&path);
            let error = if folder.is_gone() {
                io::Error::new(io::ErrorKind::PermissionDenied, "the folder `base_path` was deleted")
            } else {
                error
            };
            failures.push((path, lines.payloads, error));
        }
    }
    failures
}

fn class(error: &io::Error) -> Class {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    match errno {
        None if error.kind() == io::ErrorKind::InvalidInput => Class::Permanent,
        None if error.kind() == io::ErrorKind::PermissionDenied => Class::Config,
        Some(
            Errno::NOENT
            | Errno::ISDIR
            | Errno::NOTDIR
            | Errno::XDEV
            | Errno::LOOP
            | Errno::NAMETOOLONG
            | Errno::INVAL,
        ) => Class::Permanent,
        Some(Errno::ACCESS | Errno::ROFS | Errno::PERM) => Class::Config,
        // A full disk, a quota, too many open files, an I/O error: another moment may be better.
        _ => Class::Transient,
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    spawn_blocking(work).await.map_err(|error| io::Error::other(format!("the write panicked: {error}")))?
}

impl Sink for FilesystemSink {
    fn kind(&self) -> SinkKind {
        SinkKind::Filesystem
    }

    fn batching(&self) -> Batching {
        Batching { max_items: 5_000, max_bytes: 4 << 20, linger: Duration::from_millis(5), concurrency: 1 }
    }

    fn connect(&self) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(self.connect_now())
    }

    fn deliver<'a>(&'a self, batch: &'a [Payload]) -> BoxFuture<'a, Vec<Verdict>> {
        Box::pin(self.deliver_all(batch))
    }

    fn close(&self) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async {
            *self.folder.lock().unwrap_or_else(PoisonError::into_inner) = None;
            Ok(())
        })
    }
}
