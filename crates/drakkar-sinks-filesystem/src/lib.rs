//! The file sink of drakkar: JSON lines at the end of files below one folder.
//!
//! # How it works
//!
//! Files are opened relative to a handle of the folder, and the kernel refuses whatever would lead out of it
//! (`RESOLVE_BENEATH`): no `..`, absolute path or swapped symlink escapes. The lines of a batch for one file go with one
//! write, and are forced to the disk once. A write that failed half-way is undone, and a torn last line of an earlier crash
//! is closed before the next one is written.

mod append;
mod folder;
mod settings;
mod sink;

pub use settings::Settings;
pub use sink::FilesystemSink;
