//! The brake, as the settings describe it.

use std::collections::VecDeque;

use drakkar_core::{
    ids::{Seq, Time},
    pipeline::BrakeRules,
};

use crate::violation::rule;

#[derive(Debug)]
pub(super) struct Brake {
    rules: BrakeRules,
    /// How the last messages ended: true for dead.
    ends: VecDeque<bool>,
    row: u32,
    /// While it is on: when a message may try.
    until: Option<Time>,
    /// The message that tries.
    probe: Option<Seq>,
    /// What the core said last.
    said: bool,
}

impl Brake {
    pub(super) fn new(rules: BrakeRules) -> Self {
        Self { rules, ends: VecDeque::new(), row: 0, until: None, probe: None, said: false }
    }

    /// A message ended, or will not end well.
    pub(super) fn ended(&mut self, seq: Seq, dead: bool, now: Time) {
        if self.until.is_some() {
            if self.probe == Some(seq) {
                self.probe = None;
                if dead {
                    self.until = Some(now.after(self.rules.cooldown));
                } else {
                    *self = Self { said: self.said, ..Self::new(self.rules) };
                }
            }
            return;
        }
        self.row = if dead { self.row + 1 } else { 0 };
        self.ends.push_back(dead);
        let over = self.rules.over.max(1) as usize;
        if self.ends.len() > over {
            self.ends.pop_front();
        }
        let dead = self.ends.iter().filter(|dead| **dead).count() as f64;
        let in_a_row = self.rules.max_consecutive > 0 && self.row >= self.rules.max_consecutive;
        let too_many = self.rules.max_ratio < 1.0
            && self.ends.len() == over
            && dead > self.rules.max_ratio * over as f64;
        if in_a_row || too_many {
            self.until = Some(now.after(self.rules.cooldown));
        }
    }

    pub(super) fn returned(&mut self, seq: Seq) {
        if self.probe == Some(seq) {
            self.probe = None;
        }
    }

    pub(super) fn said(&mut self, on: bool) {
        self.said = on;
    }

    /// A window starts with these messages undecided.
    pub(super) fn window(&mut self, count: u32, undecided: Option<Seq>, now: Time) {
        if self.until.is_none() {
            return;
        }
        rule!(self.lets_start(now), "the brake holds", "a window starts at {now:?}, before {:?}", self.until);
        rule!(count == 1, "the brake lets one message try", "a window of {count}, {self:?}");
        self.probe = undecided;
    }

    pub(super) fn lets_start(&self, now: Time) -> bool {
        self.until.is_none_or(|until| now >= until && self.probe.is_none())
    }

    pub(super) fn end_of_step(&self) {
        let on = self.until.is_some();
        rule!(on == self.said, "the brake tells that it is on", "{} is told, {on} is true", self.said);
    }
}
