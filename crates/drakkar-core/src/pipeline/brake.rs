//! The brake: stops a partition that would only fill the dead letter topic.

use std::{collections::VecDeque, time::Duration};

use crate::{
    ids::{Seq, Time},
    ledger::Settled,
};

/// When a partition stops by itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BrakeRules {
    /// Messages in a row that may be dead-lettered; zero for any number.
    pub max_consecutive: u32,
    /// Share of the last [`BrakeRules::over`] messages that may be dead-lettered, from 0 to 1; 1 for any.
    pub max_ratio: f64,
    /// Messages the share is taken of.
    pub over: u32,
    /// Time until a single message is let through to see whether things are better.
    pub cooldown: Duration,
}

impl BrakeRules {
    /// Rules that never stop anything.
    pub const OFF: BrakeRules =
        BrakeRules { max_consecutive: 0, max_ratio: 1.0, over: 100, cooldown: Duration::from_secs(60) };
}

/// What the brake allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Allowed {
    /// A window.
    Window,
    /// A single message, to see how it goes.
    Probe,
    /// Nothing.
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Off,
    /// On until this moment; then a message is let through.
    On(Time),
    /// This message was let through.
    Probing(Seq),
}

/// The brake of one partition.
#[derive(Debug)]
pub(super) struct Brake {
    rules: BrakeRules,
    state: State,
    in_a_row: u32,
    /// Whether each of the last messages was dead-lettered.
    last: VecDeque<bool>,
    dead: u32,
}

/// A change of the brake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// It is on until this moment.
    On(Time),
    /// It is off.
    Off,
}

impl Brake {
    pub fn new(rules: BrakeRules) -> Self {
        Self { rules, state: State::Off, in_a_row: 0, last: VecDeque::new(), dead: 0 }
    }

    pub fn allows(&self, now: Time) -> Allowed {
        match self.state {
            State::Off => Allowed::Window,
            State::On(until) if now >= until => Allowed::Probe,
            State::On(_) | State::Probing(_) => Allowed::Nothing,
        }
    }

    /// A message was let through to see how it goes.
    pub fn probe(&mut self, message: Seq) {
        self.state = State::Probing(message);
    }

    /// A message settled.
    pub fn settled(&mut self, message: Seq, how: Settled, now: Time) -> Option<Change> {
        let dead = how == Settled::Dead;
        match self.state {
            State::Off => {
                self.note(dead);
                self.is_reached().then(|| self.trip(now))
            }
            // What was under way when the brake came on says nothing about what comes next.
            State::On(_) => None,
            State::Probing(probe) if probe != message => None,
            State::Probing(_) if dead => Some(self.trip(now)),
            State::Probing(_) => {
                *self = Self::new(self.rules);
                Some(Change::Off)
            }
        }
    }

    /// A message was given back: if it was the probe, another one follows.
    pub fn returned(&mut self, message: Seq, now: Time) {
        if self.state == State::Probing(message) {
            self.state = State::On(now);
        }
    }

    fn note(&mut self, dead: bool) {
        self.in_a_row = if dead { self.in_a_row.saturating_add(1) } else { 0 };
        if self.rules.max_ratio >= 1.0 {
            return;
        }
        self.last.push_back(dead);
        self.dead += u32::from(dead);
        if self.last.len() > self.rules.over as usize {
            self.dead -= u32::from(self.last.pop_front() == Some(true));
        }
    }

    fn is_reached(&self) -> bool {
        let rules = &self.rules;
        let in_a_row = rules.max_consecutive > 0 && self.in_a_row >= rules.max_consecutive;
        let full = rules.max_ratio < 1.0 && self.last.len() >= rules.over.max(1) as usize;
        in_a_row || (full && f64::from(self.dead) > rules.max_ratio * self.last.len() as f64)
    }

    fn trip(&mut self, now: Time) -> Change {
        let until = now.after(self.rules.cooldown);
        self.state = State::On(until);
        Change::On(until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COOLDOWN: Duration = Duration::from_secs(10);

    fn brake(max_consecutive: u32, max_ratio: f64) -> Brake {
        Brake::new(BrakeRules { max_consecutive, max_ratio, over: 4, cooldown: COOLDOWN })
    }

    fn run(brake: &mut Brake, hows: &[Settled]) -> Vec<Option<Change>> {
        hows.iter().map(|how| brake.settled(Seq(0), *how, Time(0))).collect()
    }

    #[test]
    fn dead_letters_in_a_row_put_it_on_and_any_other_end_starts_again() {
        use Settled::{Dead, Delivered, Skipped};
        let mut brake = brake(3, 1.0);
        assert!(run(&mut brake, &[Dead, Dead, Skipped, Dead, Dead, Delivered]).iter().all(Option::is_none));
        let on = Some(Change::On(Time(0).after(COOLDOWN)));
        assert_eq!(run(&mut brake, &[Dead, Dead, Dead]), [None, None, on]);
    }

    #[test]
    fn a_share_counts_once_enough_messages_were_seen() {
        use Settled::{Dead, Delivered};
        let mut brake = brake(0, 0.5);
        assert!(run(&mut brake, &[Dead, Dead, Dead]).iter().all(Option::is_none), "too few yet");
        assert!(run(&mut brake, &[Delivered])[0].is_some(), "three of four");
        let mut brake = self::brake(0, 0.5);
        let half = [Dead, Delivered, Dead, Delivered, Dead, Delivered];
        assert!(run(&mut brake, &half).iter().all(Option::is_none), "half is allowed");
    }

    #[test]
    fn one_message_goes_through_after_the_cooldown_and_decides() {
        use Settled::{Dead, Delivered};
        let mut brake = brake(1, 1.0);
        run(&mut brake, &[Dead]);
        let later = Time(0).after(COOLDOWN);
        assert_eq!(brake.allows(Time(1)), Allowed::Nothing);
        assert_eq!(brake.allows(later), Allowed::Probe);
        brake.probe(Seq(7));
        assert_eq!(brake.allows(later), Allowed::Nothing);
        assert_eq!(brake.settled(Seq(6), Delivered, later), None, "not the probe");
        assert_eq!(brake.settled(Seq(7), Dead, later), Some(Change::On(later.after(COOLDOWN))));
        brake.probe(Seq(8));
        assert_eq!(brake.settled(Seq(8), Delivered, later), Some(Change::Off));
        assert_eq!(brake.allows(later), Allowed::Window);
    }

    #[test]
    fn off_means_off() {
        let mut brake = Brake::new(BrakeRules::OFF);
        assert!((0..10_000).all(|_| brake.settled(Seq(0), Settled::Dead, Time(0)).is_none()));
    }
}
