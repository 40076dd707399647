//! The `cache` section: the handler's cache and its exchange between workers.

use super::{
    rules::{above_zero, at_least, not_below},
    section::{defaults, section},
    units::Seconds,
};

section! {
    /// The handler's cache.
    pub struct Cache {
        /// Whether the cache keeps anything; off, every look-up misses.
        pub enabled: bool = false;
        /// The folder for its database; empty for `debug.db_dir`.
        pub db_dir: String = String::new();
        /// Seconds between two writes of changed entries.
        pub flush_interval_seconds: Seconds = Seconds::of(3.0), above_zero();
        /// Seconds between two sweeps of expired entries.
        pub cleanup_interval_seconds: Seconds = Seconds::of(60.0), above_zero();
        /// Entries kept in memory; null for no bound, which warns.
        pub max_memory_entries: Option<usize> = Some(10_000), at_least(1);
        /// How entries come from other workers.
        pub peer_sync: PeerSync = PeerSync::new();
    }
}

section! {
    /// How entries come from other workers.
    pub struct PeerSync {
        /// Whether entries are pulled from other workers.
        pub enabled: bool = true;
        /// Seconds between two rounds.
        pub interval_seconds: Seconds = Seconds::of(30.0), above_zero();
        /// Rows per worker and round.
        pub batch_size: usize = 500, at_least(1);
        /// Seconds one worker may take to answer.
        pub timeout_seconds: Seconds = Seconds::of(5.0), above_zero();
        /// Seconds one round may take, below `interval_seconds`; null for nine tenths of it.
        pub cycle_deadline_seconds: Option<Seconds> = None, not_below(0.1);
    }
}

impl PeerSync {
    /// What bounds one round: the setting, or nine tenths of the interval.
    pub fn cycle_deadline(&self) -> Seconds {
        self.cycle_deadline_seconds.unwrap_or_else(|| self.interval_seconds.duration().mul_f64(0.9).into())
    }
}

defaults!(Cache, PeerSync);
