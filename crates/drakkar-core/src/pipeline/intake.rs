//! From records to windows, and from windows to tasks.

use smallvec::SmallVec;

use super::{
    Effect, Pipeline, Suspicion,
    brake::Allowed,
    message::{Message, Stage},
    window::Range,
};
use crate::ids::{Offset, Seq, WindowId};

impl Pipeline {
    pub(super) fn records(&mut self, offsets: &[Offset], fx: &mut Vec<Effect>) {
        self.ledger.consume(offsets.len() as u64);
        for &offset in offsets {
            debug_assert!(self.messages.back().is_none_or(|m| m.offset < offset), "offsets must ascend");
            let seq = self.end();
            self.messages.push_back(Message::new(offset));
            if self.suspects.of(offset) == Some(Suspicion::Poison)
                && !self.draining
                && let Some(message) = self.message(seq)
            {
                message.needs_letter = true;
                self.finish(seq, fx);
            }
        }
        if self.draining {
            self.return_queued(fx);
        }
    }

    pub(super) fn start_window(&mut self, fx: &mut Vec<Effect>) {
        if self.arranging.is_some() || self.draining {
            return;
        }
        let most = match self.brake.allows(self.now) {
            Allowed::Window => self.rules.window_size,
            Allowed::Probe => 1,
            Allowed::Nothing => return,
        };
        let Some(range) = self.take_piece(most).or_else(|| self.take_queued(most)) else { return };
        self.window_count += 1;
        let window = WindowId(self.window_count);
        let mut open = 1;
        for seq in range.seqs() {
            let Some(message) = self.message(seq) else { continue };
            message.window = window;
            if matches!(message.stage, Stage::Queued | Stage::Arranging) {
                message.stage = Stage::Arranging;
            }
            open += u32::from(message.stage != Stage::Held);
        }
        if self.rules.window_hook {
            self.windows.start(window, range, open);
        }
        // Only a message that `arrange` gets tells anything; one that is done already, or being dead-lettered, does not.
        if self.brake.allows(self.now) == Allowed::Probe
            && let Some(probe) = range.seqs().find(|seq| self.is_at(*seq, Stage::Arranging))
        {
            self.brake.probe(probe);
        }
        self.arranging = Some((window, range));
        fx.push(Effect::Arrange { window, first: range.first, count: range.count });
    }

    fn take_piece(&mut self, most: u32) -> Option<Range> {
        let piece = self.pieces.pop_front()?;
        if piece.count <= most {
            return Some(piece);
        }
        let (first, rest) = piece.split(most);
        self.pieces.push_front(rest);
        Some(first)
    }

    fn take_queued(&mut self, most: u32) -> Option<Range> {
        // What is dead-lettered before any hook sees it needs no window.
        while self.queued < self.end() && !self.is_at(self.queued, Stage::Queued) {
            self.queued.0 += 1;
        }
        let taken = self.queued.0 - self.base.0;
        let room = u64::from(self.rules.max_in_flight).saturating_sub(taken);
        let mut count = (self.end().0 - self.queued.0).min(u64::from(most)).min(room);
        if !self.gate || count == 0 {
            return None;
        }
        if !self.suspects.is_empty() {
            // A message that may have killed the process is arranged alone, so that the next time only it is named.
            let offset_at = |n: u64| self.messages[(taken + n) as usize].offset;
            let suspect = (0..count).find(|n| self.suspects.of(offset_at(*n)) == Some(Suspicion::Alone));
            count = suspect.map_or(count, |n| n.max(1));
        }
        let range = Range { first: self.queued, count: count as u32 };
        self.queued.0 += count;
        Some(range)
    }

    pub(super) fn arranged(&mut self, window: WindowId, plans: &[&[Offset]], fx: &mut Vec<Effect>) {
        let Some(range) = self.take_window(window, fx) else { return };
        for seq in range.seqs() {
            if let Some(m) = self.message(seq)
                && m.stage == Stage::Arranging
            {
                m.stage = Stage::Open;
            }
        }
        self.start_tasks(plans, window, range.first, 0, fx);
        for seq in range.seqs() {
            if self.message(seq).is_some_and(|m| m.stage == Stage::Open && m.open == 0) {
                self.complete(seq, fx);
            }
        }
        self.window_step(window, fx);
    }

    /// Takes the window whose `arrange` just ended, or gives its messages back when nothing may start any more.
    fn take_window(&mut self, window: WindowId, fx: &mut Vec<Effect>) -> Option<Range> {
        let (running, range) = self.arranging?;
        debug_assert_eq!(running, window, "one arrange runs at a time");
        self.arranging = None;
        if !self.draining {
            return Some(range);
        }
        self.return_range(range, fx);
        self.window_step(window, fx);
        None
    }

    pub(super) fn start_tasks(
        &mut self,
        plans: &[&[Offset]],
        window: WindowId,
        mut near: Seq,
        depth: u32,
        fx: &mut Vec<Effect>,
    ) {
        for (index, offsets) in plans.iter().enumerate() {
            let plan = index as u32;
            let mut messages = SmallVec::<[Seq; 2]>::new();
            for &offset in *offsets {
                let found = self.find(offset, near);
                near = found.unwrap_or(near);
                match found {
                    Some(seq) if messages.contains(&seq) => {}
                    Some(seq) if self.is_at(seq, Stage::Open) => messages.push(seq),
                    _ => fx.push(Effect::Refused { plan, offset }),
                }
            }
            for &seq in &messages {
                if let Some(m) = self.message(seq) {
                    m.open += 1;
                }
            }
            let task = self.tasks.insert(messages, window, depth);
            fx.push(Effect::Start { task, plan, window });
        }
        if self.rules.window_hook
            && let Some(window) = self.windows.get_mut(window)
        {
            window.open += plans.len() as u32;
            window.had_tasks |= !plans.is_empty();
        }
    }

    /// Arranges a failed window again in halves, until the message at fault stands alone; that one is dead-lettered.
    pub(super) fn arrange_failed(&mut self, window: WindowId, fx: &mut Vec<Effect>) {
        let Some(range) = self.take_window(window, fx) else { return };
        let arranging = range.seqs().filter(|&s| self.is_at(s, Stage::Arranging)).count();
        if arranging > 1 {
            // What is done already waits for the pieces' own windows.
            self.windows.remove(window);
            let (first, second) = range.split(range.count / 2);
            self.pieces.push_front(second);
            self.pieces.push_front(first);
            return;
        }
        for seq in range.seqs() {
            if self.is_at(seq, Stage::Arranging) {
                if let Some(m) = self.message(seq) {
                    m.needs_letter = true;
                }
                self.finish(seq, fx);
            }
        }
        self.window_step(window, fx);
    }
}
