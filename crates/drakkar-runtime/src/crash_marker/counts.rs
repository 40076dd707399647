//! At how many crashes in a row each message was present.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{HookKind, layout::Mark};

/// Neighbours with the same count. A window is one of them, however big.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Run {
    pub(super) partition: i32,
    pub(super) first: i64,
    /// Inclusive.
    pub(super) last: i64,
    /// Crashes in a row.
    pub(super) crashes: u32,
    /// The hook that was busy at the latest of them.
    pub(super) hook: HookKind,
    /// When that was noticed, in seconds since 1970.
    pub(super) at: u64,
}

impl Run {
    pub(super) fn count(&self) -> u64 {
        self.last.abs_diff(self.first) + 1
    }
}

/// The counts of one topic: ascending, without overlaps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts(Vec<Run>);

impl Counts {
    /// Takes runs that were stored; none when they contradict each other.
    pub(super) fn from_runs(runs: Vec<Run>) -> Option<Self> {
        let sound = |run: &Run| {
            Mark { hook: run.hook, partition: run.partition, first: run.first, last: run.last }.is_sound()
        };
        let ascend = |pair: &[Run]| (pair[0].partition, pair[0].last) < (pair[1].partition, pair[1].first);
        (runs.iter().all(sound) && runs.windows(2).all(ascend)).then_some(Self(runs))
    }

    pub(super) fn runs(&self) -> &[Run] {
        &self.0
    }

    pub(super) fn find(&self, partition: i32, offset: i64) -> Option<usize> {
        let next = self.0.partition_point(|run| (run.partition, run.first) <= (partition, offset));
        let at = next.checked_sub(1)?;
        (self.0[at].partition == partition && offset <= self.0[at].last).then_some(at)
    }

    /// Counts one crash: what was marked was present once more.
    ///
    /// Every other message of a partition that had marks is innocent of this crash, so its row ends. A partition without
    /// a mark was not in a hook: the crash says nothing about it.
    pub(super) fn crash(&mut self, marks: &[Mark], now: u64) {
        let worked_on: BTreeSet<i32> = marks.iter().map(|mark| mark.partition).collect();
        let before = self.clone();
        self.0.retain(|run| !worked_on.contains(&run.partition));
        let mut marks: Vec<&Mark> = marks.iter().collect();
        marks.sort_by_key(|mark| (mark.partition, mark.first));
        let mut reached = None;
        for mark in marks {
            // Two hooks that were busy with the same message are one crash.
            let mut at = match reached {
                Some((partition, next)) if partition == mark.partition => mark.first.max(next),
                _ => mark.first,
            };
            while at <= mark.last {
                let (crashes, last) = before.stretch(mark.partition, at);
                let last = last.min(mark.last);
                self.0.push(Run {
                    partition: mark.partition,
                    first: at,
                    last,
                    crashes: crashes.saturating_add(1),
                    hook: mark.hook,
                    at: now,
                });
                at = last + 1;
            }
            reached = Some((mark.partition, at));
        }
        self.0.sort_by_key(|run| (run.partition, run.first));
    }

    /// The count of a message, and up to which offset it holds.
    fn stretch(&self, partition: i32, offset: i64) -> (u32, i64) {
        if let Some(at) = self.find(partition, offset) {
            return (self.0[at].crashes, self.0[at].last);
        }
        let next = self.0.partition_point(|run| (run.partition, run.first) <= (partition, offset));
        match self.0.get(next) {
            Some(run) if run.partition == partition => (0, run.first - 1),
            _ => (0, i64::MAX - 1),
        }
    }

    /// Forgets one message.
    pub(super) fn settle(&mut self, partition: i32, offset: i64) {
        let Some(at) = self.find(partition, offset) else { return };
        let run = self.0.remove(at);
        if offset < run.last {
            self.0.insert(at, Run { first: offset + 1, ..run.clone() });
        }
        if run.first < offset {
            self.0.insert(at, Run { last: offset - 1, ..run });
        }
    }

