//! Which process this is, so that another one can tell whether it still lives.

use std::fs;

use rustix::{
    io::Errno,
    process::{Pid, test_kill_process},
};
use serde::{Deserialize, Serialize};

/// A process, told apart from every other one that had or will have its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    pub(super) pid: i32,
    /// When it started, in the kernel's ticks since boot.
    pub(super) started: u64,
    /// The boot it belongs to; empty when the kernel does not say.
    pub(super) boot: String,
    /// The namespace that its number is valid in.
    pub(super) namespace: String,
}

impl Identity {
    pub(super) fn current() -> Self {
        let pid = i32::try_from(std::process::id()).unwrap_or_default();
        // What the kernel does not say stays empty, and is then never compared.
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let namespace = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
        Self {
            pid,
            started: start_of(pid).unwrap_or_default(),
            boot: boot.trim().to_owned(),
            namespace: namespace.to_string_lossy().into_owned(),
        }
    }

    /// Whether the process has certainly ended. `false` where that cannot be known: another host, another container.
    pub(super) fn has_ended(&self) -> bool {
        let here = Self::current();
        if self.boot.is_empty() || self.boot != here.boot || self.namespace != here.namespace {
            return false;
        }
        // A number that is zero or negative would ask for a whole group of processes.
        let Some(pid) = Some(self.pid).filter(|pid| *pid > 0).and_then(Pid::from_raw) else { return false };
        if test_kill_process(pid) == Err(Errno::SRCH) {
            return true;
        }
        // The number may belong to another process by now.
        start_of(self.pid).is_some_and(|started| started != self.started)
    }
}

/// When a process started, in ticks since boot.
fn start_of(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name, which may hold blanks and parentheses; the start is the 22nd.
    stat.rsplit_once(") ")?.1.split(' ').nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_runs_has_not_ended() {
        let me = Identity::current();
        assert!(me.started > 0 && !me.boot.is_empty(), "{me:?}");
        assert!(!me.has_ended());
    }

    #[test]
    fn the_same_number_with_another_start_is_another_process() {
        let me = Identity::current();
        assert!(Identity { started: me.started + 1, ..me }.has_ended());
    }

    #[test]
    fn a_reaped_process_has_ended() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        assert!(Identity { pid: child.id() as i32, ..Identity::current() }.has_ended());
    }

    #[test]
    fn nothing_is_known_of_a_process_elsewhere() {
        let gone = Identity { started: 1, ..Identity::current() };
        assert!(!Identity { boot: "other".into(), ..gone.clone() }.has_ended());
        assert!(!Identity { boot: String::new(), ..gone.clone() }.has_ended());
        assert!(!Identity { namespace: "other".into(), ..gone.clone() }.has_ended());
        assert!(!Identity { pid: 0, ..gone.clone() }.has_ended());
        assert!(!Identity { pid: -1, ..gone }.has_ended());
    }
}
