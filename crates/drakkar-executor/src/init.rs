//! What PID 1 of a container owes: reaping the orphans that come to it.
//!
//! When a program has ended, whatever it left in its group is killed. Those processes are nobody's children but those of PID 1;
//! if that is the worker, they stay as zombies until the worker reaps them.

use std::{
    collections::HashSet,
    fs,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::spawn;

/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);

/// The children that somebody waits for.
#[derive(Debug, Default)]
pub(crate) struct Known(Mutex<HashSet<i32>>);

impl Known {
    /// Something only where orphans come to us.
    pub(crate) fn if_init() -> Option<Arc<Self>> {
        (std::process::id() == 1).then(Arc::default)
    }

    pub(crate) fn add(&self, pid: i32) {
        self.all().insert(pid);
    }

    pub(crate) fn remove(&self, pid: i32) {
        self.all().remove(&pid);
    }

    fn all(&self) -> MutexGuard<'_, HashSet<i32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reaps orphans until it is dropped.
#[derive(Debug)]
pub(crate) struct Reaper {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Reaper {
    /// Leaves those that are known to whoever waits for them.
    pub(crate) fn start(known: Arc<Known>) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let thread = thread::Builder::new().name("drakkar-reaper".into()).spawn({
            let stop = stop.clone();
            move || {
                let mut seen = HashSet::new();
                while !stop.load(Ordering::Relaxed) {
                    thread::park_timeout(LOOK);
                    seen = reap(&seen, |pid| known.all().contains(&pid));
                }
            }
        })?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Reaper {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            thread.join().unwrap_or_default();
        }
    }
}

/// Reaps the zombies that nobody waits for and that were there at the last look too: one that is new may be a child whose
/// start is just being noted. Returns those that are there now.
fn reap(seen: &HashSet<i32>, is_known: impl Fn(i32) -> bool) -> HashSet<i32> {
    let strange: HashSet<i32> = zombies().into_iter().filter(|pid| !is_known(*pid)).collect();
    for pid in strange.intersection(seen) {
        // Somebody else may have been faster.
        drop(spawn::try_reap(*pid));
    }
    strange
}

/// Our children that have ended.
fn zombies() -> Vec<i32> {
    let me = std::process::id().to_string();
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let mut fields = stat.rsplit_once(") ").map_or("", |(_, rest)| rest).split(' ');
        fields.next() == Some("Z") && fields.next() == Some(&me)
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_zombie_that_nobody_knows_is_reaped_at_the_second_look_and_a_known_one_never() {
        let mut children = [(); 2].map(|()| Command::new("true").spawn().unwrap());
        let [strange, known] = children.each_ref().map(|child| child.id() as i32);
        let is_known = |pid: i32| pid != strange;
        let mut seen = HashSet::new();
        while !(zombies().contains(&strange) && zombies().contains(&known)) {
            thread::yield_now();
        }
        for _ in 0..2 {
            seen = reap(&seen, is_known);
        }
        assert_eq!(seen, HashSet::from([strange]));
        assert!(!zombies().contains(&strange) && zombies().contains(&known));
        assert!(children[1].wait().unwrap().success());
    }
}
