//! The slot gate: who runs next when not everyone can.

use std::{cmp::Reverse, collections::BinaryHeap};

use crate::{executor::Priority, ids::SlotId};

/// Hands out a fixed number of slots by priority: lower first, equal ones in order of arrival.
///
/// Each waiter carries a ticket of its holder's choice. The lowest free slot is given first.
#[derive(Debug)]
pub struct SlotGate<T> {
    free: BinaryHeap<Reverse<u32>>,
    waiting: BinaryHeap<Waiter<T>>,
    arrivals: u64,
    slots: u32,
}

#[derive(Debug)]
struct Waiter<T> {
    priority: Priority,
    arrival: u64,
    ticket: T,
}

impl<T> PartialEq for Waiter<T> {
    fn eq(&self, other: &Self) -> bool {
        (self.priority, self.arrival) == (other.priority, other.arrival)
    }
}

impl<T> Eq for Waiter<T> {}

impl<T> Ord for Waiter<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (other.priority, other.arrival).cmp(&(self.priority, self.arrival))
    }
}

impl<T> PartialOrd for Waiter<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> SlotGate<T> {
    /// A gate with this many slots; at least one.
    pub fn new(slots: u32) -> Self {
        let slots = slots.max(1);
        Self { free: (0..slots).map(Reverse).collect(), waiting: BinaryHeap::new(), arrivals: 0, slots }
    }

    /// Queues a ticket.
    pub fn enqueue(&mut self, priority: Priority, ticket: T) {
        self.arrivals += 1;
        self.waiting.push(Waiter { priority, arrival: self.arrivals, ticket });
    }

    /// Grants a free slot to the first waiter, if there are both.
    pub fn grant(&mut self) -> Option<(SlotId, T)> {
        if self.waiting.is_empty() {
            return None;
        }
        let Reverse(slot) = self.free.pop()?;
        let waiter = self.waiting.pop()?;
        Some((SlotId(slot), waiter.ticket))
    }

    /// Takes a slot back.
    pub fn release(&mut self, slot: SlotId) {
        debug_assert!(
            slot.0 < self.slots && !self.free.iter().any(|s| s.0 == slot.0),
            "slot {slot} was free"
        );
        self.free.push(Reverse(slot.0));
    }

    /// Removes the waiters that match and returns their tickets in arbitrary order.
    pub fn remove(&mut self, mut matches: impl FnMut(&T) -> bool) -> Vec<T> {
        let (removed, kept): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.waiting).into_iter().partition(|w| matches(&w.ticket));
        self.waiting = kept.into();
        removed.into_iter().map(|w| w.ticket).collect()
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// How many hold a slot.
    pub fn active(&self) -> usize {
        self.slots as usize - self.free.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aged(age: u64) -> Priority {
        Priority { class: 0, age }
    }

    #[test]
    fn the_handlers_word_counts_before_age() {
        let mut gate = SlotGate::new(1);
        gate.enqueue(Priority { class: 1, age: 0 }, "later");
        gate.enqueue(Priority { class: -1, age: 9 }, "first");
        gate.enqueue(aged(5), "second");
        let mut order = Vec::new();
        while let Some((slot, ticket)) = gate.grant() {
            order.push(ticket);
            gate.release(slot);
        }
        assert_eq!(order, ["first", "second", "later"]);
    }

    #[test]
    fn serves_by_priority_then_arrival() {
        let mut gate = SlotGate::new(1);
        for (priority, ticket) in [(30, "a"), (10, "b"), (20, "c"), (10, "d")] {
            gate.enqueue(aged(priority), ticket);
        }
        let mut order = Vec::new();
        while let Some((slot, ticket)) = gate.grant() {
            order.push(ticket);
            gate.release(slot);
        }
        assert_eq!(order, ["b", "d", "c", "a"]);
    }

    #[test]
    fn gives_the_lowest_free_slot_and_never_more_than_there_are() {
        let mut gate = SlotGate::new(2);
        for n in 0..3 {
            gate.enqueue(aged(0), n);
        }
        assert_eq!(gate.grant(), Some((SlotId(0), 0)));
        assert_eq!(gate.grant(), Some((SlotId(1), 1)));
        assert_eq!(gate.grant(), None);
        gate.release(SlotId(0));
        assert_eq!(gate.grant(), Some((SlotId(0), 2)));
        assert_eq!((gate.active(), gate.waiting()), (2, 0));
    }

    #[test]
    fn removing_waiters_loses_no_slot() {
        let mut gate = SlotGate::new(1);
        for n in 0..10 {
            gate.enqueue(aged(n), n);
        }
        let mut removed = gate.remove(|n| n % 2 == 0);
        removed.sort_unstable();
        assert_eq!(removed, [0, 2, 4, 6, 8]);
        assert_eq!(gate.grant(), Some((SlotId(0), 1)));
        assert_eq!((gate.active(), gate.waiting()), (1, 4));
    }
}
