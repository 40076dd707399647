//! Drain and release.

use super::*;

#[test]
fn late_work_of_a_released_partition_changes_nothing() {
    let mut case = Case::new(RULES);
    case.arranged(&[1, 2], &[&[1], &[2]]);
    case.step(Input::Release);
    assert_eq!(case.pipeline.ledger().returned, 2);
    assert_eq!(case.succeed(0), []);
    assert_eq!(case.step(Input::Records(&[Offset(3)])), []);
}

#[test]
fn a_drain_gives_back_what_no_window_took() {
    let mut case = Case::new(Rules { window_size: 1, ..RULES });
    case.step(Input::Records(&[Offset(1), Offset(2), Offset(3)]));
    let effects = case.step(Input::Drain);
    assert_eq!(effects, [Effect::Returned { message: Seq(1) }, Effect::Returned { message: Seq(2) }]);
    assert!(!case.pipeline.is_drained(), "a window is in hand");
    assert_eq!(case.step(Input::Records(&[Offset(4)])), [Effect::Returned { message: Seq(3) }]);
}

#[test]
fn a_slow_arrange_may_finish_but_starts_nothing_in_a_drain() {
    let mut case = Case::new(RULES);
    case.step(Input::Records(&[Offset(1)]));
    case.step(Input::Drain);
    let plan: &[Offset] = &[Offset(1)];
    let effects = case.step(Input::Arranged { window: WindowId(1), plans: &[plan] });
    assert_eq!(effects, [Effect::Returned { message: Seq(0) }]);
    assert!(case.pipeline.is_drained());
}

#[test]
fn what_is_in_flight_settles_in_a_drain() {
    let mut case = Case::new(RULES);
    case.arranged(&[1, 2], &[&[1], &[2]]);
    case.step(Input::Drain);
    assert_eq!(watermark(&case.succeed(0)), Some(2));
    assert_eq!(watermark(&case.succeed(1)), Some(3));
    assert!(case.pipeline.is_drained());
    assert_eq!(case.pipeline.ledger().returned, 0);
}

#[test]
fn a_drain_waits_for_no_retry() {
    let mut case = Case::new(RULES);
    case.arranged(&[1, 2], &[&[1], &[2]]);
    case.fail(0, Action::Retry);
    let effects = case.step(Input::Drain);
    assert!(effects.contains(&Effect::TaskEnded { task: TaskKey(0), end: TaskEnd::Dropped }));
    assert!(effects.contains(&Effect::Returned { message: Seq(0) }));
    let effects = case.fail(1, Action::Retry);
    assert!(effects.contains(&Effect::Returned { message: Seq(1) }), "{effects:?}");
    assert!(case.pipeline.is_drained() && case.pipeline.next_tick().is_none());
}

#[test]
fn messages_of_a_window_that_lost_one_are_given_back_with_it() {
    let mut case = Case::new(Rules { window_hook: true, ..RULES });
    case.arranged(&[1, 2], &[&[1], &[2]]);
    case.succeed(0);
    case.step(Input::Drain);
    let effects = case.step(Input::AttemptCancelled { task: TaskKey(1) });
    assert!(!effects.iter().any(|e| matches!(e, Effect::CallWindowHook { .. })));
    assert!(effects.contains(&Effect::WindowEnded { window: WindowId(1) }));
    assert_eq!(case.pipeline.ledger().returned, 2);
}
