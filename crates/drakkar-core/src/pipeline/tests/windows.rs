//! Windows: their size, their start, messages without tasks, `arrange` that fails.

use super::*;

#[test]
fn a_message_without_a_task_is_skipped() {
    let mut case = Case::new(RULES);
    let effects = case.arranged(&[1, 2], &[&[2]]);
    assert!(effects.contains(&Effect::Settled { message: Seq(0), how: Settled::Skipped }));
    assert_eq!(watermark(&effects), Some(2));
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

fn arranging(effects: &[Effect]) -> Option<(u64, u64, u32)> {
    effects.iter().find_map(|e| match e {
        Effect::Arrange { window, first, count } => Some((window.0, first.0, *count)),
        _ => None,
    })
}

#[test]
fn a_backlog_is_never_one_window() {
    let mut case = Case::new(RULES);
    let offsets: Vec<_> = (0..35).map(Offset).collect();
    let mut effects = case.step(Input::Records(&offsets));
    let mut counts = Vec::new();
    while let Some((window, _, count)) = arranging(&effects) {
        counts.push(count);
        effects = case.step(Input::Arranged { window: WindowId(window), plans: &[] });
    }
    assert_eq!(counts, [10, 10, 10, 5]);
}

#[test]
fn the_next_window_does_not_wait_for_the_tasks_of_the_last_one() {
    let mut case = Case::new(RULES);
    case.arranged(&[1], &[&[1]]);
    assert_eq!(arranging(&case.step(Input::Records(&[Offset(2)]))), Some((2, 1, 1)));
}

#[test]
fn what_arrives_while_arrange_runs_waits_for_the_next_window() {
    let mut case = Case::new(RULES);
    case.step(Input::Records(&[Offset(1)]));
    assert_eq!(case.step(Input::Records(&[Offset(2), Offset(3)])), []);
    let effects = case.step(Input::Arranged { window: WindowId(1), plans: &[] });
    assert_eq!(arranging(&effects), Some((2, 1, 2)));
}

#[test]
fn a_fast_message_does_not_wait_for_slower_ones_of_its_window() {
    let mut case = Case::new(Rules { message_hook: true, ..RULES });
    case.arranged(&[1, 2], &[&[1], &[2]]);
    assert!(case.succeed(0).contains(&Effect::CallMessageHook { message: Seq(0) }));
    let end = HookEnd::Outputs(0);
    assert_eq!(watermark(&case.step(Input::MessageHookEnded { message: Seq(0), end })), Some(2));
}

#[test]
fn with_a_window_hook_no_offset_of_the_window_passes_before_its_outputs_are_delivered() {
    let mut case = Case::new(Rules { window_hook: true, ..RULES });
    case.arranged(&[1, 2], &[&[1]]);
    let effects = case.succeed(0);
    assert_eq!(effects.last(), Some(&Effect::CallWindowHook { window: WindowId(1) }));
    assert_eq!(watermark(&effects), None);
    let owner = Owner::Window(WindowId(1));
    let end = HookEnd::Outputs(1);
    assert_eq!(case.step(Input::WindowHookEnded { window: WindowId(1), end }), [Effect::Deliver { owner }]);
    let effects = case.step(Input::Verdicts(&[(owner, OutputEnd::Delivered)]));
    assert!(effects.contains(&Effect::WindowEnded { window: WindowId(1) }));
    assert_eq!(watermark(&effects), Some(3));
}

#[test]
fn the_window_hook_comes_after_every_message_hook() {
    let mut case = Case::new(Rules { message_hook: true, window_hook: true, ..RULES });
    case.arranged(&[1, 2], &[&[1, 2]]);
    case.succeed(0);
    let end = HookEnd::Outputs(0);
    assert_eq!(case.step(Input::MessageHookEnded { message: Seq(1), end }), []);
    let effects = case.step(Input::MessageHookEnded { message: Seq(0), end });
    assert_eq!(effects, [Effect::CallWindowHook { window: WindowId(1) }]);
}

#[test]
fn the_window_hook_is_not_called_for_a_window_without_tasks() {
    let mut case = Case::new(Rules { window_hook: true, ..RULES });
    let effects = case.arranged(&[1, 2], &[]);
    assert!(!effects.iter().any(|e| matches!(e, Effect::CallWindowHook { .. })));
    assert_eq!(watermark(&effects), Some(3));
}

#[test]
fn a_window_hook_that_fails_dead_letters_every_message_of_its_window() {
    let mut case = Case::new(Rules { window_hook: true, ..RULES });
    case.arranged(&[1, 2], &[&[1]]);
    case.succeed(0);
    let effects = case.step(Input::WindowHookEnded { window: WindowId(1), end: HookEnd::Failed });
    let letters = effects.iter().filter(|e| matches!(e, Effect::DeadLetter(Letter::Message(_)))).count();
    assert_eq!(letters, 2);
    assert_eq!(watermark(&case.step(Input::Lettered(Letter::Message(Seq(1))))), None);
    assert_eq!(watermark(&case.step(Input::Lettered(Letter::Message(Seq(0))))), Some(3));
}

#[test]
fn what_cannot_be_decoded_is_skipped_dead_lettered_or_passed_on() {
    for (policy, letters, tasks) in
        [(Parse::Skip, 0, false), (Parse::DeadLetter, 1, false), (Parse::Pass, 0, true)]
    {
        let mut case = Case::new(Rules { message_hook: true, ..RULES });
        case.step(Input::Records(&[Offset(1)]));
        let mut effects = case.step(Input::Unparsed { message: Seq(0), policy });
        let plan: &[Offset] = &[Offset(1)];
        effects.extend(case.step(Input::Arranged { window: WindowId(1), plans: &[plan] }));
        let count = effects.iter().filter(|e| matches!(e, Effect::DeadLetter(_))).count();
        assert_eq!(count, letters, "{policy:?}");
        let refused = effects.contains(&Effect::Refused { plan: 0, offset: Offset(1) });
        assert_eq!(refused, !tasks, "{policy:?}");
        let hook = |effects: &[Effect]| effects.iter().any(|e| matches!(e, Effect::CallMessageHook { .. }));
        assert!(!hook(&effects) && !hook(&case.succeed(0)), "{policy:?}");
    }
}
