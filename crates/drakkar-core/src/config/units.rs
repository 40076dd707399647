//! Durations as they are written in the configuration: seconds, whole seconds, milliseconds; and shares.

use std::{fmt, time::Duration};

/// The longest duration a setting accepts, about 31 years: any sum with a clock stays in range.
pub(super) const MAX_SECONDS: u32 = 1_000_000_000;

/// A time in seconds, fractions allowed; never negative, never above 1,000,000,000.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Seconds(f64);

impl Seconds {
    /// Accepts a number from 0 to 1,000,000,000; anything else, also NaN, gives nothing.
    pub fn new(seconds: f64) -> Option<Self> {
        (0.0..=f64::from(MAX_SECONDS)).contains(&seconds).then_some(Self(seconds))
    }

    /// A whole or fractional default written in this crate.
    pub(super) const fn of(seconds: f64) -> Self {
        assert!(seconds >= 0.0 && seconds <= MAX_SECONDS as f64);
        Self(seconds)
    }

    /// The number of seconds.
    pub fn get(self) -> f64 {
        self.0
    }

    /// The same time as a [`Duration`].
    pub fn duration(self) -> Duration {
        Duration::from_secs_f64(self.0)
    }
}

impl From<Duration> for Seconds {
    /// Takes the time over, cut to the longest one a setting accepts.
    fn from(duration: Duration) -> Self {
        Self(duration.as_secs_f64().min(f64::from(MAX_SECONDS)))
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A share: a number from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Ratio(f64);

impl Ratio {
    /// Accepts a number from 0 to 1; anything else, also NaN, gives nothing.
    pub fn new(ratio: f64) -> Option<Self> {
        (0.0..=1.0).contains(&ratio).then_some(Self(ratio))
    }

    /// A default written in this crate.
    pub(super) const fn of(ratio: f64) -> Self {
        assert!(ratio >= 0.0 && ratio <= 1.0);
        Self(ratio)
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A time in whole seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct WholeSeconds(pub u32);

impl WholeSeconds {
    /// The same time as a [`Duration`].
    pub fn duration(self) -> Duration {
        Duration::from_secs(self.0.into())
    }
}

impl fmt::Display for WholeSeconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A time in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Millis(pub u32);

impl Millis {
    /// The same time as a [`Duration`].
    pub fn duration(self) -> Duration {
        Duration::from_millis(self.0.into())
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
