//! The input: search requests over the Rust sources that Cargo downloaded, with some that cannot succeed.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use serde::Serialize;

use crate::broker::{REQUESTS, client};

/// Files that are enough to choose from.
const FILES: usize = 4_000;
const PATTERNS: &[&str] = &[
    r"\bunsafe\b",
    r"^pub fn ",
    r"impl<.*> .* for ",
    r"TODO|FIXME|XXX",
    r"#\[derive\(.*Clone.*\)\]",
    r"async fn",
    r"unwrap\(\)",
    r"[0-9]{4}",
    r"^//!",
    r"Result<.*, .*Error>",
];
/// Not a regular expression: grep answers 2.
const BAD_PATTERN: &str = "(unclosed";

#[derive(Serialize)]
struct Request<'a> {
    request_id: String,
    pattern: &'a str,
    path: &'a Path,
    collection: &'a str,
}

/// A file to search.
pub(crate) struct SourceFile {
    path: PathBuf,
    collection: String,
}

/// Feeds requests.
pub(crate) struct Input {
    producer: BaseProducer,
    files: Vec<SourceFile>,
    /// A pipe that nobody writes to: a search in it never ends.
    silent: PathBuf,
    produced: u64,
    bad: u64,
    stuck: u64,
    garbage: u64,
}

impl Input {
    pub(crate) fn new(address: String, files: Vec<SourceFile>, folder: &Path) -> Result<Self> {
        let silent = folder.join("silent.fifo");
        nix::unistd::mkfifo(&silent, nix::sys::stat::Mode::S_IRWXU)
            .with_context(|| format!("making the pipe {}", silent.display()))?;
        let producer = client(&address).set("linger.ms", "5").create().context("starting the producer")?;
        Ok(Self { producer, files, silent, produced: 0, bad: 0, stuck: 0, garbage: 0 })
    }

    pub(crate) fn produced(&self) -> u64 {
        self.produced
    }

    /// Requests with a pattern that is none, searches that never end, and messages that are no request.
    pub(crate) fn hopeless(&self) -> [u64; 3] {
        [self.bad, self.stuck, self.garbage]
    }

    /// Sends this many more requests.
    pub(crate) fn feed(&mut self, count: u64) -> Result<()> {
        for _ in 0..count {
            let n = self.produced;
            let mut file = &self.files[(n as usize).wrapping_mul(7919) % self.files.len()];
            let mut pattern = PATTERNS[n as usize % PATTERNS.len()];
            let silent;
            let mut value = None;
            match n % 500 {
                50 => {
                    pattern = BAD_PATTERN;
                    self.bad += 1;
                }
                150 => {
                    silent = SourceFile { path: self.silent.clone(), collection: "silent".into() };
                    file = &silent;
                    self.stuck += 1;
                }
                250 => {
                    value = Some(b"{ this is no request".to_vec());
                    self.garbage += 1;
                }
                _ => {}
            }
            let request_id = format!("request-{n:06}");
            let request = Request {
                request_id: request_id.clone(),
                pattern,
                path: &file.path,
                collection: &file.collection,
            };
            let value = value.map_or_else(|| serde_json::to_vec(&request), Ok)?;
            let record = BaseRecord::to(REQUESTS).key(&request_id).payload(&value);
            self.producer.send(record).map_err(|(error, _)| error).context("producing a request")?;
            self.produced += 1;
        }
        self.producer.poll(std::time::Duration::ZERO);
        if count > 0 {
            self.producer.flush(std::time::Duration::from_secs(10)).context("producing requests")?;
        }
        Ok(())
    }
}

/// The Rust sources of the packages that Cargo downloaded.
pub(crate) fn source_files() -> Result<Vec<SourceFile>> {
    let cargo = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    let registry = cargo.context("neither CARGO_HOME nor a home folder is set")?.join("registry/src");
    let mut files = Vec::new();
    for index in folders(&registry)? {
        for package in folders(&index)? {
            let name = package.file_name().unwrap_or_default().to_string_lossy().into_owned();
            collect(&package.join("src"), &name, &mut files);
            if files.len() >= FILES {
                return Ok(files);
            }
        }
    }
    ensure!(!files.is_empty(), "found no Rust sources below {}", registry.display());
    Ok(files)
}

fn folders(parent: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(parent).with_context(|| format!("reading {}", parent.display()))?;
    let mut folders: Vec<_> = entries.flatten().map(|e| e.path()).filter(|p| p.is_dir()).collect();
    folders.sort();
    Ok(folders)
}

fn collect(folder: &Path, collection: &str, files: &mut Vec<SourceFile>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut paths: Vec<_> = entries.flatten().map(|e| e.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            collect(&path, collection, files);
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(SourceFile { path, collection: collection.to_owned() });
        }
    }
}
