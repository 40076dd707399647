//! The loss ledger: where every consumed message ended.

use std::{fmt, ops::AddAssign};

/// How a settled message ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Settled {
    /// Something of it succeeded and nothing was dead-lettered.
    Delivered,
    /// Nothing was to be done, or the handler gave up on purpose.
    Skipped,
    /// A part of it was dead-lettered.
    Dead,
}

/// Counts of messages: `consumed = delivered + skipped + dead + returned + in_flight`, always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Messages taken from Kafka.
    pub consumed: u64,
    /// Messages of which something succeeded and nothing was dead-lettered.
    pub delivered: u64,
    /// Messages skipped on purpose.
    pub skipped: u64,
    /// Messages of which a part was dead-lettered.
    pub dead: u64,
    /// Messages given back: not committed, read again by the next owner.
    pub returned: u64,
    /// Messages that are still being worked on; counted, never derived.
    pub in_flight: u64,
}

impl Ledger {
    /// Notes messages taken from Kafka.
    pub fn consume(&mut self, count: u64) {
        self.consumed += count;
        self.in_flight += count;
    }

    /// Notes that one message settled.
    pub fn settle(&mut self, how: Settled) {
        self.in_flight -= 1;
        match how {
            Settled::Delivered => self.delivered += 1,
            Settled::Skipped => self.skipped += 1,
            Settled::Dead => self.dead += 1,
        }
    }

    /// Notes that one message was given back.
    pub fn give_back(&mut self) {
        self.in_flight -= 1;
        self.returned += 1;
    }

    /// Whether the sum holds.
    pub fn balances(&self) -> bool {
        self.consumed == self.delivered + self.skipped + self.dead + self.returned + self.in_flight
    }
}

impl AddAssign for Ledger {
    fn add_assign(&mut self, other: Self) {
        self.consumed += other.consumed;
        self.delivered += other.delivered;
        self.skipped += other.skipped;
        self.dead += other.dead;
        self.returned += other.returned;
        self.in_flight += other.in_flight;
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "ledger consumed={} delivered={} skipped={} dead={} returned={} in_flight={}",
            self.consumed, self.delivered, self.skipped, self.dead, self.returned, self.in_flight
        )
    }
}
