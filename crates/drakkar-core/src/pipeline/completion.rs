//! The end of messages and windows.

use super::{
    Effect, HookEnd, Letter, Owner, Pipeline,
    brake::Change,
    message::Stage,
    timers::Timer,
    window::{self, Range, Window},
};
use crate::{
    ids::{Seq, WindowId},
    ledger::Settled,
};

impl Pipeline {
    /// All tasks of a message ended.
    pub(super) fn complete(&mut self, seq: Seq, fx: &mut Vec<Effect>) {
        let hook = self.rules.message_hook;
        let Some(message) = self.message(seq) else { return };
        if hook && !message.unparsed {
            message.stage = Stage::Completing;
            fx.push(Effect::CallMessageHook { message: seq });
        } else {
            self.finish(seq, fx);
        }
    }

    pub(super) fn message_hook_ended(&mut self, seq: Seq, end: HookEnd, fx: &mut Vec<Effect>) {
        let Some(message) = self.message(seq).filter(|m| m.stage == Stage::Completing) else { return };
        match end {
            HookEnd::Outputs(0) => self.finish(seq, fx),
            HookEnd::Outputs(count) => {
                message.stage = Stage::Delivering;
                message.outputs.send(count);
                fx.push(Effect::Deliver { owner: Owner::Message(seq) });
            }
            HookEnd::Failed => {
                message.needs_letter = true;
                self.finish(seq, fx);
            }
        }
    }

    /// Nothing is left to do for a message but its dead letter.
    pub(super) fn finish(&mut self, seq: Seq, fx: &mut Vec<Effect>) {
        let Some(message) = self.message(seq) else { return };
        if message.needs_letter && !message.lettered {
            message.stage = Stage::Lettering;
            self.mark_dead(seq, fx);
            fx.push(Effect::DeadLetter(Letter::Message(seq)));
        } else {
            self.hold_or_settle(seq, fx);
        }
    }

    /// A message is done: it settles, or waits for its window's hook.
    pub(super) fn hold_or_settle(&mut self, seq: Seq, fx: &mut Vec<Effect>) {
        let hook = self.rules.window_hook;
        let Some(message) = self.message(seq) else { return };
        let window = message.window;
        if hook && self.windows.get_mut(window).is_some() {
            if let Some(message) = self.message(seq) {
                message.stage = Stage::Held;
            }
            self.window_step(window, fx);
        } else {
            self.settle(seq, fx);
        }
    }

    fn settle(&mut self, seq: Seq, fx: &mut Vec<Effect>) {
        let Some(message) = self.message(seq) else { return };
        let how = message.verdict();
        message.stage = Stage::Settled;
        self.ledger.settle(how);
        fx.push(Effect::Settled { message: seq, how });
        if how != Settled::Dead {
            self.note_end(seq, how, fx);
        }
    }

    /// A message is dead once any part of it is dead-lettered. The brake hears of it at once: until the letters are
    /// acknowledged, many more messages could follow.
    pub(super) fn mark_dead(&mut self, seq: Seq, fx: &mut Vec<Effect>) {
        if let Some(message) = self.message(seq)
            && !std::mem::replace(&mut message.dead, true)
        {
            self.note_end(seq, Settled::Dead, fx);
        }
    }

    fn note_end(&mut self, seq: Seq, how: Settled, fx: &mut Vec<Effect>) {
        match self.brake.settled(seq, how, self.now) {
            None => {}
            Some(Change::On(until)) => {
                self.timers.add(until, Timer::Brake);
                fx.push(Effect::Brake { on: true });
            }
            Some(Change::Off) => fx.push(Effect::Brake { on: false }),
        }
    }

    pub(super) fn give_back(&mut self, seq: Seq, fx: &mut Vec<Effect>) {
        let Some(message) = self.message(seq) else { return };
        let (was_held, window) = (message.stage == Stage::Held, message.window);
        message.stage = Stage::Returned;
        self.redeliveries.remove(&Owner::Message(seq));
        self.ledger.give_back();
        self.brake.returned(seq, self.now);
        fx.push(Effect::Returned { message: seq });
        if let Some(broken) = self.windows.get_mut(window) {
            broken.broken = true;
            if !was_held {
                self.window_step(window, fx);
            }
        }
    }

    /// One thing of a window is done: with the last one its hook is due.
    pub(super) fn window_step(&mut self, id: WindowId, fx: &mut Vec<Effect>) {
        if !self.rules.window_hook {
            return;
        }
        let Some(window) = self.windows.get_mut(id) else { return };
        debug_assert!(window.open > 0 && window.stage == window::Stage::Open);
        window.open -= 1;
        if window.open > 0 {
            return;
        }
        if window.broken {
            self.return_window(id, fx);
        } else if window.had_tasks {
            window.stage = window::Stage::Completing;
            fx.push(Effect::CallWindowHook { window: id });
        } else {
            self.settle_window(id, fx);
        }
    }

    pub(super) fn window_hook_ended(&mut self, id: WindowId, end: HookEnd, fx: &mut Vec<Effect>) {
        let Some(window) = self.windows.get_mut(id).filter(|w| w.stage == window::Stage::Completing) else {
            return;
        };
        match end {
            HookEnd::Outputs(0) => self.settle_window(id, fx),
            HookEnd::Outputs(count) => {
                window.stage = window::Stage::Delivering;
                window.outputs.send(count);
                fx.push(Effect::Deliver { owner: Owner::Window(id) });
            }
            HookEnd::Failed => {
                for seq in self.end_window(id, fx) {
                    if let Some(m) = self.message(seq) {
                        m.needs_letter = true;
                    }
                    self.finish(seq, fx);
                }
            }
        }
    }

    pub(super) fn settle_window(&mut self, id: WindowId, fx: &mut Vec<Effect>) {
        for seq in self.end_window(id, fx) {
            self.settle(seq, fx);
        }
    }

    pub(super) fn return_window(&mut self, id: WindowId, fx: &mut Vec<Effect>) {
        for seq in self.end_window(id, fx) {
            self.give_back(seq, fx);
        }
    }

    /// The messages that wait for the hook of a window.
    pub fn waiting_for(&mut self, id: WindowId) -> Vec<Seq> {
        let range = self.windows.get_mut(id).map(|w| w.range);
        range.into_iter().flat_map(Range::seqs).filter(|seq| self.is_at(*seq, Stage::Held)).collect()
    }

    /// Forgets a window; gives the messages that waited for it.
    fn end_window(&mut self, id: WindowId, fx: &mut Vec<Effect>) -> Vec<Seq> {
        let Some(Window { range, .. }) = self.windows.remove(id) else { return Vec::new() };
        fx.push(Effect::WindowEnded { window: id });
        range.seqs().filter(|seq| self.is_at(*seq, Stage::Held)).collect()
    }
}
