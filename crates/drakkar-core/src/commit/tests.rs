//! Commits are coalesced, one at a time, and never go backwards.

use proptest::prelude::*;

use super::*;
use crate::ids::{Epoch, PartitionId};

const PACE: Pace =
    Pace { interval: Duration::from_millis(500), timeout: Duration::from_secs(10), advance: 1_000 };

fn assignment(partition: i32, epoch: u32) -> Assignment {
    Assignment { partition: PartitionId(partition), epoch: Epoch(epoch) }
}

fn ms(ms: u64) -> Time {
    Time(ms * 1000)
}

fn poll(commits: &mut Commits, now: u64) -> Option<Vec<(Assignment, Offset)>> {
    commits.poll(ms(now)).map(|request| request.offsets)
}

#[test]
fn coalesces_what_advanced_within_the_interval() {
    let mut commits = Commits::new(PACE);
    let (a, b) = (assignment(0, 1), assignment(1, 1));
    commits.observe(a, Offset(5));
    assert_eq!(poll(&mut commits, 1), Some(vec![(a, Offset(5))]));
    commits.succeeded(&[(a, Offset(5))], &[], ms(2));
    commits.observe(a, Offset(6));
    commits.observe(b, Offset(9));
    commits.observe(a, Offset(7));
    assert_eq!(poll(&mut commits, 400), None);
    assert_eq!(poll(&mut commits, 501), Some(vec![(a, Offset(7)), (b, Offset(9))]));
}

#[test]
fn an_assignment_far_ahead_is_committed_before_its_time() {
    let mut commits = Commits::new(PACE);
    let a = assignment(0, 1);
    commits.observe(a, Offset(5));
    assert!(poll(&mut commits, 0).is_some());
    commits.succeeded(&[(a, Offset(5))], &[], ms(1));
    commits.observe(a, Offset(1_004));
    assert_eq!(poll(&mut commits, 2), None);
    commits.observe(a, Offset(1_005));
    assert_eq!(poll(&mut commits, 3), Some(vec![(a, Offset(1_005))]));
    commits.failed(&[(a, Offset(1_005))], ms(4));
    commits.observe(a, Offset(5_000));
    assert_eq!(poll(&mut commits, 5), None, "a backoff holds it");
}

#[test]
fn one_commit_is_in_flight_at_a_time() {
    let mut commits = Commits::new(PACE);
    let a = assignment(0, 1);
    commits.observe(a, Offset(5));
    assert!(poll(&mut commits, 0).is_some());
    commits.observe(a, Offset(6));
    commits.force();
    assert_eq!(poll(&mut commits, 5_000), None);
    commits.succeeded(&[(a, Offset(5))], &[], ms(5_000));
    assert_eq!(poll(&mut commits, 5_000), Some(vec![(a, Offset(6))]), "forced: without waiting");
}

#[test]
fn an_unanswered_commit_is_issued_again_with_the_newest_offset() {
    let mut commits = Commits::new(PACE);
    let a = assignment(0, 1);
    commits.observe(a, Offset(5));
    assert!(poll(&mut commits, 0).is_some());
    commits.observe(a, Offset(8));
    assert!(!commits.expire(ms(9_999)));
    assert!(commits.expire(ms(10_000)));
    assert_eq!(poll(&mut commits, 10_000), None, "it waits for the backoff");
    assert_eq!(poll(&mut commits, 11_000), Some(vec![(a, Offset(8))]));
}

#[test]
fn a_late_answer_of_a_commit_that_was_given_up_is_taken_but_ends_nothing() {
    let mut commits = Commits::new(PACE);
    let (a, b) = (assignment(0, 1), assignment(1, 1));
    commits.observe(a, Offset(5));
    assert!(poll(&mut commits, 0).is_some());
    assert!(commits.expire(ms(10_000)));
    commits.observe(a, Offset(6));
    assert!(poll(&mut commits, 11_000).is_some());
    commits.succeeded(&[(a, Offset(5))], &[], ms(11_001));
    commits.succeeded(&[], &[(b, Offset(5))], ms(11_001));
    commits.failed(&[(a, Offset(5))], ms(11_001));
    commits.discarded(&[(a, Offset(5))], ms(11_001));
    assert!(commits.is_waiting(), "the newer commit is still unanswered");
    commits.succeeded(&[(a, Offset(6))], &[], ms(11_002));
    assert!(commits.is_clean([a]) && !commits.is_waiting());
    assert_eq!(poll(&mut commits, 20_000), None);
}

