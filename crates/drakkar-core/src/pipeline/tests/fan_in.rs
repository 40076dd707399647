//! One task for several messages, and several tasks for one message.

use super::*;

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
fn an_offset_a_replacement_omits_settles_at_once() {
    let mut case = Case::new(RULES);
    case.arranged(&[1, 2], &[&[1, 2]]);
    let effects = case.fail(0, Action::Replace(&[&[Offset(1)]]));
    assert!(effects.contains(&Effect::Settled { message: Seq(1), how: Settled::Skipped }));
    assert_eq!(watermark(&effects), None);
    assert_eq!(watermark(&case.succeed(1)), Some(3));
}

#[test]
fn the_end_of_a_shared_task_is_told_for_all_its_messages() {
    let mut case = Case::new(Rules { message_hook: true, ..RULES });
    case.arranged(&[1, 2, 3], &[&[1, 2, 3]]);
    let effects = case.succeed(0);
    assert_eq!(case.pipeline.messages_of(TaskKey(0)), [Seq(0), Seq(1), Seq(2)], "until the next step");
    let called: Vec<Seq> = effects
        .iter()
        .filter_map(|e| if let Effect::CallMessageHook { message } = e { Some(*message) } else { None })
        .collect();
    assert_eq!(called, [Seq(0), Seq(1), Seq(2)], "in the order listed");
}

#[test]
fn a_message_of_a_shared_task_waits_for_its_own_tasks_too() {
    let mut case = Case::new(RULES);
    case.arranged(&[1, 2], &[&[1, 2], &[1]]);
    let effects = case.succeed(0);
    assert!(effects.contains(&Effect::Settled { message: Seq(1), how: Settled::Delivered }));
    assert_eq!(watermark(&effects), None);
    assert_eq!(watermark(&case.succeed(1)), Some(3));
}

#[test]
fn a_shared_failure_dead_letters_every_message_of_the_task() {
    let mut case = Case::new(RULES);
    case.arranged(&[1, 2], &[&[1, 2]]);
    let effects = case.fail(0, Action::DeadLetter);
    let letters = effects.iter().filter(|e| matches!(e, Effect::DeadLetter(Letter::Message(_)))).count();
    assert_eq!(letters, 2);
}

#[test]
fn a_task_of_a_later_window_may_answer_for_an_open_message_of_an_earlier_one() {
    let mut case = Case::new(RULES);
    case.arranged(&[1], &[&[1]]);
    case.arranged(&[2], &[&[1, 2]]);
    assert_eq!(watermark(&case.succeed(0)), None);
    assert_eq!(watermark(&case.succeed(1)), Some(3));
}

#[test]
fn a_settled_offset_is_refused() {
    let mut case = Case::new(RULES);
    case.arranged(&[1, 2], &[&[1], &[2]]);
    case.succeed(1);
    let effects = case.arranged(&[3], &[&[2, 3]]);
    assert!(effects.contains(&Effect::Refused { plan: 0, offset: Offset(2) }));
}

#[test]
fn no_message_waits_for_a_task_without_offsets_but_its_window_does() {
    let mut case = Case::new(RULES);
    let effects = case.arranged(&[1], &[&[]]);
    assert!(effects.contains(&Effect::Start { task: TaskKey(0), plan: 0, window: WindowId(1) }));
    assert_eq!(watermark(&effects), Some(2), "before the task ends");

    let mut case = Case::new(Rules { window_hook: true, ..RULES });
    assert_eq!(watermark(&case.arranged(&[1], &[&[]])), None);
    assert_eq!(case.succeed(0).last(), Some(&Effect::CallWindowHook { window: WindowId(1) }));
}
