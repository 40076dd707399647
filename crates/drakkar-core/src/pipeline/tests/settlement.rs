//! What each event of a task does to its message, its window and its offset (the tables of `spec` section 8).

use super::*;

/// Every hook there is.
const HOOKS: Rules =
    Rules { task_hook: true, message_hook: true, window_hook: true, delivery_hook: true, ..RULES };

const MESSAGE: Effect = Effect::CallMessageHook { message: Seq(0) };
const WINDOW: Effect = Effect::CallWindowHook { window: WindowId(1) };

fn ended(task: u32, end: TaskEnd) -> Effect {
    Effect::TaskEnded { task: TaskKey(task), end }
}

/// One message with one task, in a window of its own.
fn one_task() -> Case {
    let mut case = Case::new(HOOKS);
    case.arranged(&[1], &[&[1]]);
    case
}

fn hook(case: &mut Case, task: u32, end: HookEnd) -> Vec<Effect> {
    case.succeed(task);
    case.step(Input::TaskHookEnded { task: TaskKey(task), end })
}

/// Lets all hooks that are due return nothing, until none is. Returns what happened.
fn settle(case: &mut Case, mut effects: Vec<Effect>) -> Vec<Effect> {
    let mut at = 0;
    while let Some(effect) = effects.get(at).copied() {
        at += 1;
        let end = HookEnd::Outputs(0);
        effects.extend(match effect {
            Effect::CallMessageHook { message } => case.step(Input::MessageHookEnded { message, end }),
            Effect::CallWindowHook { window } => case.step(Input::WindowHookEnded { window, end }),
            Effect::DeadLetter(letter) => case.step(Input::Lettered(letter)),
            _ => Vec::new(),
        });
    }
    effects
}

#[test]
fn success_closes_the_message_and_the_window_then_settles() {
    let mut case = one_task();
    let effects = hook(&mut case, 0, HookEnd::Outputs(0));
    assert_eq!(effects, [ended(0, TaskEnd::Succeeded), MESSAGE]);
    let effects = settle(&mut case, effects);
    assert_eq!(effects.iter().filter(|e| **e == WINDOW).count(), 1);
    assert_eq!(watermark(&effects), Some(2));
    assert_eq!(case.pipeline.ledger().delivered, 1);
}

#[test]
fn success_counts_once_its_outputs_are_delivered() {
    let mut case = one_task();
    let owner = Owner::Task(TaskKey(0));
    assert_eq!(hook(&mut case, 0, HookEnd::Outputs(1)), [Effect::Deliver { owner }]);
    let effects = case.step(Input::Verdicts(&[(owner, OutputEnd::Delivered)]));
    assert_eq!(effects, [ended(0, TaskEnd::Succeeded), MESSAGE]);
}

#[test]
fn skip_closes_the_message_and_the_window_as_a_success_does() {
    let mut case = one_task();
    let effects = case.fail(0, Action::Skip);
    assert_eq!(effects, [ended(0, TaskEnd::Failed), MESSAGE]);
    let effects = settle(&mut case, effects);
    assert!(effects.contains(&WINDOW));
    assert_eq!((watermark(&effects), case.pipeline.ledger().skipped), (Some(2), 1));
}

#[test]
fn retry_with_budget_left_changes_neither_message_nor_window() {
    let mut case = one_task();
    assert_eq!(case.fail(0, Action::Retry), []);
    assert_eq!((case.pipeline.tasks(), case.pipeline.windows()), (1, 1));
    case.now = case.now.after(Duration::from_secs(2));
    assert_eq!(case.step(Input::Tick), [Effect::Retry { task: TaskKey(0), attempt: 2 }]);
    assert_eq!(case.pipeline.ledger().in_flight, 1);
}

#[test]
fn retry_with_its_budget_spent_ends_the_task_and_dead_letters_the_message() {
    let mut case = one_task();
    for _ in 0..2 {
        case.fail(0, Action::Retry);
        case.now = case.now.after(Duration::from_secs(2));
        case.step(Input::Tick);
    }
    let effects = case.fail(0, Action::Retry);
    assert_eq!(effects, [ended(0, TaskEnd::Failed), MESSAGE]);
    let effects = settle(&mut case, effects);
    assert!(effects.contains(&Effect::DeadLetter(Letter::Message(Seq(0)))) && effects.contains(&WINDOW));
    assert_eq!(case.pipeline.ledger().dead, 1);
}

