//! Holding programs back while the machine is short of memory.

use std::{
    fs,
    time::{Duration, Instant},
};

/// Between two looks.
pub(crate) const LOOK: Duration = Duration::from_millis(200);

/// The least memory that must be left for a program to be started beside others.
#[derive(Debug)]
pub(crate) struct Floor {
    least: u64,
    looked: Option<Instant>,
    low: bool,
}

impl Floor {
    /// A floor of so many bytes; zero is none.
    pub(crate) fn new(least: u64) -> Self {
        Self { least, looked: None, low: false }
    }

    /// Whether less is left. Looks now and then.
    pub(crate) fn is_low(&mut self, now: Instant) -> bool {
        self.update(now, available)
    }

    fn update(&mut self, now: Instant, available: impl FnOnce() -> Option<u64>) -> bool {
        let due = self.looked.is_none_or(|at| now.duration_since(at) >= LOOK);
        if self.least == 0 || !due {
            return self.low;
        }
        self.looked = Some(now);
        let Some(left) = available() else { return self.low };
        let low = left < self.least;
        if low && !self.low {
            tracing::warn!(left, least = self.least, "memory is low: programs are started one at a time");
        } else if self.low && !low {
            tracing::info!(left, "memory suffices again");
        }
        self.low = low;
        low
    }
}

/// What is left on the machine, or in our control group if that is less.
fn available() -> Option<u64> {
    let number = |path: &str| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let group = number("/sys/fs/cgroup/memory.max")
        .zip(number("/sys/fs/cgroup/memory.current"))
        .map(|(most, now)| most.saturating_sub(now));
    let machine = in_meminfo(&fs::read_to_string("/proc/meminfo").unwrap_or_default());
    machine.into_iter().chain(group).min()
}

fn in_meminfo(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_tells_what_is_left() {
        assert!(available().is_some_and(|left| left > 1 << 20));
        assert_eq!(in_meminfo("MemTotal: 9 kB\nMemAvailable:   12 kB\n"), Some(12 * 1024));
        assert_eq!(in_meminfo("MemTotal: 9 kB\n"), None);
    }

    #[test]
    fn it_is_low_until_enough_is_left_again_and_looks_rarely() {
        let now = Instant::now();
        let mut floor = Floor::new(100);
        assert!(!floor.update(now, || Some(100)));
        assert!(!floor.update(now, || panic!("too early")));
        assert!(floor.update(now + LOOK, || Some(99)));
        assert!(floor.update(now + LOOK * 2, || None), "what cannot be read changes nothing");
        assert!(!floor.update(now + LOOK * 3, || Some(100)));
        assert!(!Floor::new(0).update(now, || panic!("there is no floor")));
    }
}
