//! What a seed stands for: the size of a run, the rules of the worker, what may go wrong and how often.

use std::{fmt, str::FromStr, time::Duration};

use drakkar_core::{
    breaker::BreakerRules,
    commit::Pace,
    pipeline::{BrakeRules, Parse, Rules},
    retry::RetryPolicy,
};

use crate::rng::Rng;

/// A kind of trouble that can be left out of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Fault {
    Attempts,
    Hooks,
    Outputs,
    Unparsed,
    Outages,
    Commits,
    Revokes,
    Losses,
    Reassigns,
    Crashes,
    Stops,
    Jumps,
    Gates,
    Killers,
    Freezes,
    Echoes,
    StrangePlans,
    Brake,
}

/// All of them, by the bit that stands for each.
pub(crate) const FAULTS: u32 = (1 << 18) - 1;

/// A run, as small as it is asked for. Its text form names it in a report and brings it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) seed: u64,
    pub(crate) partitions: u64,
    /// Messages of one partition.
    pub(crate) messages: u64,
    pub(crate) workers: u64,
    pub(crate) faults: u32,
}

impl Run {
    /// The run that a seed alone stands for.
    pub(crate) fn of_seed(seed: u64) -> Self {
        let mut rng = Rng::new(seed ^ 0x0051_3e7b);
        let partitions = 1 + rng.below(5);
        let messages = rng.between(60, 180) / partitions + 1;
        let workers = 1 + rng.below(3);
        // Half of the kinds at once, so that each also meets a run in which it is nearly alone.
        let faults = (rng.draw() as u32 | (rng.draw() as u32 & rng.draw() as u32)) & FAULTS;
        Self { seed, partitions, messages, workers, faults }
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Run { seed, partitions, messages, workers, faults } = self;
        if *self == Run::of_seed(*seed) {
            return write!(f, "{seed}");
        }
        write!(f, "{seed}-p{partitions}-m{messages}-w{workers}-f{faults:x}")
    }
}

impl FromStr for Run {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = |part: &str| format!("`{part}` in DRAKKAR_SEED: expected SEED or SEED-pN-mN-wN-fHEX");
        let mut parts = text.trim().split('-');
        let seed = parts.next().unwrap_or_default();
        let mut run = Run::of_seed(seed.parse().map_err(|_| bad(seed))?);
        for part in parts {
            let (kind, number) = part.split_at_checked(1).ok_or_else(|| bad(part))?;
            let decimal = || number.parse::<u64>().map_err(|_| bad(part));
            match kind {
                "p" => run.partitions = decimal()?.max(1),
                "m" => run.messages = decimal()?.max(1),
                "w" => run.workers = decimal()?.max(1),
                "f" => run.faults = u32::from_str_radix(number, 16).map_err(|_| bad(part))? & FAULTS,
                _ => return Err(bad(part)),
            }
        }
        Ok(run)
    }
}

/// Everything that is drawn once for a run.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) run: Run,
    pub(crate) rules: Rules,
    pub(crate) parse: Parse,
    pub(crate) pace: Pace,
    pub(crate) breaker: BreakerRules,
    /// Whether outputs for a sink whose breaker is open fail at once, or wait.
    pub(crate) open_fails: bool,
    pub(crate) slots: u32,
    pub(crate) sinks: usize,
    pub(crate) bytes: u64,
    /// Tasks that hold or await a slot before windows are held back, and below which they are not.
    pub(crate) high: usize,
    pub(crate) low: usize,
    /// Percent of tasks whose result is known already.
    pub(crate) precomputed: u64,
    /// Percent of messages without a task of their own.
    pub(crate) idle: u64,
    /// Percent of attempts, hooks, outputs that fail.
    pub(crate) attempts_fail: u64,
    pub(crate) hooks_fail: u64,
    pub(crate) outputs_fail: u64,
    /// Percent of commits that go wrong.
    pub(crate) commits_fail: u64,
    /// Of a thousand messages, so many cannot be decoded, and so many end the process.
    pub(crate) unparsed: u64,
    pub(crate) killers: u64,
    /// Things that happen to workers and partitions before the run calms down.
    pub(crate) disturbances: u64,
    /// How often it is looked whether most is done, before the run calms down in any case.
    pub(crate) patience: u64,
    /// Usual time of a hook, an attempt, a verdict, in microseconds.
    pub(crate) hook_time: u64,
    pub(crate) attempt_time: u64,
    pub(crate) sink_time: u64,
    /// Most records of one batch.
    pub(crate) batch: u64,
}

