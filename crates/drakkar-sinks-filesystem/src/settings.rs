//! The settings of a file sink.

use std::path::PathBuf;

/// What a file sink needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The sink's name, for errors.
    pub name: String,
    /// The folder below which every file is written.
    pub base_path: PathBuf,
    /// Whether missing folders are made, the base path among them.
    pub create_folders: bool,
    /// Whether each batch is forced to the disk before it counts as delivered.
    pub fsync: bool,
}
