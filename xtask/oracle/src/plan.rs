//! Which faults come when: all of it from the seed, before anything runs.

use std::time::Duration;

use clap::ValueEnum;

use crate::random::Random;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Kind {
    /// SIGKILL to a worker, which is started again.
    Kill,
    /// SIGSTOP to a worker until the group has expelled it, then SIGCONT.
    Freeze,
    /// SIGTERM to a worker, which is started again once it ended.
    Stop,
    /// The broker stops in order and comes back.
    Broker,
}

impl Kind {
    /// How often it is drawn, beside the others.
    fn weight(self) -> u64 {
        match self {
            Self::Kill => 5,
            Self::Freeze => 2,
            Self::Stop => 3,
            Self::Broker => 1,
        }
    }

    /// What a journal says of it.
    pub(crate) fn verb(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Freeze => "freeze",
            Self::Stop => "stop",
            Self::Broker => "restart",
        }
    }

    /// The longest time until what was ended comes back, in milliseconds. For a frozen worker it is the time beyond the
    /// session timeout.
    fn away_ms(self) -> u64 {
        match self {
            Self::Kill | Self::Stop => 2_500,
            Self::Freeze => 4_000,
            Self::Broker => 3_000,
        }
    }
}

/// When a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// When so many messages have ended.
    Settled(u64),
    /// So long after the fault before it: inside what that one set off, also while the broker is away.
    Soon(Duration),
}

/// A fault to inject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) kind: Kind,
    pub(crate) moment: Moment,
    /// How long what it hits stays away.
    pub(crate) away: Duration,
    /// Which of the workers that run it hits.
    pub(crate) pick: u64,
}

/// The faults of a run, in order.
///
/// Each kind comes at least once where there are enough of them. They fall between a twentieth and nine tenths of the
/// messages, so that some flow before the first and after the last.
pub(crate) fn faults(seed: u64, messages: u64, count: usize, kinds: &[Kind]) -> Vec<Fault> {
    let mut random = Random::new(seed, 1);
    let mut kinds_drawn: Vec<Kind> = kinds.iter().copied().take(count).collect();
    let all: u64 = kinds.iter().map(|k| k.weight()).sum();
    while kinds_drawn.len() < count && all > 0 {
        let mut drawn = random.between(0, all);
        let kind = kinds.iter().copied().find(|k| {
            let hit = drawn < k.weight();
            drawn = drawn.saturating_sub(k.weight());
            hit
        });
        kinds_drawn.extend(kind);
    }
    random.shuffle(&mut kinds_drawn);
    let (first, last) = (messages / 20, messages / 10 * 9);
    let mut moments: Vec<u64> =
        kinds_drawn.iter().map(|_| random.between(first, last.max(first + 1))).collect();
    moments.sort_unstable();
    let faults = kinds_drawn.into_iter().zip(moments).enumerate();
    faults
        .map(|(n, (kind, settled))| {
            let soon = n > 0 && random.percent(25);
            let moment = if soon { Moment::Soon(random.time(2_000)) } else { Moment::Settled(settled) };
            Fault { kind, moment, away: random.time(kind.away_ms()), pick: random.next() }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Kind; 4] = [Kind::Kill, Kind::Freeze, Kind::Stop, Kind::Broker];

    #[test]
    fn every_kind_comes_and_the_seed_decides() {
        for seed in 0..50 {
            let plan = faults(seed, 20_000, 6, &ALL);
            assert_eq!(plan, faults(seed, 20_000, 6, &ALL));
            assert_eq!(plan.len(), 6);
            for kind in ALL {
                assert!(plan.iter().any(|f| f.kind == kind), "seed {seed} has no {kind:?}: {plan:?}");
            }
        }
        assert_ne!(faults(1, 20_000, 6, &ALL), faults(2, 20_000, 6, &ALL));
    }

    #[test]
    fn moments_come_in_order_and_leave_room_at_both_ends() {
        for seed in 0..50 {
            let mut before = 0;
            for fault in faults(seed, 20_000, 30, &[Kind::Kill, Kind::Stop]) {
                assert!(matches!(fault.kind, Kind::Kill | Kind::Stop));
                if let Moment::Settled(settled) = fault.moment {
                    assert!((1_000..18_000).contains(&settled) && settled >= before);
                    before = settled;
                }
            }
        }
    }

    #[test]
    fn a_run_without_faults_has_none() {
        assert!(faults(1, 100, 0, &ALL).is_empty());
        assert!(faults(1, 100, 5, &[]).is_empty());
    }
}
