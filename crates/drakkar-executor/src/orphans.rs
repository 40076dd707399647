//! Children that a worker left behind when it was killed: found by the variable each child carries, and ended.
//!
//! A worker that ends in order leaves nothing. One that is killed cannot, and whatever it ran goes on. So each child gets one
//! variable that names its worker by process id, start time and boot; the next worker on the machine ends the groups of
//! children whose worker is gone.

use std::{ffi::OsString, fs, io, os::unix::fs::MetadataExt};

use rustix::process::{Pid, Signal, getuid, kill_process_group};

/// The variable that each child carries.
pub(crate) const VARIABLE: &str = "DRAKKAR_WORKER";

/// Who started a child: unique on this machine for all times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pid: i32,
    /// When the process started, in clock ticks since the boot.
    start: u64,
    boot: String,
}

impl Owner {
    /// This process.
    pub(crate) fn me() -> io::Result<Self> {
        let pid = i32::try_from(std::process::id()).map_err(io::Error::other)?;
        let start = start_of(pid).ok_or_else(|| io::Error::other("no start time in /proc/self/stat"))?;
        Ok(Self { pid, start, boot: boot()? })
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, ':');
        let (pid, start) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        Some(Self { pid, start, boot: parts.next()?.to_owned() })
    }

    /// The owner as the name of a file.
    pub(crate) fn name(&self) -> String {
        format!("{}-{}-{}", self.pid, self.start, self.boot)
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::parse(&name.replacen('-', ":", 2))
    }

    /// Whether it surely does not run any more.
    pub(crate) fn is_gone(&self) -> bool {
        boot().is_ok_and(|boot| !self.is_alive(&boot))
    }

    /// Whether that very process still runs.
    fn is_alive(&self, boot: &str) -> bool {
        self.boot == boot && start_of(self.pid) == Some(self.start)
    }
}

/// The variable's value for children of this process.
pub(crate) fn mark() -> io::Result<OsString> {
    let Owner { pid, start, boot } = Owner::me()?;
    Ok(format!("{pid}:{start}:{boot}").into())
}

/// Ends the process groups of children whose worker is gone. Returns how many.
///
/// Only processes of this user are looked at, and only those that lead or belong to a group of such a child.
pub(crate) fn sweep() -> io::Result<usize> {
    let boot = boot()?;
    let user = getuid().as_raw();
    let own = i32::try_from(std::process::id()).ok().and_then(group_of);
    let mut groups = Vec::new();
    for entry in fs::read_dir("/proc")? {
        // Processes come and go while we look: what cannot be read is gone, or not ours.
        let Ok(entry) = entry else { continue };
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        if entry.metadata().map_or(true, |meta| meta.uid() != user) {
            continue;
        }
        let Ok(environment) = fs::read(entry.path().join("environ")) else { continue };
        let Some(owner) = owner_in(&environment) else { continue };
        if owner.is_alive(&boot) {
            continue;
        }
        // A child leads its group and its descendants inherit both; one that made a group of its own is ended with it.
        if let Some(group) = group_of(pid)
            && !groups.contains(&group)
            && own != Some(group)
        {
            groups.push(group);
        }
    }
    groups.retain(|group| kill_process_group(*group, Signal::KILL).is_ok());
    Ok(groups.len())
}

fn owner_in(environment: &[u8]) -> Option<Owner> {
    let value = environment
        .split(|byte| *byte == 0)
        .find_map(|variable| variable.strip_prefix(VARIABLE.as_bytes())?.strip_prefix(b"="))?;
    Owner::parse(std::str::from_utf8(value).ok()?)
}

/// The process group of a process. Nothing where it is one of another container, which has no number here.
fn group_of(pid: i32) -> Option<Pid> {
    let stat = stat_of(pid)?;
    stat.split_whitespace().nth(2)?.parse().ok().and_then(Pid::from_raw)
}

/// What the kernel tells about a process after its name, which stands in parentheses and may hold anything.
fn stat_of(pid: i32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')').map(|(_, fields)| fields.to_owned())
}

/// When a process started. Nothing when there is none, or only its remains.
fn start_of(pid: i32) -> Option<u64> {
    let stat = stat_of(pid)?;
    let mut fields = stat.split_whitespace();
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

fn boot() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_alive_and_others_of_its_number_are_not() {
        let me = Owner::me().unwrap();
        assert_eq!(Owner::parse(mark().unwrap().to_str().unwrap()), Some(me.clone()));
        assert!(me.is_alive(&me.boot));
        assert!(!me.is_alive("another boot"));
        assert!(!Owner { start: me.start + 1, ..me.clone() }.is_alive(&me.boot));
        assert!(!Owner { pid: i32::MAX, ..me.clone() }.is_alive(&me.boot));
    }

    #[test]
    fn the_variable_is_found_among_others_and_nonsense_names_nobody() {
        let owner = owner_in(b"A=1\0DRAKKAR_WORKER=7:99:boot\0B=2\0").unwrap();
        assert_eq!(owner, Owner { pid: 7, start: 99, boot: "boot".into() });
        for bad in [&b"DRAKKAR_WORKER=\0"[..], b"DRAKKAR_WORKER=x:y:z\0", b"XDRAKKAR_WORKER=7:9:b\0", b""] {
            assert_eq!(owner_in(bad), None);
        }
    }
}
