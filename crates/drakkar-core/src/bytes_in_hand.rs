//! The byte ledger: how much of everything the worker holds, and when it must stop taking more.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts the bytes in hand against a budget, shared by all parts of a worker.
///
/// Taking never fails: what has arrived is counted even past the budget. [`ByteLedger::is_full`] then tells the source to
/// stop, and [`ByteLedger::has_room`] when it may go on; the gap between the two marks keeps it from flapping.
#[derive(Debug)]
pub struct ByteLedger {
    budget: u64,
    held: AtomicU64,
    peak: AtomicU64,
}

impl ByteLedger {
    /// A ledger with this budget in bytes.
    pub fn new(budget: u64) -> Self {
        Self { budget: budget.max(1), held: AtomicU64::new(0), peak: AtomicU64::new(0) }
    }

    /// Adds bytes.
    pub fn take(&self, bytes: usize) {
        let held = self.held.fetch_add(bytes as u64, Ordering::Relaxed) + bytes as u64;
        self.peak.fetch_max(held, Ordering::Relaxed);
    }

    /// Gives bytes back that were taken before.
    pub fn give(&self, bytes: usize) {
        let before = self.held.fetch_sub(bytes as u64, Ordering::Relaxed);
        debug_assert!(before >= bytes as u64, "gave back {bytes} bytes of {before}");
    }

    /// The bytes in hand.
    pub fn held(&self) -> u64 {
        self.held.load(Ordering::Relaxed)
    }

    /// The most bytes ever in hand.
    pub fn peak(&self) -> u64 {
        self.peak.load(Ordering::Relaxed)
    }

    /// The bytes that fit before the budget is used up.
    pub fn room(&self) -> u64 {
        self.budget.saturating_sub(self.held())
    }

    /// Whether the budget is used up.
    pub fn is_full(&self) -> bool {
        self.held() >= self.budget
    }

    /// Whether at least a quarter of the budget is free again.
    pub fn has_room(&self) -> bool {
        self.held() <= self.budget / 4 * 3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_and_room_leave_a_gap() {
        let ledger = ByteLedger::new(100);
        ledger.take(100);
        assert!(ledger.is_full() && !ledger.has_room() && ledger.room() == 0);
        ledger.give(10);
        assert!(!ledger.is_full() && !ledger.has_room());
        ledger.give(15);
        assert!(ledger.has_room());
        assert_eq!((ledger.held(), ledger.peak()), (75, 100));
    }
}