impl Setup {
    pub(crate) fn new(run: Run) -> Self {
        let mut rng = Rng::new(run.seed ^ 0x7a63_19c4);
        let rules = rules(&mut rng, run);
        let high = rng.between(1, 40) as usize;
        let rate = |rng: &mut Rng, fault: Fault, most: u64| {
            let drawn = rng.below(most + 1);
            if run.has(fault) { drawn } else { 0 }
        };
        Self {
            run,
            rules,
            parse: [Parse::DeadLetter, Parse::Skip, Parse::Pass][rng.index(3)],
            pace: Pace {
                interval: Duration::from_millis(rng.between(1, 500)),
                timeout: Duration::from_millis(rng.between(200, 10_000)),
                advance: rng.between(1, 300),
            },
            breaker: BreakerRules {
                threshold: rng.between(1, 5) as u32,
                cooldown: Duration::from_millis(rng.below(5_000)),
            },
            open_fails: rng.percent(50),
            slots: rng.between(1, 8) as u32,
            sinks: rng.between(1, 3) as usize,
            bytes: rng.between(2_000, 40_000),
            high,
            low: 1 + high / 2,
            precomputed: [0, 30, 100][rng.index(3)],
            idle: rng.below(20),
            attempts_fail: rate(&mut rng, Fault::Attempts, 50),
            hooks_fail: rate(&mut rng, Fault::Hooks, 25),
            outputs_fail: rate(&mut rng, Fault::Outputs, 50),
            commits_fail: rate(&mut rng, Fault::Commits, 70),
            unparsed: rate(&mut rng, Fault::Unparsed, 200),
            killers: rate(&mut rng, Fault::Killers, 8),
            disturbances: rng.below(24),
            patience: rng.below(24),
            hook_time: rng.between(0, 4_000),
            attempt_time: rng.between(0, 60_000),
            sink_time: rng.between(0, 20_000),
            batch: rng.between(1, 40),
        }
    }
}

impl Run {
    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.faults & (1 << fault as u32) != 0
    }
}

fn rules(rng: &mut Rng, run: Run) -> Rules {
    let mut policy = || RetryPolicy {
        max_attempts: rng.between(1, 4) as u32,
        max_elapsed: Duration::from_millis(rng.between(0, 4_000)),
        initial: Duration::from_millis(rng.between(0, 200)),
        max: Duration::from_millis(rng.between(0, 1_000)),
    };
    let (retry, redelivery) = (policy(), policy());
    let brake = match rng.below(3) {
        _ if !run.has(Fault::Brake) => BrakeRules::OFF,
        0 => BrakeRules { max_consecutive: rng.between(1, 6) as u32, ..BrakeRules::OFF },
        1 => BrakeRules {
            max_ratio: rng.below(80) as f64 / 100.0,
            over: rng.between(1, 20) as u32,
            ..BrakeRules::OFF
        },
        _ => BrakeRules {
            max_consecutive: rng.between(1, 6) as u32,
            max_ratio: 0.5,
            over: 8,
            ..BrakeRules::OFF
        },
    };
    let cooldown = Duration::from_millis(rng.below(3_000));
    let window_size = rng.between(1, 30) as u32;
    Rules {
        window_size,
        max_in_flight: rng.between(1, 80) as u32,
        retry,
        max_replacement_depth: rng.below(4) as u32,
        task_hook: rng.percent(70),
        error_hook: rng.percent(70),
        message_hook: rng.percent(50),
        window_hook: rng.percent(40),
        delivery_hook: rng.percent(50),
        redelivery,
        brake: BrakeRules { cooldown, ..brake },
    }
}
