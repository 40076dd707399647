//! Why a pool does not start, and why a program does not.

use std::{io, path::PathBuf};

/// An error raised while starting a pool. All of them are faults of the configuration.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The program cannot be run.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// There would be nobody to run anything.
    #[error("`executor.max_executors` must be at least 1")]
    NoSlots,
    /// The ends of programs cannot be learned.
    #[error("failed to listen for the ends of programs")]
    ChildSignal(#[source] std::io::Error),
    /// This process cannot be told apart from others.
    #[error("failed to learn when this process started, from /proc")]
    Identity(#[source] std::io::Error),
    /// The null device cannot be opened.
    #[error("failed to open /dev/null, which programs without input read")]
    Null(#[source] std::io::Error),
    /// A thread for a slot cannot be started.
    #[error(
        "failed to prepare an executor slot; raise the limits of threads and open files, or lower `executor.max_executors`"
    )]
    Slot(#[source] std::io::Error),
    /// The arguments of resident children cannot be passed.
    #[error("cannot start resident children of `{}`: their arguments or its path have a NUL byte", program.display())]
    ResidentArgs {
        /// The program.
        program: PathBuf,
    },
    /// A program that is named cannot be run.
    #[error("the program of `executor.programs.{}` cannot be run: {reason}", program.display())]
    Resident {
        /// The name as given.
        program: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A thread that looks after children cannot be started.
    #[error("failed to start a thread that looks after children; raise the limit of threads")]
    Keeper(#[source] std::io::Error),
    /// A variable of the settings cannot be passed to any program.
    #[error("cannot set the variable `{name}` of `executor.env`: {reason}")]
    Variable {
        /// The name as given.
        name: String,
        /// What is wrong with it or its value.
        reason: &'static str,
    },
}

/// An error raised while looking for a program.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// No file has this path.
    #[error("program `{}` does not exist", path.display())]
    Missing {
        /// The path that was tried.
        path: PathBuf,
    },
    /// No directory of `PATH` has a program of this name.
    #[error("program `{}` is in no directory of PATH", name.display())]
    NotInPath {
        /// The name as given.
        name: PathBuf,
    },
    /// The path is a directory or another thing that is no file.
    #[error("program `{}` is {what}, not a file", path.display())]
    NotAFile {
        /// The path that was tried.
        path: PathBuf,
        /// What it is instead.
        what: &'static str,
    },
    /// The worker may not execute the file.
    #[error("program `{}` is not executable by this user", path.display())]
    NotExecutable {
        /// The path that was tried.
        path: PathBuf,
    },
    /// The path could not be looked at.
    #[error("cannot look at program `{}`", path.display())]
    Inaccessible {
        /// The path that was tried.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The name is empty or has a NUL byte.
    #[error("program name {name:?} is {what}")]
    BadName {
        /// The name as given.
        name: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
}
