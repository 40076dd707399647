//! What the simulator found, each with the seed that broke a rule.

use super::*;

fn records(case: &mut Case, offsets: &[i64]) -> Vec<Effect> {
    let offsets: Vec<_> = offsets.iter().copied().map(Offset).collect();
    case.step(Input::Records(&offsets))
}

/// Seed 4238027313-p1-m1-w1-f22000: the watermark passed messages that no window had taken, and the next window was
/// looked for before it.
#[test]
fn a_poisonous_message_may_settle_before_any_window_takes_it() {
    let mut case = Case::new(RULES);
    let suspects = [(Offset(1), Suspicion::Poison)].into_iter().collect();
    case.pipeline = Pipeline::new(RULES, 1).with_suspects(suspects);
    case.step(Input::Gate { open: false });
    assert_eq!(records(&mut case, &[1, 2]), [Effect::DeadLetter(Letter::Message(Seq(0)))]);
    let effects = case.step(Input::Lettered(Letter::Message(Seq(0))));
    assert_eq!(watermark(&effects), Some(2));
    assert_eq!(case.pipeline.queued(), 1);
    let effects = case.step(Input::Gate { open: true });
    assert_eq!(effects, [Effect::Arrange { window: WindowId(1), first: Seq(1), count: 1 }]);
}

/// The same seed: a window of nothing but such a message told `arrange` nothing.
#[test]
fn a_message_that_is_dead_lettered_at_once_takes_no_window() {
    let mut case = Case::new(RULES);
    let suspects = [(Offset(1), Suspicion::Poison)].into_iter().collect();
    case.pipeline = Pipeline::new(RULES, 1).with_suspects(suspects);
    assert_eq!(records(&mut case, &[1]), [Effect::DeadLetter(Letter::Message(Seq(0)))]);
}

/// Seed 576163419474-p5-m15-w1-f25a7b: a message that was skipped before its window was arranged again let the brake go.
#[test]
fn only_a_message_that_arrange_gets_tries_whether_things_are_better() {
    let brake = BrakeRules { max_consecutive: 1, cooldown: Duration::from_secs(1), ..BrakeRules::OFF };
    let mut case = Case::new(Rules { window_hook: true, brake, ..RULES });
    records(&mut case, &[1, 2, 3, 4]);
    case.step(Input::Unparsed { message: Seq(0), policy: Parse::Skip });
    let effects = case.step(Input::Unparsed { message: Seq(3), policy: Parse::DeadLetter });
    assert!(effects.contains(&Effect::Brake { on: true }));
    case.step(Input::ArrangeFailed { window: WindowId(1) });
    case.now = case.now.after(Duration::from_secs(1));
    let effects = case.step(Input::Tick);
    assert_eq!(effects, [Effect::Arrange { window: WindowId(2), first: Seq(0), count: 1 }]);
    let effects = case.step(Input::Arranged { window: WindowId(2), plans: &[] });
    assert!(effects.contains(&Effect::Settled { message: Seq(0), how: Settled::Skipped }));
    assert!(!effects.contains(&Effect::Brake { on: false }), "it was skipped before");
    assert!(effects.contains(&Effect::Arrange { window: WindowId(3), first: Seq(1), count: 1 }));
    let effects = case.step(Input::Arranged { window: WindowId(3), plans: &[] });
    assert!(effects.contains(&Effect::Brake { on: false }));
}
