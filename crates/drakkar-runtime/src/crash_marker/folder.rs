//! The folder with the markers of all workers, the counts beside them, and the lock that orders who looks at them.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

use super::{
    MarkerError, Scope,
    counts::{Counts, Run},
    layout,
};

/// How long a worker that looks at the markers may keep another one waiting.
pub(super) const LOCK_WAIT: Duration = Duration::from_secs(10);
/// Of the counts file's layout.
const VERSION: u32 = 1;

/// The folder, as seen by the workers of one group and topic.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// What the names of their files begin with.
    prefix: String,
    pub(super) scope: Scope,
}

/// The right to read and change the counts, and to make, judge and delete markers. Kept while the value lives.
#[derive(Debug)]
pub(super) struct Lock {
    _held: File,
}

/// The counts file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    group: String,
    topic: String,
    /// Markers whose crash is in the counts already; they are deleted next, which may not come to pass.
    counted: Vec<String>,
    suspects: Vec<Run>,
}

/// What the counts file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Memory {
    pub(super) counted: Vec<String>,
    pub(super) counts: Counts,
}

impl Folder {
    pub(super) fn open(path: &Path, scope: &Scope) -> Result<Self, MarkerError> {
        fs::create_dir_all(path).map_err(MarkerError::folder("make the folder", path))?;
        // Names of groups and topics can be anything, so files are named by a checksum of both.
        let both = [scope.group.as_bytes(), b"\0", scope.topic.as_bytes()].concat();
        let prefix = format!("drakkar-{:016x}", layout::checksum(&both));
        Ok(Self { path: path.to_owned(), prefix, scope: scope.clone() })
    }

    /// A file of this group and topic.
    pub(super) fn file(&self, suffix: &str) -> PathBuf {
        self.path.join(format!("{}{suffix}", self.prefix))
    }

    /// Waits until nobody else looks at the markers.
    ///
    /// Blocks the thread, for `limit` at most.
    pub(super) fn lock(&self, limit: Duration) -> Result<Lock, MarkerError> {
        let path = self.file(".lock");
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let file = open.map_err(MarkerError::folder("open", &path))?;
        let start = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Lock { _held: file }),
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(TryLockError::Error(error)) => return Err(MarkerError::folder("lock", path)(error)),
                Err(TryLockError::WouldBlock) if start.elapsed() >= limit => {
                    return Err(MarkerError::Busy { lock: path, waited: limit });
                }
                Err(TryLockError::WouldBlock) => {
                    #[expect(
                        clippy::disallowed_methods,
                        reason = "a lock that waits has no limit; a worker starts once"
                    )]
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
        }
    }

    /// The paths of all markers of this group and topic.
    pub(super) fn markers(&self) -> Result<Vec<PathBuf>, MarkerError> {
        let failed = || MarkerError::folder("list", &self.path);
        let mut markers = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(failed())? {
            let entry = entry.map_err(failed())?;
            let name = entry.file_name();
            let ours = name.to_str().and_then(|name| name.strip_prefix(&self.prefix));
            // Anything but a plain file with that name, such as a pipe, could hold the start up.
            if ours.is_some_and(|name| name.starts_with('-') && name.ends_with(".marker"))
                && entry.file_type().is_ok_and(|kind| kind.is_file())
            {
                markers.push(entry.path());
            }
        }
        Ok(markers)
    }

    /// Reads the counts. A file that makes no sense is put aside.
    pub(super) fn recall(&self, _: &Lock, put_aside: &mut Vec<PathBuf>) -> Memory {
        let path = self.file(".counts.json");
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Memory::default(),
            Err(error) => {
                put_aside.push(self.put_aside(&path, ".damaged-counts", &error.to_string()));
                return Memory::default();
            }
        };
        self.parse(&text).unwrap_or_else(|why| {
            put_aside.push(self.put_aside(&path, ".damaged-counts", &why));
            Memory::default()
        })
    }

    fn parse(&self, text: &[u8]) -> Result<Memory, String> {
        let stored: Stored = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        if stored.version != VERSION || stored.group != self.scope.group || stored.topic != self.scope.topic {
            return Err("it is of another version, group or topic".to_owned());
        }
        let counts = Counts::from_runs(stored.suspects).ok_or("its offsets contradict each other")?;
        Ok(Memory { counted: stored.counted, counts })
    }

    /// Writes the counts: all of them, or none.
    pub(super) fn remember(&self, _: &Lock, memory: &Memory) -> Result<(), MarkerError> {
        let stored = Stored {
            version: VERSION,
            group: self.scope.group.clone(),
            topic: self.scope.topic.clone(),
            counted: memory.counted.clone(),
            suspects: memory.counts.runs().to_vec(),
        };
        let (path, new) = (self.file(".counts.json"), self.file(".counts.json.new"));
        let write = || {
            let mut file = File::create(&new)?;
            file.write_all(&serde_json::to_vec(&stored)?)?;
            file.sync_all()?;
            fs::rename(&new, &path)
        };
        write().map_err(MarkerError::folder("write", &path))
    }

    /// Gives a damaged file another name, so that it can be looked at. Only the latest of a kind is kept.
    pub(super) fn put_aside(&self, path: &Path, suffix: &str, why: &str) -> PathBuf {
        let aside = self.file(suffix);
        let (from, to) = (path.display(), aside.display());
        match fs::rename(path, &aside) {
            Ok(()) => tracing::warn!(
                category = "lifecycle", file = %from, kept_as = %to, why,
                "a damaged crash marker file was put aside; crashes that it counted are forgotten"
            ),
            Err(error) => tracing::warn!(
                category = "lifecycle", file = %from, why, %error, "a damaged crash marker file cannot be put aside"
            ),
        }
        aside
    }

    /// Makes a marker file that did not exist, and locks it for as long as it is open: for as long as its process lives.
    pub(super) fn make(&self, _: &Lock, pid: i32, bytes: &[u8]) -> Result<(PathBuf, File), MarkerError> {
        // A name is never used twice, also by a process with the same number: it may be counted already.
        let mut stamp = since_1970().as_nanos();
        let (path, mut file) = loop {
            let path = self.file(&format!("-{pid}-{stamp}.marker"));
            match OpenOptions::new().read(true).write(true).create_new(true).open(&path) {
                Ok(file) => break (path, file),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => stamp += 1,
                Err(error) => return Err(MarkerError::folder("make", path)(error)),
            }
        };
        // All of it is written, not only made long: a store into a hole of the file would kill the worker when the disk
        // is full.
        let prepared = file.try_lock().map_err(io::Error::from).and_then(|()| file.write_all(bytes));
        match prepared {
            Ok(()) => Ok((path, file)),
            Err(error) => {
                discard(&path);
                Err(MarkerError::folder("write", path)(error))
            }
        }
    }
}

/// Deletes a file that is of no use any more; one that stays does no harm.
pub(super) fn discard(path: &Path) {
    if let Err(error) = fs::remove_file(path) {
        tracing::warn!(category = "lifecycle", file = %path.display(), %error, "failed to delete a crash marker");
    }
}

/// The time of day. A clock before 1970 is taken as 1970.
pub(super) fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
