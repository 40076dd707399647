//! Retry bounds and backoff with full jitter.

use std::time::Duration;

/// How often and how long something may be tried again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryPolicy {
    /// Most attempts in all, the first included; at least one.
    pub max_attempts: u32,
    /// Most time from the first failure to the start of another attempt.
    pub max_elapsed: Duration,
    /// Upper bound of the first wait.
    pub initial: Duration,
    /// Upper bound of every wait.
    pub max: Duration,
}

impl RetryPolicy {
    /// The wait before the next attempt, or `None` when the bounds are reached.
    ///
    /// `failed` attempts have been made, the first failure was `elapsed` ago, and `random` is a number in `0..=u64::MAX`:
    /// the wait is drawn evenly from zero to the exponential bound ("full jitter").
    pub fn next(&self, failed: u32, elapsed: Duration, random: u64) -> Option<Duration> {
        if failed >= self.max_attempts {
            return None;
        }
        let wait = self.backoff(failed, random);
        (elapsed + wait <= self.max_elapsed).then_some(wait)
    }

    /// The wait after `failed` attempts, whatever the bounds.
    pub fn backoff(&self, failed: u32, random: u64) -> Duration {
        let doublings = failed.saturating_sub(1).min(32);
        let bound =
            self.initial.saturating_mul(1u32.checked_shl(doublings).unwrap_or(u32::MAX)).min(self.max);
        bound.mul_f64(random as f64 / u64::MAX as f64)
    }
}

/// A small deterministic generator for jitter (SplitMix64). Not for secrets.
#[derive(Clone, Debug)]
pub struct Jitter(u64);

impl Jitter {
    /// A generator from a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RetryPolicy = RetryPolicy {
        max_attempts: 4,
        max_elapsed: Duration::from_secs(60),
        initial: Duration::from_millis(100),
        max: Duration::from_secs(1),
    };

    #[test]
    fn waits_double_up_to_the_cap() {
        let bounds: Vec<_> = (1..7).map(|n| POLICY.backoff(n, u64::MAX).as_millis()).collect();
        assert_eq!(bounds, [100, 200, 400, 800, 1000, 1000]);
        assert_eq!(POLICY.backoff(3, 0), Duration::ZERO);
    }

    #[test]
    fn attempts_and_elapsed_time_are_bounded() {
        assert!(POLICY.next(3, Duration::ZERO, 0).is_some());
        assert!(POLICY.next(4, Duration::ZERO, 0).is_none());
        assert!(POLICY.next(1, Duration::from_secs(61), 0).is_none());
        assert!(POLICY.next(u32::MAX, Duration::ZERO, 0).is_none());
    }
}
