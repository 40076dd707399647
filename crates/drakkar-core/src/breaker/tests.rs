//! A breaker opens after failures in a row, tries the sink with one batch, and closes once anything succeeds.

use super::*;

const COOLDOWN: Duration = Duration::from_secs(30);

fn breaker(threshold: u32) -> Breaker {
    Breaker::new(BreakerRules { threshold, cooldown: COOLDOWN })
}

fn send(breaker: &mut Breaker, now: Time) -> Pass {
    match breaker.admit(now) {
        Admission::Send(pass) => pass,
        other => panic!("not sent: {other:?}"),
    }
}

fn fail(breaker: &mut Breaker, now: Time) -> Option<Change> {
    let pass = send(breaker, now);
    breaker.report(pass, BatchEnd::Failure, now)
}

fn later() -> Time {
    Time(0).after(COOLDOWN)
}

#[test]
fn failures_in_a_row_open_it_and_a_success_starts_the_count_again() {
    let mut breaker = breaker(3);
    assert_eq!(fail(&mut breaker, Time(0)), None);
    assert_eq!(fail(&mut breaker, Time(0)), None);
    let pass = send(&mut breaker, Time(0));
    assert_eq!(breaker.report(pass, BatchEnd::Success, Time(0)), None);
    assert_eq!(fail(&mut breaker, Time(0)), None);
    let pass = send(&mut breaker, Time(0));
    assert_eq!(breaker.report(pass, BatchEnd::Neutral, Time(0)), None, "a skip neither counts nor forgives");
    assert_eq!(fail(&mut breaker, Time(0)), None);
    assert_eq!(fail(&mut breaker, Time(0)), Some(Change::Opened { until: later() }));
    assert_eq!((breaker.state(), breaker.trips()), (State::Open, 1));
}

#[test]
fn an_open_breaker_refuses_until_its_cooldown_is_over() {
    let mut breaker = breaker(1);
    fail(&mut breaker, Time(0));
    assert_eq!(breaker.admit(Time(later().0 - 1)), Admission::Refuse { until: later() });
    assert_eq!(breaker.state(), State::Open);
    let _probe = send(&mut breaker, later());
    assert_eq!(breaker.state(), State::HalfOpen);
}

#[test]
fn one_batch_tries_the_sink_and_the_others_wait_for_its_answer() {
    let mut breaker = breaker(1);
    fail(&mut breaker, Time(0));
    let probe = send(&mut breaker, later());
    assert_eq!(breaker.admit(later()), Admission::Wait);
    assert_eq!(breaker.report(probe, BatchEnd::Success, later()), Some(Change::Closed));
    let (first, second) = (send(&mut breaker, later()), send(&mut breaker, later()));
    assert_eq!((first.probe, second.probe), (false, false));
}

#[test]
fn a_batch_that_tried_in_vain_starts_a_new_cooldown() {
    let mut breaker = breaker(5);
    for _ in 0..5 {
        fail(&mut breaker, Time(0));
    }
    let until = later().after(COOLDOWN);
    assert_eq!(fail(&mut breaker, later()), Some(Change::Opened { until }), "whatever the threshold");
    assert_eq!(breaker.trips(), 2);
    assert_eq!(breaker.admit(later()), Admission::Refuse { until });
}

#[test]
fn a_try_that_says_nothing_leaves_its_place_to_the_next_batch() {
    let mut breaker = breaker(1);
    fail(&mut breaker, Time(0));
    let probe = send(&mut breaker, later());
    assert_eq!(breaker.report(probe, BatchEnd::Neutral, later()), None);
    assert_eq!(breaker.state(), State::HalfOpen);
    assert!(send(&mut breaker, later()).probe);
}

#[test]
fn a_late_success_closes_it_and_a_late_failure_changes_nothing() {
    let mut breaker = breaker(1);
    let (good, bad, late) =
        (send(&mut breaker, Time(0)), send(&mut breaker, Time(0)), send(&mut breaker, Time(0)));
    fail(&mut breaker, Time(0));
    assert_eq!(breaker.report(bad, BatchEnd::Failure, Time(1)), None);
    assert_eq!(
        breaker.admit(Time(2)),
        Admission::Refuse { until: later() },
        "the cooldown did not start again"
    );
    assert_eq!(breaker.report(good, BatchEnd::Success, Time(3)), Some(Change::Closed));
    assert_eq!(
        breaker.report(late, BatchEnd::Failure, Time(4)),
        None,
        "it was sent before the breaker opened"
    );
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn an_old_try_decides_nothing_about_a_new_one() {
    let mut breaker = breaker(1);
    let old = send(&mut breaker, Time(0));
    fail(&mut breaker, Time(0));
    let probe = send(&mut breaker, later());
    breaker.report(old, BatchEnd::Success, later());
    fail(&mut breaker, later());
    let until = later().after(COOLDOWN);
    let _second = send(&mut breaker, until);
    assert_eq!(breaker.report(probe, BatchEnd::Neutral, until), None);
    assert_eq!(breaker.admit(until), Admission::Wait, "the second try is still out");
}

#[test]
fn without_a_cooldown_the_next_batch_tries_at_once() {
    let mut breaker = Breaker::new(BreakerRules { threshold: 1, cooldown: Duration::ZERO });
    fail(&mut breaker, Time(5));
    assert!(send(&mut breaker, Time(5)).probe);
}
