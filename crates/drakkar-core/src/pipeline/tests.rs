//! Named cases of the pipeline's rules.

use std::time::Duration;

use super::*;
use crate::ids::Time;

mod deliveries;
mod failures;
mod fan_in;
mod found;
mod offsets;
mod settlement;
mod stop;
mod windows;

const RULES: Rules = Rules {
    window_size: 10,
    max_in_flight: 100,
    retry: RetryPolicy {
        max_attempts: 3,
        max_elapsed: Duration::from_secs(60),
        initial: Duration::from_millis(100),
        max: Duration::from_secs(1),
    },
    max_replacement_depth: 2,
    task_hook: false,
    error_hook: true,
    message_hook: false,
    window_hook: false,
    delivery_hook: false,
    redelivery: RetryPolicy {
        max_attempts: 3,
        max_elapsed: Duration::from_secs(60),
        initial: Duration::from_millis(100),
        max: Duration::from_secs(1),
    },
    brake: BrakeRules::OFF,
};

struct Case {
    pipeline: Pipeline,
    now: Time,
}

impl Case {
    fn new(rules: Rules) -> Self {
        Self { pipeline: Pipeline::new(rules, 1), now: Time(0) }
    }

    fn step(&mut self, input: Input<'_>) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.pipeline.step(self.now, input, &mut effects);
        assert!(self.pipeline.ledger().balances());
        effects
    }

    /// Hands over these offsets and answers `arrange` with these plans.
    fn arranged(&mut self, offsets: &[i64], plans: &[&[i64]]) -> Vec<Effect> {
        let offsets: Vec<_> = offsets.iter().copied().map(Offset).collect();
        let effects = self.step(Input::Records(&offsets));
        let window = effects
            .iter()
            .find_map(|e| if let Effect::Arrange { window, .. } = e { Some(*window) } else { None })
            .expect("a window starts");
        let plans: Vec<Vec<Offset>> = plans.iter().map(|p| p.iter().copied().map(Offset).collect()).collect();
        let plans: Vec<&[Offset]> = plans.iter().map(Vec::as_slice).collect();
        self.step(Input::Arranged { window, plans: &plans })
    }

    fn succeed(&mut self, task: u32) -> Vec<Effect> {
        self.step(Input::AttemptEnded { task: TaskKey(task), success: true })
    }

    fn fail(&mut self, task: u32, action: Action<'_>) -> Vec<Effect> {
        self.step(Input::AttemptEnded { task: TaskKey(task), success: false });
        self.step(Input::ErrorHookEnded { task: TaskKey(task), action })
    }
}

fn watermark(effects: &[Effect]) -> Option<i64> {
    effects.iter().find_map(|e| if let Effect::Advance { next } = e { Some(next.0) } else { None })
}
