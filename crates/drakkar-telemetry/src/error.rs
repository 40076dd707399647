//! Why logs could not be set up.

use std::path::PathBuf;

/// An error of the log output.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A path has a placeholder that does not exist.
    #[error("unknown placeholder `{{{name}}}` in `logging.output`; use {{worker_id}} or {{cluster_name}}")]
    Placeholder {
        /// What stands between the braces.
        name: String,
    },
    /// A path has a brace without its partner.
    #[error("a brace without its partner in `logging.output`")]
    Brace,
    /// The file or its folder cannot be opened.
    #[error("failed to open the log file {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Something else installed a logger before.
    #[error("another logger is installed in this process")]
    Installed {
        /// What tracing says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
