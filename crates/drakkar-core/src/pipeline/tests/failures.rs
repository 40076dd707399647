//! Attempts that fail: `on_error`, retries, replacements, dead letters.

use super::*;

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
fn a_message_whose_tasks_all_failed_still_settles() {
    let mut case = Case::new(RULES);
    case.arranged(&[1], &[&[1], &[1]]);
    case.fail(0, Action::Skip);
    assert_eq!(watermark(&case.fail(1, Action::Skip)), Some(2));
    assert_eq!(case.pipeline.ledger().skipped, 1);
}

#[test]
fn a_message_of_which_anything_succeeded_is_delivered() {
    let mut case = Case::new(RULES);
    case.arranged(&[1], &[&[1], &[1]]);
    case.fail(0, Action::Skip);
    case.succeed(1);
    assert_eq!(case.pipeline.ledger().delivered, 1);
}

#[test]
fn a_message_of_which_anything_was_dead_lettered_is_dead() {
    let mut case = Case::new(RULES);
    case.arranged(&[1], &[&[1], &[1]]);
    case.fail(0, Action::DeadLetter);
    case.succeed(1);
    case.step(Input::Lettered(Letter::Message(Seq(0))));
    assert_eq!((case.pipeline.ledger().dead, case.pipeline.ledger().delivered), (1, 0));
}

#[test]
fn retries_are_bounded_in_time() {
    let retry = RetryPolicy { max_attempts: 100, max_elapsed: Duration::from_secs(5), ..RULES.retry };
    let mut case = Case::new(Rules { retry, ..RULES });
    case.arranged(&[1], &[&[1]]);
    case.fail(0, Action::Retry);
    case.now = case.now.after(Duration::from_secs(6));
    case.step(Input::Tick);
    assert!(case.fail(0, Action::Retry).contains(&Effect::DeadLetter(Letter::Message(Seq(0)))));
}

#[test]
fn on_error_is_told_the_attempt() {
    let mut case = Case::new(RULES);
    case.arranged(&[1], &[&[1]]);
    let failed = Input::AttemptEnded { task: TaskKey(0), success: false };
    assert_eq!(case.step(failed), [Effect::CallErrorHook { task: TaskKey(0), attempt: 1 }]);
    case.step(Input::ErrorHookEnded { task: TaskKey(0), action: Action::Retry });
    case.now = case.now.after(Duration::from_secs(2));
    case.step(Input::Tick);
    assert_eq!(case.step(failed), [Effect::CallErrorHook { task: TaskKey(0), attempt: 2 }]);
}
