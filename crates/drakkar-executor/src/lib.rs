//! The process pool of drakkar: runs each task as a program of its own, a fixed number at once.
//!
//! ```no_run
//! use drakkar_executor::{ProcessPool, Settings};
//!
//! # async fn start() -> Result<(), drakkar_executor::StartError> {
//! let settings = Settings { max_executors: 8, program: Some("rg".into()), ..Settings::default() };
//! let pool = ProcessPool::start(settings)?;
//! # Ok(())
//! # }
//! ```
//!
//! # How it works
//!
//! As many threads as there are slots take jobs from one gate, lowest priority value first. A thread runs one program at a
//! time: it starts it without copying the worker's memory, feeds its input, reads both outputs up to their caps, and waits
//! for its end, all at once and within one time limit. Each job is answered exactly once. Starting a program stops only the
//! thread that does it, never the runtime that the rest of the worker shares.
//!
//! Each program leads a process group of its own. To stop one, the group gets TERM, then KILL after the grace period,
//! and its output is read meanwhile. A leader that dies of TERM at once does not shorten the grace of the rest of its group,
//! as long as that holds the pipes open. When the program has ended, whatever it left in its group is killed before the
//! program is reaped, so that the number of the group cannot have gone to somebody else. A process that leaves the
//! group (`setsid`) escapes.
//!
//! A program can also be *resident*: started once, it answers one request after the other over its pipes (the forms are in
//! [`drakkar_core::frames`]). A slot's thread borrows such a child, keeps it as long as the next jobs in line are for it, and
//! gives it back; one more thread looks after those that nobody uses.
//!
//! A worker that is killed leaves what it ran behind. Each program carries a variable that names its worker, and a pool
//! that starts ends the groups of programs whose worker is gone.
//!
//! What is left in the pipes after the end is read until they close, are quiet for 200 ms, or 2 s have passed.
//! A program whose pipes are held open by then has leaked: its exit code still decides.

mod advice;
mod attempt;
mod environment;
mod error;
mod floor;
mod folders;
mod group;
mod init;
mod job;
mod launch;
mod memory;
mod orphans;
mod pipes;
mod pool;
mod program;
mod resident;
mod room;
mod settings;
mod spawn;
mod stop;

pub use error::{ProgramError, StartError};
pub use pool::{Drained, ProcessPool, Usage};
pub use settings::{Mode, OnOutputLimit, Resident, Settings};
