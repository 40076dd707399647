//! Named cases of the pipeline's rules.

use std::time::Duration;

use super::*;
use crate::ids::Time;

mod found;

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

#[test]
fn the_watermark_follows_the_leading_run() {
    let mut case = Case::new(RULES);
    case.arranged(&[10, 11, 12, 13, 14], &[&[10], &[11], &[12], &[13], &[14]]);
    assert_eq!(watermark(&case.succeed(1)), None);
    assert_eq!(watermark(&case.succeed(4)), None);
    assert_eq!(watermark(&case.succeed(0)), Some(12));
    assert_eq!(watermark(&case.succeed(2)), Some(13));
    assert_eq!(watermark(&case.succeed(3)), Some(15));
}

#[test]
fn gaps_in_the_log_do_not_hold_the_watermark() {
    let mut case = Case::new(RULES);
    case.arranged(&[10, 11, 14], &[&[10], &[11], &[14]]);
    case.succeed(0);
    case.succeed(1);
    assert_eq!(watermark(&case.succeed(2)), Some(15));
}

#[test]
fn a_message_without_a_task_is_skipped() {
    let mut case = Case::new(RULES);
    let effects = case.arranged(&[1, 2], &[&[2]]);
    assert!(effects.contains(&Effect::Settled { message: Seq(0), how: Settled::Skipped }));
    assert_eq!(watermark(&effects), Some(2));
}

#[test]
fn a_message_waits_for_all_its_tasks() {
    let mut case = Case::new(RULES);
    case.arranged(&[1], &[&[1], &[1], &[1]]);
    case.succeed(0);
    case.succeed(2);
    assert_eq!(case.pipeline.ledger().in_flight, 1);
    assert_eq!(watermark(&case.succeed(1)), Some(2));
    assert_eq!(case.pipeline.ledger().delivered, 1);
}

#[test]
fn a_task_over_several_messages_settles_them_all() {
    let mut case = Case::new(RULES);
    case.arranged(&[1, 2, 3], &[&[1, 2, 3]]);
    assert_eq!(watermark(&case.succeed(0)), Some(4));
    assert_eq!(case.pipeline.ledger().delivered, 3);
}

#[test]
fn duplicate_offsets_in_a_task_count_once() {
    let mut case = Case::new(RULES);
    case.arranged(&[1], &[&[1, 1, 1]]);
    assert_eq!(case.pipeline.messages_of(TaskKey(0)), [Seq(0)]);
    assert_eq!(watermark(&case.succeed(0)), Some(2));
}

#[test]
fn foreign_offsets_are_refused_and_the_task_still_runs() {
    let mut case = Case::new(RULES);
    let effects = case.arranged(&[1], &[&[1, 99]]);
    assert!(effects.contains(&Effect::Refused { plan: 0, offset: Offset(99) }));
    assert!(effects.contains(&Effect::Start { task: TaskKey(0), plan: 0, window: WindowId(1) }));
}

#[test]
fn skip_settles_as_skipped() {
    let mut case = Case::new(RULES);
    case.arranged(&[1], &[&[1]]);
    let effects = case.fail(0, Action::Skip);
    assert!(effects.contains(&Effect::Settled { message: Seq(0), how: Settled::Skipped }));
}

#[test]
fn dead_letter_holds_the_watermark_until_it_is_acknowledged() {
    let mut case = Case::new(RULES);
    case.arranged(&[1], &[&[1]]);
    let effects = case.fail(0, Action::DeadLetter);
    assert_eq!(watermark(&effects), None);
    assert!(effects.contains(&Effect::DeadLetter(Letter::Message(Seq(0)))));
    let effects = case.step(Input::Lettered(Letter::Message(Seq(0))));
    assert_eq!(watermark(&effects), Some(2));
    assert_eq!(case.pipeline.ledger().dead, 1);
}

