//! The watermark: tracked offsets, gaps, what is forgotten (`spec` section 11).

use super::*;

/// Tracks these offsets, a task each, and lets some of them succeed. Returns the last watermark.
fn committable(tracked: &[i64], done: &[i64]) -> Option<i64> {
    let mut case = Case::new(RULES);
    let plans: Vec<&[i64]> = tracked.iter().map(std::slice::from_ref).collect();
    case.arranged(tracked, &plans);
    let task = |offset: &i64| tracked.iter().position(|o| o == offset).expect("it is tracked") as u32;
    done.iter().filter_map(|offset| watermark(&case.succeed(task(offset)))).last()
}

#[test]
fn all_done_commits_behind_the_last_across_a_gap() {
    assert_eq!(committable(&[10, 11, 14], &[10, 11, 14]), Some(15));
}

#[test]
fn the_first_that_is_pending_holds_what_comes_after_it() {
    assert_eq!(committable(&[10, 11, 12, 13, 14], &[10, 11, 12, 14]), Some(13));
}

#[test]
fn nothing_commits_while_the_lowest_is_pending() {
    assert_eq!(committable(&[10, 11], &[11]), None);
}

#[test]
fn the_order_of_ends_does_not_matter() {
    assert_eq!(committable(&[10, 11, 14], &[14, 10, 11]), Some(15));
    assert_eq!(committable(&[10, 11, 14], &[11, 14, 10]), Some(15));
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
fn an_end_that_comes_twice_or_for_nobody_has_no_effect() {
    let mut case = Case::new(RULES);
    case.arranged(&[10, 11], &[&[10], &[11]]);
    case.succeed(1);
    assert_eq!(case.succeed(1), []);
    assert_eq!(case.succeed(7), []);
    assert_eq!(case.step(Input::Lettered(Letter::Message(Seq(0)))), []);
    assert_eq!(case.pipeline.ledger().in_flight, 1);
}

#[test]
fn what_lies_below_the_watermark_is_forgotten() {
    let mut case = Case::new(RULES);
    case.arranged(&[10, 11, 12], &[&[10], &[11], &[12]]);
    case.succeed(0);
    case.succeed(1);
    assert_eq!(case.pipeline.messages.len(), 1);
    assert_eq!(case.pipeline.oldest_unsettled(), Some(Offset(12)));
}

#[test]
fn what_is_given_back_holds_the_watermark_for_good() {
    let mut case = Case::new(RULES);
    case.arranged(&[10, 11], &[&[10], &[11]]);
    case.step(Input::Drain);
    let effects = case.step(Input::AttemptCancelled { task: TaskKey(0) });
    assert!(effects.contains(&Effect::Returned { message: Seq(0) }));
    assert_eq!(watermark(&case.succeed(1)), None);
    assert!(case.pipeline.is_drained());
}
