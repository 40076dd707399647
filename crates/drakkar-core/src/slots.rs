//! The slot gate: who runs next when not everyone can.

use std::{cmp::Reverse, collections::BinaryHeap};

use crate::{executor::Priority, ids::SlotId};

/// Hands out a fixed number of slots by priority: lower first, equal ones in order of arrival.
///
/// Each waiter carries a ticket of its holder's choice, and wants as many slots as it has weight. The lowest free slots are
/// given first. A heavy waiter whose turn it is holds up those behind it until there are enough: it could starve otherwise.
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
    weight: u32,
    ticket: T,
}

/// Slots that were granted together.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "slots that are not released are lost"]
pub struct Slots {
    first: SlotId,
    more: Vec<SlotId>,
}

impl Slots {
    /// The lowest of them.
    pub fn first(&self) -> SlotId {
        self.first
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = SlotId> {
        std::iter::once(self.first).chain(self.more.iter().copied())
    }
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

    /// Queues a ticket that wants this many slots: at least one, and no more than there are.
    pub fn enqueue(&mut self, priority: Priority, weight: u32, ticket: T) {
        self.arrivals += 1;
        let weight = weight.clamp(1, self.slots);
        self.waiting.push(Waiter { priority, arrival: self.arrivals, weight, ticket });
    }

    /// Grants free slots to the first waiter, if there are enough.
    pub fn grant(&mut self) -> Option<(Slots, T)> {
        if self.waiting.peek()?.weight as usize > self.free.len() {
            return None;
        }
        let Waiter { weight, ticket, .. } = self.waiting.pop()?;
        let first = SlotId(self.free.pop()?.0);
        let more = (1..weight).filter_map(|_| self.free.pop()).map(|Reverse(slot)| SlotId(slot)).collect();
        Some((Slots { first, more }, ticket))
    }

    /// Takes the first waiter without a slot of its own, if it wants one slot and matches: whoever holds a slot takes it in.
    pub fn join(&mut self, matches: impl FnOnce(&T) -> bool) -> Option<T> {
        let first = self.waiting.peek()?;
        if first.weight != 1 || !matches(&first.ticket) {
            return None;
        }
        self.waiting.pop().map(|waiter| waiter.ticket)
    }

    /// Takes slots back.
    pub fn release(&mut self, slots: Slots) {
        for slot in slots.iter() {
            debug_assert!(
                slot.0 < self.slots && !self.free.iter().any(|s| s.0 == slot.0),
                "slot {slot} was free"
            );
            self.free.push(Reverse(slot.0));
        }
    }

    /// Whether a slot is free.
    pub fn has_free(&self) -> bool {
        !self.free.is_empty()
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

    /// How many slots are held.
    pub fn active(&self) -> usize {
        self.slots as usize - self.free.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn aged(age: u64) -> Priority {
        Priority { class: 0, age }
    }

    #[test]
    fn the_handlers_word_counts_before_age() {
        let mut gate = SlotGate::new(1);
        gate.enqueue(Priority { class: 1, age: 0 }, 1, "later");
        gate.enqueue(Priority { class: -1, age: 9 }, 1, "first");
        gate.enqueue(aged(5), 1, "second");
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
            gate.enqueue(aged(priority), 1, ticket);
        }
        let mut order = Vec::new();
        while let Some((slot, ticket)) = gate.grant() {
            order.push(ticket);
            gate.release(slot);
        }
        assert_eq!(order, ["b", "d", "c", "a"]);
    }

    /// The slots and the ticket of the next grant.
    fn next<T>(gate: &mut SlotGate<T>) -> Option<(Slots, Vec<u32>, T)> {
        gate.grant().map(|(slots, ticket)| {
            let numbers = slots.iter().map(|slot| slot.0).collect();
            (slots, numbers, ticket)
        })
    }

    #[test]
    fn gives_the_lowest_free_slot_and_never_more_than_there_are() {
        let mut gate = SlotGate::new(2);
        for n in 0..3 {
            gate.enqueue(aged(0), 1, n);
        }
        let (first, numbers, ticket) = next(&mut gate).unwrap();
        assert_eq!((numbers, ticket), (vec![0], 0));
        let (_second, numbers, ticket) = next(&mut gate).unwrap();
        assert_eq!((numbers, ticket), (vec![1], 1));
        assert_eq!(gate.grant(), None);
        gate.release(first);
        let (_third, numbers, ticket) = next(&mut gate).unwrap();
        assert_eq!((numbers, ticket), (vec![0], 2));
        assert_eq!((gate.active(), gate.waiting()), (2, 0));
    }

    #[test]
    fn a_heavy_one_gets_all_its_slots_at_once_and_is_not_overtaken() {
        let mut gate = SlotGate::new(3);
        gate.enqueue(aged(0), 2, "two");
        gate.enqueue(aged(1), 9, "all");
        gate.enqueue(aged(2), 1, "one");
        let (two, numbers, _) = next(&mut gate).unwrap();
        assert_eq!(numbers, [0, 1]);
        assert_eq!(gate.grant(), None, "one slot is free, but it is the heavy one's turn");
        gate.release(two);
        let (all, numbers, ticket) = next(&mut gate).unwrap();
        assert_eq!((numbers, ticket), (vec![0, 1, 2], "all"));
        gate.release(all);
        assert_eq!(next(&mut gate).unwrap().2, "one");
    }

    #[test]
    fn only_the_first_in_line_may_join_another() {
        let mut gate = SlotGate::new(1);
        for ticket in ["a", "b", "a"] {
            gate.enqueue(aged(0), 1, ticket);
        }
        let (slot, ticket) = gate.grant().unwrap();
        assert_eq!(ticket, "a");
        assert_eq!(gate.join(|t| *t == "a"), None, "`b` is before it");
        assert_eq!(gate.join(|t| *t == "b"), Some("b"));
        assert_eq!(gate.join(|t| *t == "a"), Some("a"));
        assert_eq!((gate.active(), gate.waiting()), (1, 0));
        gate.release(slot);
        assert!(gate.has_free());
    }

    #[test]
    fn removing_waiters_loses_no_slot() {
        let mut gate = SlotGate::new(1);
        for n in 0..10 {
            gate.enqueue(aged(n), 1, n);
        }
        let mut removed = gate.remove(|n| n % 2 == 0);
        removed.sort_unstable();
        assert_eq!(removed, [0, 2, 4, 6, 8]);
        assert_eq!(next(&mut gate).unwrap().2, 1);
        assert_eq!((gate.active(), gate.waiting()), (1, 4));
    }

    /// What may happen to a gate.
    #[derive(Clone, Debug)]
    enum Step {
        Enqueue { age: u64, weight: u32 },
        Cancel { every: u64 },
        Finish { which: usize },
        Join,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => (0..20u64, 1..6u32).prop_map(|(age, weight)| Step::Enqueue { age, weight }),
            1 => (2..5u64).prop_map(|every| Step::Cancel { every }),
            3 => (0..8usize).prop_map(|which| Step::Finish { which }),
            1 => Just(Step::Join),
        ];
        proptest::collection::vec(step, 0..200)
    }

    proptest! {
        #[test]
        fn nothing_is_lost_overtaken_or_given_twice(slots in 1..5u32, steps in steps()) {
            let mut gate = SlotGate::new(slots);
            // Who waits, in the order in which they must be served, and who holds what.
            let mut line: Vec<(u64, u64, u32)> = Vec::new();
            let mut held: Vec<Slots> = Vec::new();
            let mut arrivals = 0;
            for step in steps.into_iter().chain((0..400).map(|_| Step::Finish { which: 0 })) {
                match step {
                    Step::Enqueue { age, weight } => {
                        arrivals += 1;
                        gate.enqueue(aged(age), weight, arrivals);
                        line.push((age, arrivals, weight.min(slots)));
                        line.sort_unstable();
                    }
                    Step::Cancel { every } => {
                        let removed = gate.remove(|n| n % every == 0);
                        let before = line.len();
                        line.retain(|(_, n, _)| n % every != 0);
                        prop_assert_eq!(removed.len(), before - line.len());
                    }
                    Step::Finish { which } => {
                        if !held.is_empty() {
                            gate.release(held.swap_remove(which % held.len()));
                        }
                    }
                    Step::Join => {
                        let joined = gate.join(|_| true);
                        let expected = line.first().filter(|w| w.2 == 1).map(|w| w.1);
                        prop_assert_eq!(joined, expected);
                        if joined.is_some() {
                            line.remove(0);
                        }
                    }
                }
                while let Some((granted, ticket)) = gate.grant() {
                    let (_, first, weight) = line.remove(0);
                    prop_assert_eq!((ticket, granted.iter().count()), (first, weight as usize));
                    held.push(granted);
                }
                let mut all: Vec<u32> = held.iter().flat_map(Slots::iter).map(|slot| slot.0).collect();
                all.sort_unstable();
                prop_assert!(all.windows(2).all(|pair| pair[0] != pair[1]) && all.iter().all(|slot| *slot < slots));
                prop_assert_eq!((gate.active(), gate.waiting()), (all.len(), line.len()));
                // A waiter that fits waits for nothing.
                prop_assert!(line.first().is_none_or(|w| w.2 as usize > slots as usize - all.len()));
            }
            prop_assert_eq!((gate.active(), gate.waiting()), (0, 0));
        }
    }
}
