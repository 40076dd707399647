//! The process group of a program: signalling it, and learning of its leader's end before the leader is reaped.
//!
//! The number of a group stays taken while its leader is not reaped, even after the leader ended. So the group is only
//! ever signalled before [`Group::retire`], and a signal can never reach processes of somebody else.

use std::io;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::signal::unix::{self, SignalKind};

/// A process group whose leader is a child of this process that is not reaped yet.
///
/// Dropping it kills the group: an attempt that is given up leaves nothing behind.
#[derive(Debug)]
pub(crate) struct Group {
    leader: Option<Pid>,
}

impl Group {
    /// The group led by a child that was just started.
    pub(crate) fn led_by(child: i32) -> Self {
        Self { leader: Pid::from_raw(child) }
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

    /// Whether the leader has ended; it is left for reaping. A child that cannot be asked about is gone.
    pub(crate) fn leader_has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        self.leader.is_none_or(|leader| {
            !matches!(waitid(WaitId::Pid(leader), options), Ok(None) | Err(rustix::io::Errno::INTR))
        })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ignored_child_signal_is_read_from_the_status_of_the_process() {
        assert!(ignores_child_signal("Name:\tx\nSigIgn:\t0000000000011000\n"));
        assert!(!ignores_child_signal("SigBlk:\t0000000000010000\nSigIgn:\t0000000000001000\n"));
        assert!(!ignores_child_signal(""));
    }
}
