//! Giving back what is not finished.

use super::{Effect, Pipeline, message::Stage, timers::Timer, window::Range};
use crate::ids::Seq;

impl Pipeline {
    pub(super) fn drain(&mut self, fx: &mut Vec<Effect>) {
        self.draining = true;
        self.return_queued(fx);
        for piece in std::mem::take(&mut self.pieces) {
            self.return_range(piece, fx);
        }
        for (timer, number) in self.timers.take_all() {
            match timer {
                Timer::Task(key) => {
                    if self.task_waits_for(key, number) {
                        self.drop_task(key, fx);
                    }
                }
                Timer::Outputs(owner) => {
                    if self.waits_for(owner, number) {
                        self.drop_owner(owner, fx);
                    }
                }
                Timer::Brake => {}
            }
        }
    }

    pub(super) fn return_queued(&mut self, fx: &mut Vec<Effect>) {
        while self.queued < self.end() {
            if self.is_at(self.queued, Stage::Queued) {
                self.give_back(self.queued, fx);
            }
            self.queued.0 += 1;
        }
    }

    /// Gives back what of a range no `arrange` was called for, or whose tasks are not wanted any more.
    pub(super) fn return_range(&mut self, range: Range, fx: &mut Vec<Effect>) {
        for seq in range.seqs() {
            // What is held was done for a window that will not be.
            if self.is_at(seq, Stage::Arranging) || self.is_held_for_nobody(seq) {
                self.give_back(seq, fx);
            }
        }
    }

    fn is_held_for_nobody(&mut self, seq: Seq) -> bool {
        let Some(window) = self.message(seq).filter(|m| m.stage == Stage::Held).map(|m| m.window) else {
            return false;
        };
        self.windows.get_mut(window).is_none()
    }

    /// Gives everything back, whatever it is at.
    pub(super) fn release(&mut self, fx: &mut Vec<Effect>) {
        self.draining = true;
        self.windows.clear();
        self.pieces.clear();
        self.arranging = None;
        self.redeliveries.clear();
        self.retries.clear();
        self.tasks.clear();
        for index in 0..self.messages.len() as u64 {
            self.give_back(Seq(self.base.0 + index), fx);
        }
        self.queued = self.end();
        self.timers.take_all();
    }
}