#[test]
fn several_failures_of_a_message_cost_one_dead_letter() {
    let mut case = Case::new(RULES);
    case.arranged(&[1], &[&[1], &[1]]);
    assert!(!case.fail(0, Action::DeadLetter).iter().any(|e| matches!(e, Effect::DeadLetter(_))));
    let effects = case.fail(1, Action::DeadLetter);
    assert_eq!(effects.iter().filter(|e| matches!(e, Effect::DeadLetter(_))).count(), 1);
}

#[test]
fn retries_are_bounded_and_then_dead_letter() {
    let mut case = Case::new(RULES);
    case.arranged(&[1], &[&[1]]);
    for attempt in 2..=3 {
        case.fail(0, Action::Retry);
        case.now = case.now.after(Duration::from_secs(2));
        let effects = case.step(Input::Tick);
        let started = case.now > Time(0) && effects.contains(&Effect::Retry { task: TaskKey(0), attempt });
        assert!(started || case.pipeline.attempt_of(TaskKey(0)) == attempt);
    }
    let effects = case.fail(0, Action::Retry);
    assert!(effects.contains(&Effect::DeadLetter(Letter::Message(Seq(0)))));
}

#[test]
fn without_an_error_hook_failures_are_retried() {
    let mut case = Case::new(Rules { error_hook: false, ..RULES });
    case.arranged(&[1], &[&[1]]);
    let effects = case.step(Input::AttemptEnded { task: TaskKey(0), success: false });
    assert!(!effects.iter().any(|e| matches!(e, Effect::CallErrorHook { .. } | Effect::DeadLetter(_))));
    assert!(case.pipeline.next_tick().is_some() || case.pipeline.attempt_of(TaskKey(0)) == 2);
}

#[test]
fn a_replaced_task_settles_with_its_replacements() {
    let mut case = Case::new(RULES);
    case.arranged(&[1], &[&[1]]);
    let effects = case.fail(0, Action::Replace(&[&[Offset(1)], &[Offset(1)]]));
    assert!(effects.contains(&Effect::TaskEnded { task: TaskKey(0), end: TaskEnd::Replaced }));
    case.succeed(1);
    assert_eq!(case.pipeline.ledger().in_flight, 1);
    assert_eq!(watermark(&case.succeed(2)), Some(2));
}

#[test]
fn an_offset_a_replacement_omits_settles_at_once() {
    let mut case = Case::new(RULES);
    case.arranged(&[1, 2], &[&[1, 2]]);
    let effects = case.fail(0, Action::Replace(&[&[Offset(1)]]));
    assert!(effects.contains(&Effect::Settled { message: Seq(1), how: Settled::Skipped }));
    assert_eq!(watermark(&effects), None);
    assert_eq!(watermark(&case.succeed(1)), Some(3));
}

#[test]
fn chains_of_replacements_are_bounded() {
    let mut case = Case::new(RULES);
    case.arranged(&[1], &[&[1]]);
    let mut task = 0;
    for _ in 0..2 {
        let effects = case.fail(task, Action::Replace(&[&[Offset(1)]]));
        task = effects
            .iter()
            .find_map(|e| if let Effect::Start { task, .. } = e { Some(task.0) } else { None })
            .expect("the replacement starts");
    }
    let last = case.fail(task, Action::Replace(&[&[Offset(1)]]));
    assert!(last.contains(&Effect::DeadLetter(Letter::Message(Seq(0)))));
}

#[test]
fn a_failed_arrange_finds_the_message_at_fault() {
    let mut case = Case::new(RULES);
    let offsets: Vec<_> = (0..8).map(Offset).collect();
    let mut due = case.step(Input::Records(&offsets));
    let mut lettered = Vec::new();
    let mut calls = 0;
    while let Some((window, first, count)) = due.iter().find_map(|e| match e {
        Effect::Arrange { window, first, count } => Some((*window, first.0, u64::from(*count))),
        _ => None,
    }) {
        calls += 1;
        due = if (first..first + count).contains(&5) {
            case.step(Input::ArrangeFailed { window })
        } else {
            case.step(Input::Arranged { window, plans: &[] })
        };
        lettered.extend(due.iter().filter_map(|e| match e {
            Effect::DeadLetter(letter) => Some(*letter),
            _ => None,
        }));
    }
    assert_eq!(lettered, [Letter::Message(Seq(5))]);
    assert_eq!(case.pipeline.ledger().skipped, 7);
    assert!(calls <= 7, "{calls} calls of arrange");
}