#[test]
fn a_list_of_tasks_takes_the_place_of_the_failed_one() {
    let mut case = one_task();
    let effects = case.fail(0, Action::Replace(&[&[Offset(1)], &[Offset(1)]]));
    assert!(effects.contains(&ended(0, TaskEnd::Replaced)));
    assert!(!effects.contains(&MESSAGE), "two tasks are open");
    assert!(!hook(&mut case, 1, HookEnd::Outputs(0)).contains(&MESSAGE));
    assert!(hook(&mut case, 2, HookEnd::Outputs(0)).contains(&MESSAGE));
}

#[test]
fn an_empty_list_of_tasks_leaves_nothing_to_do() {
    let mut case = one_task();
    let effects = case.fail(0, Action::Replace(&[]));
    assert_eq!(effects, [ended(0, TaskEnd::Replaced), MESSAGE]);
    settle(&mut case, effects);
    assert_eq!(case.pipeline.ledger().skipped, 1);
}

#[test]
fn replacements_start_with_a_fresh_budget() {
    let mut case = one_task();
    case.fail(0, Action::Retry);
    case.now = case.now.after(Duration::from_secs(2));
    case.step(Input::Tick);
    case.fail(0, Action::Replace(&[&[Offset(1)]]));
    assert_eq!(case.pipeline.attempt_of(TaskKey(1)), 1);
}

#[test]
fn a_hook_that_fails_ends_its_task_without_asking_on_error() {
    let mut case = one_task();
    let effects = hook(&mut case, 0, HookEnd::Failed);
    assert_eq!(effects, [ended(0, TaskEnd::Failed), MESSAGE]);
    let effects = settle(&mut case, effects);
    assert!(effects.contains(&Effect::DeadLetter(Letter::Message(Seq(0)))));
    assert!(!effects.iter().any(|e| matches!(e, Effect::CallErrorHook { .. })));
    assert_eq!(watermark(&effects), Some(2));
}

/// Runs one window to its end. Returns its tasks in all, and the results that `on_window_complete` gets.
fn window(plans: &[&[i64]], run: impl FnOnce(&mut Case) -> Vec<Effect>) -> (usize, usize) {
    let mut case = Case::new(HOOKS);
    let mut effects = case.arranged(&[1], plans);
    let ran = run(&mut case);
    effects.extend(settle(&mut case, ran));
    assert_eq!(effects.iter().filter(|e| **e == WINDOW).count(), 1, "{effects:?}");
    let at = effects.iter().position(|e| *e == WINDOW).expect("its hook is called");
    let count = |wanted: fn(&Effect) -> bool| effects[..at].iter().filter(|e| wanted(e)).count();
    let total = count(|e| matches!(e, Effect::Start { .. }));
    let results = count(|e| matches!(e, Effect::TaskEnded { end: TaskEnd::Succeeded | TaskEnd::Failed, .. }));
    (total, results)
}

#[test]
fn one_success_is_one_result() {
    assert_eq!(window(&[&[1]], |case| hook(case, 0, HookEnd::Outputs(0))), (1, 1));
}

#[test]
fn one_failure_that_is_skipped_is_one_result() {
    assert_eq!(window(&[&[1]], |case| case.fail(0, Action::Skip)), (1, 1));
}

#[test]
fn one_failure_replaced_by_two_successes_is_two_results_of_three_tasks() {
    let run = |case: &mut Case| {
        let mut effects = case.fail(0, Action::Replace(&[&[Offset(1)], &[Offset(1)]]));
        effects.extend(hook(case, 1, HookEnd::Outputs(0)));
        effects.extend(hook(case, 2, HookEnd::Outputs(0)));
        effects
    };
    assert_eq!(window(&[&[1]], run), (3, 2));
}

#[test]
fn one_failure_replaced_by_one_that_is_skipped_is_one_result_of_two_tasks() {
    let run = |case: &mut Case| {
        let mut effects = case.fail(0, Action::Replace(&[&[Offset(1)]]));
        effects.extend(case.fail(1, Action::Skip));
        effects
    };
    assert_eq!(window(&[&[1]], run), (2, 1));
}

#[test]
fn one_success_and_one_failure_replaced_by_a_success_are_two_results_of_three_tasks() {
    let run = |case: &mut Case| {
        let mut effects = hook(case, 0, HookEnd::Outputs(0));
        effects.extend(case.fail(1, Action::Replace(&[&[Offset(1)]])));
        // The key of the task that ended first is used again.
        effects.extend(hook(case, 0, HookEnd::Outputs(0)));
        effects
    };
    assert_eq!(window(&[&[1], &[1]], run), (3, 2));
}