/// Found by the simulator with seed 3904395151-p2-m1-w1-f20822: the late answer covered what it did not name.
#[test]
fn an_answer_that_may_be_of_an_older_commit_proves_only_what_it_names() {
    let mut commits = Commits::new(PACE);
    let (a, b) = (assignment(0, 1), assignment(1, 1));
    commits.observe(a, Offset(5));
    assert!(poll(&mut commits, 0).is_some());
    assert!(commits.expire(ms(10_000)));
    commits.observe(b, Offset(9));
    assert_eq!(poll(&mut commits, 11_000), Some(vec![(a, Offset(5)), (b, Offset(9))]));
    // The first commit arrived after all; the second one did not yet.
    commits.succeeded(&[(a, Offset(5))], &[], ms(11_001));
    assert!(commits.is_clean([a]) && !commits.is_clean([b]));
    assert_eq!(poll(&mut commits, 12_000), Some(vec![(b, Offset(9))]), "it goes again");
    commits.covered();
    assert!(!commits.is_clean([b]), "this may be the answer of the second commit");
    commits.succeeded(&[(b, Offset(9))], &[], ms(12_001));
    assert!(commits.is_clean([b]));
}

#[test]
fn an_answer_covers_what_it_leaves_out_once_every_older_commit_is_answered() {
    type Answer = fn(&mut Commits, Assignment);
    let stored: Answer = |commits, a| commits.succeeded(&[(a, Offset(5))], &[], ms(11_001));
    let nothing_new: Answer = |commits, _| commits.covered();
    for older in [stored, nothing_new] {
        let mut commits = Commits::new(PACE);
        let (a, b) = (assignment(0, 1), assignment(1, 1));
        commits.observe(a, Offset(5));
        assert!(poll(&mut commits, 0).is_some());
        assert!(commits.expire(ms(10_000)));
        assert!(poll(&mut commits, 11_000).is_some());
        older(&mut commits, a);
        commits.succeeded(&[(a, Offset(5))], &[], ms(11_002));
        commits.observe(a, Offset(6));
        commits.observe(b, Offset(9));
        assert!(poll(&mut commits, 20_000).is_some());
        commits.succeeded(&[(a, Offset(6))], &[], ms(20_001));
        assert!(commits.is_clean([a, b]));
    }
}

#[test]
fn a_discarded_commit_keeps_what_settled() {
    let mut commits = Commits::new(PACE);
    let a = assignment(0, 1);
    commits.observe(a, Offset(5));
    assert!(poll(&mut commits, 0).is_some());
    commits.discarded(&[(a, Offset(5))], ms(100));
    assert!(!commits.is_clean([a]));
    assert_eq!(poll(&mut commits, 599), None);
    assert_eq!(poll(&mut commits, 600), Some(vec![(a, Offset(5))]));
}

#[test]
fn a_partition_that_failed_alone_goes_again_and_one_that_was_refused_holds_up_nothing() {
    let mut commits = Commits::new(PACE);
    let (a, b, c) = (assignment(0, 1), assignment(1, 1), assignment(2, 1));
    for x in [a, b, c] {
        commits.observe(x, Offset(5));
    }
    assert!(poll(&mut commits, 0).is_some());
    commits.refused(c);
    commits.succeeded(&[(a, Offset(5))], &[(b, Offset(5))], ms(1));
    assert!(commits.is_clean([a]) && !commits.is_clean([b]) && !commits.is_waiting());
    assert_eq!(poll(&mut commits, 5_000), Some(vec![(b, Offset(5)), (c, Offset(5))]));
}

#[test]
fn what_the_group_has_already_counts_as_acknowledged() {
    let mut commits = Commits::new(PACE);
    let a = assignment(0, 1);
    commits.observe(a, Offset(5));
    assert!(poll(&mut commits, 0).is_some());
    commits.covered();
    assert!(commits.is_clean([a]) && !commits.is_waiting());
}

