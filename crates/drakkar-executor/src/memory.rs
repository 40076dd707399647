//! The most memory a program used.

use std::{
    fs,
    time::{Duration, Instant},
};

use crate::spawn;

/// When the first look is taken, and the longest time between two.
const FIRST: Duration = Duration::from_millis(20);
const RARE: Duration = Duration::from_secs(1);

/// Follows the peak of one program.
///
/// What the kernel reports at the end starts at this process's own peak, as the program began on its memory. So it only
/// counts where it is larger; otherwise the program's own peak is looked up now and then while it runs.
#[derive(Debug)]
pub(crate) struct Peak {
    pid: i32,
    next: Instant,
    pause: Duration,
    seen: Option<u64>,
}

impl Peak {
    pub(crate) fn of(pid: i32, start: Instant) -> Self {
        Self { pid, next: start + FIRST, pause: FIRST, seen: None }
    }

    /// When to look next.
    pub(crate) fn next(&self) -> Instant {
        self.next
    }

    /// Looks.
    pub(crate) fn sample(&mut self, now: Instant) {
        self.seen = peak_of(self.pid).or(self.seen);
        self.pause = (self.pause * 2).min(RARE);
        self.next = now + self.pause;
    }

    /// The peak in bytes, if it is known.
    pub(crate) fn finish(self, reported: Option<u64>) -> Option<u64> {
        let own = spawn::own_peak_memory();
        reported.filter(|peak| *peak > own).max(self.seen)
    }
}

fn peak_of(pid: i32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let kib: u64 =
        status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_counts_only_above_our_own_peak() {
        let own = spawn::own_peak_memory();
        let peak = || Peak::of(1, Instant::now());
        assert_eq!(peak().finish(Some(own + 1)), Some(own + 1));
        assert_eq!(peak().finish(Some(own)), None);
        let seen = Peak { seen: Some(7), ..peak() };
        assert_eq!(seen.finish(Some(1)), Some(7));
    }

    #[test]
    fn looks_get_rare() {
        let start = Instant::now();
        let mut peak = Peak::of(i32::MAX, start);
        for _ in 0..20 {
            peak.sample(start);
        }
        assert_eq!((peak.next(), peak.seen), (start + RARE, None));
    }
}
