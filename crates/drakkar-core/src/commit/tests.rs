//! Commits are coalesced, one at a time, and never go backwards.

use proptest::prelude::*;

use super::*;
use crate::ids::Epoch;

const PACE: Pace = Pace { interval: Duration::from_millis(500), timeout: Duration::from_secs(10) };

fn assignment(partition: i32, epoch: u32) -> Assignment {
    Assignment { partition: PartitionId(partition), epoch: Epoch(epoch) }
}

fn ms(ms: u64) -> Time {
    Time(ms * 1000)
}

#[test]
fn coalesces_what_advanced_within_the_interval() {
    let mut commits = Commits::new(PACE);
    let (a, b) = (assignment(0, 1), assignment(1, 1));
    commits.observe(a, Offset(5));
    assert_eq!(commits.poll(ms(1)), Some(vec![(a, Offset(5))]));
    commits.acknowledged(&[(a.partition, Offset(5))]);
    commits.observe(a, Offset(6));
    commits.observe(b, Offset(9));
    commits.observe(a, Offset(7));
    assert_eq!(commits.poll(ms(400)), None);
    assert_eq!(commits.poll(ms(501)), Some(vec![(a, Offset(7)), (b, Offset(9))]));
}

#[test]
fn one_commit_is_in_flight_at_a_time() {
    let mut commits = Commits::new(PACE);
    let a = assignment(0, 1);
    commits.observe(a, Offset(5));
    assert!(commits.poll(ms(0)).is_some());
    commits.observe(a, Offset(6));
    commits.force();
    assert_eq!(commits.poll(ms(5_000)), None);
    commits.acknowledged(&[(a.partition, Offset(5))]);
    assert_eq!(commits.poll(ms(5_000)), Some(vec![(a, Offset(6))]));
}

#[test]
fn an_unanswered_commit_is_issued_again_with_the_newest_offset() {
    let mut commits = Commits::new(PACE);
    let a = assignment(0, 1);
    commits.observe(a, Offset(5));
    commits.poll(ms(0));
    commits.observe(a, Offset(8));
    assert!(commits.is_overdue(ms(10_000)));
    assert_eq!(commits.poll(ms(10_000)), None, "it waits for the backoff");
    assert_eq!(commits.poll(ms(11_000)), Some(vec![(a, Offset(8))]));
}

#[test]
fn a_late_answer_of_a_commit_that_was_given_up_is_taken() {
    let mut commits = Commits::new(PACE);
    let a = assignment(0, 1);
    commits.observe(a, Offset(5));
    commits.poll(ms(0));
    commits.poll(ms(10_000));
    commits.acknowledged(&[(a.partition, Offset(5))]);
    assert!(commits.is_clean([a]));
    assert_eq!(commits.poll(ms(20_000)), None);
}

#[test]
fn a_discarded_commit_keeps_what_settled() {
    let mut commits = Commits::new(PACE);
    let a = assignment(0, 1);
    commits.observe(a, Offset(5));
    commits.poll(ms(0));
    commits.discarded(ms(100));
    assert!(!commits.is_clean([a]));
    assert_eq!(commits.poll(ms(601)), Some(vec![(a, Offset(5))]));
}

#[test]
fn nothing_is_committed_for_an_assignment_that_is_gone() {
    let mut commits = Commits::new(PACE);
    let (old, new) = (assignment(0, 1), assignment(0, 2));
    commits.observe(old, Offset(5));
    commits.poll(ms(0));
    commits.remove(old);
    assert!(!commits.is_waiting());
    commits.observe(new, Offset(3));
    assert_eq!(commits.poll(ms(600)), Some(vec![(new, Offset(3))]));
    // The old commit's answer says more than the new assignment settled: it proves nothing about it.
    commits.acknowledged(&[(old.partition, Offset(5))]);
    assert!(!commits.is_clean([new]));
}

proptest! {
    /// Whatever the broker answers, no assignment is committed backwards, and the newest offset is acknowledged in the end.
    #[test]
    fn commits_are_monotone_and_complete(steps in prop::collection::vec((0u8..8, 0i32..3, 1i64..50), 1..200)) {
        let mut commits = Commits::new(PACE);
        let mut now = 0;
        let mut settled: BTreeMap<i32, i64> = BTreeMap::new();
        let mut issued: BTreeMap<Assignment, Offset> = BTreeMap::new();
        let mut flying: Vec<Vec<(Assignment, Offset)>> = Vec::new();
        for (what, partition, advance) in steps {
            now += 137;
            match what {
                0..=2 => {
                    let next = settled.entry(partition).or_default();
                    *next += advance;
                    commits.observe(assignment(partition, 1), Offset(*next));
                }
                3 => commits.failed(ms(now)),
                4 => commits.discarded(ms(now)),
                5 => commits.force(),
                6 => if let Some(stored) = flying.pop() {
                    commits.acknowledged(&stored.iter().map(|(a, o)| (a.partition, *o)).collect::<Vec<_>>());
                },
                _ => now += 3_000,
            }
            let was_waiting = commits.is_waiting() && !commits.is_overdue(ms(now));
            if let Some(offsets) = commits.poll(ms(now)) {
                prop_assert!(!was_waiting);
                for (a, offset) in &offsets {
                    let before = issued.insert(*a, *offset);
                    prop_assert!(before.is_none_or(|b| b <= *offset));
                }
                flying.push(offsets);
            }
        }
        for _ in 0..50 {
            now += 20_000;
            if let Some(offsets) = commits.poll(ms(now)) {
                commits.acknowledged(&offsets.iter().map(|(a, o)| (a.partition, *o)).collect::<Vec<_>>());
            }
        }
        prop_assert!(commits.is_clean(settled.keys().map(|p| assignment(*p, 1))));
    }
}