#[test]
fn nothing_is_committed_for_an_assignment_that_is_gone() {
    let mut commits = Commits::new(PACE);
    let (old, new) = (assignment(0, 1), assignment(0, 2));
    commits.observe(old, Offset(5));
    assert!(poll(&mut commits, 0).is_some());
    commits.remove(old);
    assert!(!commits.is_waiting());
    commits.observe(new, Offset(5));
    // The old commit's answer proves nothing about the new assignment.
    commits.succeeded(&[(old, Offset(5))], &[], ms(1));
    assert!(!commits.is_clean([new]));
    assert_eq!(poll(&mut commits, 600), Some(vec![(new, Offset(5))]));
}

/// What a broker and a group may do to a worker's commits.
#[derive(Clone, Debug)]
enum Step {
    Settle(i32, i64),
    /// The oldest or the newest unanswered commit is answered.
    Answer {
        newest: bool,
        how: u8,
    },
    Reassign(i32),
    Force,
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0i32..3, 1i64..700).prop_map(|(p, n)| Step::Settle(p, n)),
        3 => (any::<bool>(), 0u8..4).prop_map(|(newest, how)| Step::Answer { newest, how }),
        1 => (0i32..3).prop_map(Step::Reassign),
        1 => Just(Step::Force),
        2 => (1u64..12_000).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 1..200)
}

proptest! {
    /// Whatever the broker answers, and however late: per assignment commits are monotone and never past what settled,
    /// one is in flight, none is for an assignment that is gone, and the newest offset is acknowledged in the end.
    #[test]
    fn commits_are_monotone_single_and_complete(steps in steps()) {
        let mut commits = Commits::new(PACE);
        let mut now = 0;
        let mut epochs = [1u32; 3];
        let mut settled: BTreeMap<Assignment, Offset> = BTreeMap::new();
        let mut issued: BTreeMap<Assignment, Offset> = BTreeMap::new();
        let mut unanswered: Vec<Vec<(Assignment, Offset)>> = Vec::new();
        for step in steps {
            now += 7;
            match step {
                Step::Settle(partition, advance) => {
                    let a = assignment(partition, epochs[partition as usize]);
                    let next = settled.entry(a).or_insert(Offset(0));
                    next.0 += advance;
                    commits.observe(a, *next);
                }
                Step::Answer { newest, how } if !unanswered.is_empty() => {
                    let sent = unanswered.remove(if newest { unanswered.len() - 1 } else { 0 });
                    match how {
                        0 => commits.succeeded(&sent, &[], ms(now)),
                        1 => commits.succeeded(&sent[1..], &sent[..1], ms(now)),
                        2 => commits.failed(&sent, ms(now)),
                        _ => commits.discarded(&sent, ms(now)),
                    }
                }
                Step::Answer { .. } => {}
                Step::Reassign(partition) => {
                    let epoch = &mut epochs[partition as usize];
                    commits.remove(assignment(partition, *epoch));
                    settled.remove(&assignment(partition, *epoch));
                    *epoch += 1;
                }
                Step::Force => commits.force(),
                Step::Wait(more) => now += more,
            }
            commits.expire(ms(now));
            let waiting = commits.is_waiting();
            if let Some(request) = commits.poll(ms(now)) {
                prop_assert!(!waiting, "two in flight");
                for (a, offset) in &request.offsets {
                    prop_assert_eq!(settled.get(a), Some(offset), "not the newest of a current assignment");
                    let before = issued.insert(*a, *offset);
                    prop_assert!(before.is_none_or(|b| b <= *offset), "backwards");
                }
                unanswered.push(request.offsets);
            }
        }
        for _ in 0..3 {
            now += 20_000;
            if let Some(request) = commits.poll(ms(now)) {
                commits.succeeded(&request.offsets, &[], ms(now));
                issued.extend(request.offsets);
            }
        }
        prop_assert!(commits.is_clean(settled.keys().copied()));
        for a in settled.keys() {
            prop_assert_eq!(settled.get(a), issued.get(a), "the newest was never sent");
        }
    }
}
