//! Makes a run that breaks a rule smaller: fewer partitions, messages, workers and kinds of trouble.

use crate::{
    rng::Rng,
    setup::{FAULTS, Run},
    world::{Outcome, simulate},
};

/// Seeds that are tried for each smaller size.
const TRIES: u64 = 150;
/// Runs that are tried in all: a rule that is hard to break stays as large as it is then.
const MOST: u64 = 2_000;

/// The smallest run that was found to break the same rule, and how it ends.
pub(crate) fn shrink(run: Run) -> (Run, Outcome) {
    let first = simulate(run, true);
    let Some(violation) = &first.violation else { return (run, first) };
    let mut search = Search { rule: violation.rule, left: MOST };
    let mut best = run;
    while let Some(smaller) = candidates(best).into_iter().find_map(|size| search.fails(size)) {
        best = smaller;
    }
    let outcome = simulate(best, true);
    (best, outcome)
}

struct Search {
    rule: &'static str,
    left: u64,
}

impl Search {
    /// A run of this size that breaks the rule: with its own seed, or with another one.
    fn fails(&mut self, size: Run) -> Option<Run> {
        let mut seeds = Rng::new(size.seed);
        for index in 0..TRIES {
            self.left = self.left.checked_sub(1)?;
            let run = Run { seed: if index == 0 { size.seed } else { seeds.draw() >> 32 }, ..size };
            if simulate(run, false).violation.is_some_and(|v| v.rule == self.rule) {
                return Some(run);
            }
        }
        None
    }
}

/// Runs that are a step smaller, the largest steps first.
fn candidates(run: Run) -> Vec<Run> {
    let mut smaller = Vec::new();
    for partitions in [1, run.partitions / 2, run.partitions - 1] {
        if (1..run.partitions).contains(&partitions) {
            smaller.push(Run { partitions, ..run });
        }
    }
    if run.workers > 1 {
        smaller.push(Run { workers: 1, ..run });
    }
    for messages in [1, 2, 4, run.messages / 4, run.messages / 2, run.messages * 3 / 4, run.messages - 1] {
        if (1..run.messages).contains(&messages) {
            smaller.push(Run { messages, ..run });
        }
    }
    let bits = (0..u32::BITS).map(|bit| 1 << bit).filter(|bit| FAULTS & run.faults & bit != 0);
    smaller.extend(bits.map(|bit| Run { faults: run.faults & !bit, ..run }));
    smaller
}
