//! What a pool finds wrong with its machine when it starts: warnings with their remedy.

use std::{fs, thread};

use rustix::process::{Resource, getrlimit, setrlimit};

/// Descriptors that a program of its own needs at once: our ends and its ends of three pipes, its own, and one to stop it.
const FILES_EACH: u64 = 8;
/// Descriptors that the rest of a worker needs.
const FILES_OTHER: u64 = 256;
/// Pipes of each program, and the pages that the kernel reserves for one.
const PIPES_EACH: u64 = 3;
const PAGES: u64 = 16;

/// Raises the limit of open files as far as it may go, and warns of what the machine will not bear.
pub(crate) fn give(slots: u32) {
    let slots = u64::from(slots);
    let wanted = slots * FILES_EACH + FILES_OTHER;
    let files = raise_files(wanted);
    if let Some(files) = files.filter(|files| *files < wanted) {
        tracing::warn!(
            limit = files,
            wanted,
            "too few open files for `executor.max_executors`; raise the hard limit (`ulimit -Hn`), or lower it"
        );
    }
    let soft = fs::read_to_string("/proc/sys/fs/pipe-user-pages-soft");
    let pages = soft.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0);
    if too_many_pipes(slots, pages) {
        tracing::warn!(
            pages,
            wanted = slots * PIPES_EACH * PAGES,
            "more pipes than one user may have at full size: they get small and slow; raise `fs.pipe-user-pages-soft`, or \
             lower `executor.max_executors`"
        );
    }
    // It knows of affinity and of the quota of the control group.
    let cpus = thread::available_parallelism().map_or(u64::MAX, |cpus| cpus.get() as u64);
    if slots > cpus {
        tracing::warn!(
            slots,
            cpus,
            "`executor.max_executors` is above the number of usable CPUs: right for programs that wait, too many for \
             programs that compute"
        );
    }
}

/// Raises the soft limit to what is wanted, or to the hard one. Returns the limit then; none is endless.
fn raise_files(wanted: u64) -> Option<u64> {
    let mut limit = getrlimit(Resource::Nofile);
    let soft = limit.current?;
    if soft >= wanted {
        return Some(soft);
    }
    let raised = limit.maximum.map_or(wanted, |hard| hard.min(wanted));
    limit.current = Some(raised);
    Some(if setrlimit(Resource::Nofile, limit).is_ok() { raised } else { soft })
}

/// Zero pages are endless.
fn too_many_pipes(slots: u64, pages: u64) -> bool {
    pages > 0 && slots * PIPES_EACH * PAGES > pages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pipes_are_counted_by_pages() {
        assert!(!too_many_pipes(341, 16_384) && too_many_pipes(342, 16_384) && !too_many_pipes(9_999, 0));
    }

    #[test]
    fn open_files_are_raised_to_what_is_wanted_and_never_lowered() {
        let before = getrlimit(Resource::Nofile).current;
        assert_eq!(raise_files(1), before);
        if let Some(hard) = getrlimit(Resource::Nofile).maximum {
            assert_eq!(raise_files(u64::MAX), Some(hard));
            assert_eq!(getrlimit(Resource::Nofile).current, Some(hard));
        }
    }
}