    /// Forgets what was last seen longer than `seconds` ago.
    pub(super) fn expire(&mut self, now: u64, seconds: u64) {
        self.0.retain(|run| now.saturating_sub(run.at) <= seconds);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(partition: i32, first: i64, last: i64) -> Mark {
        Mark { hook: HookKind::Arrange, partition, first, last }
    }

    fn crashed(crashes: &[&[Mark]]) -> Counts {
        let mut counts = Counts::default();
        for marks in crashes {
            counts.crash(marks, 1000);
        }
        counts
    }

    /// Partition, first, last, crashes.
    fn shape(counts: &Counts) -> Vec<(i32, i64, i64, u32)> {
        counts.0.iter().map(|run| (run.partition, run.first, run.last, run.crashes)).collect()
    }

    #[test]
    fn a_row_goes_on_while_the_message_is_present() {
        assert_eq!(shape(&crashed(&[&[mark(5, 0, 9)], &[mark(5, 3, 3)], &[mark(5, 3, 3)]])), [(5, 3, 3, 3)]);
    }

    #[test]
    fn a_row_ends_when_the_partition_crashes_without_the_message() {
        let counts = crashed(&[&[mark(5, 3, 3)], &[mark(5, 3, 3)], &[mark(5, 4, 4)], &[mark(5, 3, 3)]]);
        assert_eq!(shape(&counts), [(5, 3, 3, 1)]);
    }

    #[test]
    fn a_crash_in_another_partition_leaves_a_row_as_it_is() {
        let counts = crashed(&[&[mark(5, 3, 3)], &[mark(5, 3, 3)], &[mark(6, 4, 4)], &[mark(5, 3, 3)]]);
        assert_eq!(shape(&counts), [(5, 3, 3, 3), (6, 4, 4, 1)]);
    }

    #[test]
    fn two_hooks_busy_with_one_message_are_one_crash() {
        let counts = crashed(&[&[mark(5, 0, 9), mark(5, 3, 3), mark(5, 3, 12)]]);
        assert_eq!(shape(&counts), [(5, 0, 9, 1), (5, 10, 12, 1)]);
    }

    #[test]
    fn windows_that_overlap_count_each_message_for_itself() {
        let counts = crashed(&[&[mark(5, 0, 9), mark(5, 20, 29)], &[mark(5, 5, 24), mark(7, 1, 1)]]);
        let expected = [(5, 5, 9, 2), (5, 10, 19, 1), (5, 20, 24, 2), (7, 1, 1, 1)];
        assert_eq!(shape(&counts), expected);
        assert_eq!(Counts::from_runs(counts.0.clone()), Some(counts), "sound when read again");
    }

    #[test]
    fn a_settled_message_is_forgotten_and_its_neighbours_are_not() {
        let mut counts = crashed(&[&[mark(5, 0, 9)]]);
        for offset in [4, 0, 9, 4, 77] {
            counts.settle(5, offset);
        }
        counts.settle(6, 1);
        assert_eq!(shape(&counts), [(5, 1, 3, 1), (5, 5, 8, 1)]);
        assert!(counts.find(5, 4).is_none() && counts.find(5, 5).is_some() && counts.find(4, 5).is_none());
    }

    #[test]
    fn old_rows_expire() {
        let mut counts = crashed(&[&[mark(5, 0, 9)]]);
        counts.expire(1010, 10);
        assert_eq!(counts.0.len(), 1);
        counts.expire(0, 10);
        assert_eq!(counts.0.len(), 1, "a clock that went back forgets nothing");
        counts.expire(1011, 10);
        assert!(counts.0.is_empty());
    }

    #[test]
    fn runs_that_contradict_each_other_are_refused() {
        let run = |partition, first, last| Run {
            partition,
            first,
            last,
            crashes: 1,
            hook: HookKind::Arrange,
            at: 0,
        };
        assert!(Counts::from_runs(vec![run(1, 5, 9), run(1, 10, 10), run(2, 0, 1)]).is_some());
        for bad in [
            vec![run(1, 5, 9), run(1, 9, 10)],
            vec![run(2, 5, 9), run(1, 0, 1)],
            vec![run(1, 9, 5)],
            vec![run(1, -1, 5)],
            vec![run(1, 0, i64::MAX)],
        ] {
            assert_eq!(Counts::from_runs(bad), None);
        }
    }
}
