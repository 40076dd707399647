//! The process group of a program: signalling it, and learning of its leader's end before the leader is reaped.
//!
//! The number of a group stays taken while its leader is not reaped, even after the leader ended. So the group is only
//! ever signalled before [`Group::retire`], and a signal can never reach processes of somebody else.

use std::{io, os::fd::OwnedFd};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::{
    io::unix::AsyncFd,
    signal::unix::{self, SignalKind},
};

/// A process group whose leader is a child of this process that is not reaped yet.
///
/// Dropping it kills the group: an attempt that is given up leaves nothing behind.
#[derive(Debug)]
pub(crate) struct Group {
    leader: Option<Pid>,
}

impl Group {
    /// The group led by a child that was just started with `process_group(0)`.
    pub(crate) fn led_by(child: u32) -> Self {
        Self { leader: i32::try_from(child).ok().and_then(Pid::from_raw) }
    }

    /// Asks all processes of the group to end.
    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Ends all processes of the group.
    pub(crate) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// Ends what is left of the group. From here on its leader may be reaped.
    pub(crate) fn retire(mut self) {
        self.kill();
        self.leader = None;
    }

    fn signal(&self, signal: Signal) {
        let Some(leader) = self.leader else { return };
        match kill_process_group(leader, signal) {
            // The group may have gone, or hold nothing but a dead leader (which some systems answer with EPERM).
            Ok(()) | Err(rustix::io::Errno::SRCH | rustix::io::Errno::PERM) => {}
            Err(error) => {
                tracing::warn!(%error, group = %leader, ?signal, "cannot signal the processes of a task")
            }
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Waits for the end of a child without reaping it.
#[derive(Debug)]
pub(crate) enum Exit {
    /// The system tells about this very child.
    Pidfd(AsyncFd<OwnedFd>),
    /// The system tells that some child changed; used where there are no process descriptors.
    AnyChild(Pid, unix::Signal),
    /// The child has ended.
    Seen,
}

impl Exit {
    /// Watches a child of this process that is not reaped yet.
    pub(crate) fn of(child: u32) -> io::Result<Self> {
        let Some(pid) = i32::try_from(child).ok().and_then(Pid::from_raw) else { return Ok(Self::Seen) };
        #[cfg(target_os = "linux")]
        if let Ok(fd) = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()) {
            return Ok(Self::Pidfd(register(fd)?));
        }
        Ok(Self::AnyChild(pid, unix::signal(SignalKind::child())?))
    }

    /// Resolves once the child has ended, and at once from then on.
    ///
    /// # Cancel safety
    ///
    /// It may be dropped and called again: nothing is consumed but hints.
    pub(crate) async fn wait(&mut self) {
        match self {
            // The descriptor turns readable when the child ends and stays so. An error comes only from a runtime that
            // stops; then reaping finds out.
            Self::Pidfd(fd) => drop(fd.readable().await),
            // The listener was registered before the first look, so that no end is missed.
            Self::AnyChild(pid, changed) => {
                while !has_ended(*pid) {
                    if changed.recv().await.is_none() {
                        break;
                    }
                }
            }
            Self::Seen => {}
        }
        *self = Self::Seen;
    }
}

#[cfg(target_os = "linux")]
#[expect(
    unsafe_code,
    reason = "tokio cannot know in general that a descriptor stays open; here its type says so"
)]
fn register(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` is valid and open until it is dropped, and nothing replaces it within the `AsyncFd`.
    unsafe { Ok(AsyncFd::register_with_interest(fd, tokio::io::Interest::READABLE)?) }
}

/// Undoes an ignored SIGCHLD, which a worker can inherit from whoever started it.
///
/// Under it the system reaps children itself: how they ended is lost, and the number of a group can go to somebody else
/// while it is still to be signalled.
pub(crate) fn keep_ended_children() -> io::Result<()> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    if ignores_child_signal(&status) {
        tracing::warn!("SIGCHLD was ignored by whoever started this worker; it is heeded from here on");
        // The handler stays installed when the listener goes.
        drop(unix::signal(SignalKind::child())?);
    }
    Ok(())
}

fn ignores_child_signal(status: &str) -> bool {
    let ignored =
        status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    ignored.is_some_and(|mask| mask & 1 << (Signal::CHILD.as_raw() - 1) != 0)
}

/// Looks whether a child has ended, and leaves it for reaping. A child that cannot be asked about is gone.
fn has_ended(child: Pid) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    !matches!(waitid(WaitId::Pid(child), options), Ok(None) | Err(rustix::io::Errno::INTR))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ignored_child_signal_is_read_from_the_status_of_the_process() {
        assert!(ignores_child_signal("Name:\tx\nSigIgn:\t0000000000011000\n"));
        assert!(!ignores_child_signal("SigBlk:\t0000000000010000\nSigIgn:\t0000000000001000\n"));
        assert!(!ignores_child_signal(""));
    }

    #[tokio::test]
    async fn an_end_is_seen_without_process_descriptors_and_the_child_stays_unreaped() {
        let mut child =
            std::process::Command::new("/bin/cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        let pid = Pid::from_child(&child);
        let mut exit = Exit::AnyChild(pid, unix::signal(SignalKind::child()).unwrap());
        assert!(!has_ended(pid));
        drop(child.stdin.take());
        tokio::time::timeout(std::time::Duration::from_secs(10), exit.wait()).await.unwrap();
        exit.wait().await;
        assert!(child.wait().unwrap().success());
    }
}
