//! The shared moment at which a fleet of workers joins its group, so that it costs one rebalance instead of many.

use std::time::Duration;

/// How long to wait before subscribing: `min_wait`, then up to the next multiple of `interval` in Unix time.
pub(crate) fn wait(now_unix: Duration, min_wait: Duration, interval: Duration) -> Duration {
    let earliest = now_unix + min_wait;
    let interval = interval.as_nanos();
    if interval == 0 {
        return min_wait;
    }
    let past = earliest.as_nanos() % interval;
    let rest = if past == 0 { 0 } else { interval - past };
    min_wait + Duration::from_nanos(u64::try_from(rest).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(now: f64, min: f64, interval: f64) -> f64 {
        let s = Duration::from_secs_f64;
        wait(s(now), s(min), s(interval)).as_secs_f64()
    }

    #[test]
    fn waits_to_the_boundary_after_the_minimum() {
        assert!((seconds(103.2, 4.0, 10.0) - 6.8).abs() < 1e-6);
        assert!((seconds(106.0, 4.0, 10.0) - 4.0).abs() < 1e-6);
        assert!((seconds(101.0, 0.0, 10.0) - 9.0).abs() < 1e-6);
    }
}
