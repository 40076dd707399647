//! The worker's monotonic clock.

use std::time::{Duration, Instant};

use drakkar_core::ids::Time;

/// Turns instants into the [`Time`] the pure machines count in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn now(&self) -> Time {
        Time(u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    pub(crate) fn instant(&self, time: Time) -> tokio::time::Instant {
        (self.0 + Duration::from_micros(time.0)).into()
    }
}