#[test]
fn the_message_hook_runs_after_the_last_output_has_its_verdict() {
    let mut case = Case::new(Rules { task_hook: true, message_hook: true, ..RULES });
    case.arranged(&[1], &[&[1]]);
    assert_eq!(case.succeed(0), [Effect::CallTaskHook { task: TaskKey(0) }]);
    let owner = Owner::Task(TaskKey(0));
    let effects = case.step(Input::TaskHookEnded { task: TaskKey(0), end: HookEnd::Outputs(2) });
    assert_eq!(effects, [Effect::Deliver { owner }]);
    assert_eq!(case.step(Input::Verdicts(&[(owner, OutputEnd::Delivered)])), []);
    let effects = case.step(Input::Verdicts(&[(owner, OutputEnd::Delivered)]));
    assert!(effects.contains(&Effect::CallMessageHook { message: Seq(0) }));
    assert_eq!(watermark(&effects), None);
    let effects = case.step(Input::MessageHookEnded { message: Seq(0), end: HookEnd::Outputs(0) });
    assert_eq!(watermark(&effects), Some(2));
}

#[test]
fn a_failed_output_is_dead_lettered_before_the_message_settles() {
    let mut case = Case::new(Rules { task_hook: true, ..RULES });
    case.arranged(&[1], &[&[1]]);
    case.succeed(0);
    let owner = Owner::Task(TaskKey(0));
    case.step(Input::TaskHookEnded { task: TaskKey(0), end: HookEnd::Outputs(1) });
    let effects = case.step(Input::Verdicts(&[(owner, OutputEnd::Failed)]));
    assert_eq!(effects, [Effect::DeadLetter(Letter::Outputs(owner))]);
    let effects = case.step(Input::Lettered(Letter::Outputs(owner)));
    assert_eq!(watermark(&effects), Some(2));
    assert_eq!(case.pipeline.ledger().dead, 1);
}

#[test]
fn windows_respect_their_size_and_the_cap() {
    let mut case = Case::new(Rules { window_size: 3, max_in_flight: 5, ..RULES });
    let offsets: Vec<_> = (0..10).map(Offset).collect();
    let effects = case.step(Input::Records(&offsets));
    assert!(effects.contains(&Effect::Arrange { window: WindowId(1), first: Seq(0), count: 3 }));
    let plans: [&[Offset]; 3] = [&[Offset(0)], &[Offset(1)], &[Offset(2)]];
    let effects = case.step(Input::Arranged { window: WindowId(1), plans: &plans });
    assert!(effects.contains(&Effect::Arrange { window: WindowId(2), first: Seq(3), count: 2 }));
    let plans: [&[Offset]; 2] = [&[Offset(3)], &[Offset(4)]];
    let effects = case.step(Input::Arranged { window: WindowId(2), plans: &plans });
    assert!(!effects.iter().any(|e| matches!(e, Effect::Arrange { .. })), "the cap is reached");
    let effects = case.succeed(0);
    assert!(effects.contains(&Effect::Arrange { window: WindowId(3), first: Seq(5), count: 1 }));
}

#[test]
fn a_closed_gate_starts_no_window() {
    let mut case = Case::new(RULES);
    case.step(Input::Gate { open: false });
    assert_eq!(case.step(Input::Records(&[Offset(1)])), []);
    let effects = case.step(Input::Gate { open: true });
    assert_eq!(effects, [Effect::Arrange { window: WindowId(1), first: Seq(0), count: 1 }]);
}

#[test]
fn late_work_of_a_released_partition_changes_nothing() {
    let mut case = Case::new(RULES);
    case.arranged(&[1, 2], &[&[1], &[2]]);
    case.step(Input::Release);
    assert_eq!(case.pipeline.ledger().returned, 2);
    assert_eq!(case.succeed(0), []);
    assert_eq!(case.step(Input::Records(&[Offset(3)])), []);
}
