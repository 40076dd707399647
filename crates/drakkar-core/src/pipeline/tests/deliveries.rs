//! Outputs of hooks: verdicts, redelivery, dead letters.

use super::*;

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

/// One message whose task returned so many outputs.
fn delivering(count: u32) -> (Case, Owner) {
    let mut case = Case::new(Rules { task_hook: true, delivery_hook: true, ..RULES });
    case.arranged(&[1], &[&[1]]);
    case.succeed(0);
    case.step(Input::TaskHookEnded { task: TaskKey(0), end: HookEnd::Outputs(count) });
    (case, Owner::Task(TaskKey(0)))
}

#[test]
fn what_failed_is_judged_once_all_have_their_verdict() {
    let (mut case, owner) = delivering(2);
    assert_eq!(case.step(Input::Verdicts(&[(owner, OutputEnd::Failed)])), []);
    let effects = case.step(Input::Verdicts(&[(owner, OutputEnd::Delivered)]));
    assert_eq!(effects, [Effect::CallDeliveryHook { owner, attempt: 1 }]);
}

#[test]
fn a_delivery_that_is_skipped_ends_the_task() {
    let (mut case, owner) = delivering(1);
    case.step(Input::Verdicts(&[(owner, OutputEnd::Failed)]));
    let effects = case.step(Input::DeliveryHookEnded { owner, retry: 0, letter: 0 });
    assert_eq!(watermark(&effects), Some(2));
}

#[test]
fn redeliveries_are_bounded_and_then_dead_letter() {
    let (mut case, owner) = delivering(1);
    for _ in 0..2 {
        case.step(Input::Verdicts(&[(owner, OutputEnd::Failed)]));
        let mut effects = case.step(Input::DeliveryHookEnded { owner, retry: 1, letter: 0 });
        case.now = case.now.after(Duration::from_secs(2));
        effects.extend(case.step(Input::Tick));
        assert_eq!(effects, [Effect::Redeliver { owner }]);
    }
    assert_eq!(case.pipeline.deliveries_of(owner), 3);
    case.step(Input::Verdicts(&[(owner, OutputEnd::Failed)]));
    let effects = case.step(Input::DeliveryHookEnded { owner, retry: 1, letter: 0 });
    assert_eq!(effects, [Effect::DeadLetter(Letter::Outputs(owner))]);
}

#[test]
fn what_was_given_up_is_dead_lettered_after_the_rest_was_delivered_again() {
    let (mut case, owner) = delivering(2);
    case.step(Input::Verdicts(&[(owner, OutputEnd::Failed), (owner, OutputEnd::Failed)]));
    case.step(Input::DeliveryHookEnded { owner, retry: 1, letter: 1 });
    case.now = case.now.after(Duration::from_secs(2));
    case.step(Input::Tick);
    let effects = case.step(Input::Verdicts(&[(owner, OutputEnd::Delivered)]));
    assert_eq!(effects, [Effect::DeadLetter(Letter::Outputs(owner))]);
    assert_eq!(watermark(&case.step(Input::Lettered(Letter::Outputs(owner)))), Some(2));
    assert_eq!(case.pipeline.ledger().dead, 1);
}
