//! The state of windows whose hook is still to be called.

use std::collections::VecDeque;

use super::outputs::Outputs;
use crate::ids::{Seq, WindowId};

/// This many messages from the first one on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub first: Seq,
    pub count: u32,
}

impl Range {
    /// The first `count` messages, and the rest.
    pub fn split(self, count: u32) -> (Self, Self) {
        let rest = Range { first: Seq(self.first.0 + u64::from(count)), count: self.count - count };
        (Range { count, ..self }, rest)
    }

    pub fn seqs(self) -> impl Iterator<Item = Seq> {
        (self.first.0..self.first.0 + u64::from(self.count)).map(Seq)
    }
}

/// Where a window is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Something of it is not done.
    Open,
    /// `on_window_complete` runs.
    Completing,
    /// Outputs of `on_window_complete` are on their way.
    Delivering,
}

/// One window from its start until its messages settle.
#[derive(Clone, Debug)]
pub(super) struct Window {
    pub id: WindowId,
    pub range: Range,
    pub stage: Stage,
    /// Messages and tasks that are not done, and one more while `arrange` runs.
    pub open: u32,
    /// Whether it ever had a task: its hook is called for no other.
    pub had_tasks: bool,
    /// A message of it was given back, so all that wait for it are.
    pub broken: bool,
    /// What `on_window_complete` returned.
    pub outputs: Outputs,
}

/// The windows, in the order they started. Empty where there is no `on_window_complete`.
#[derive(Debug, Default)]
pub(super) struct Windows(VecDeque<Window>);

impl Windows {
    /// Adds a window; its number is larger than that of every other.
    pub fn start(&mut self, id: WindowId, range: Range, open: u32) {
        let (stage, outputs) = (Stage::Open, Outputs::default());
        self.0.push_back(Window { id, range, stage, open, had_tasks: false, broken: false, outputs });
    }

    pub fn get_mut(&mut self, id: WindowId) -> Option<&mut Window> {
        let index = self.0.binary_search_by_key(&id, |w| w.id).ok()?;
        self.0.get_mut(index)
    }

    pub fn remove(&mut self, id: WindowId) -> Option<Window> {
        let index = self.0.binary_search_by_key(&id, |w| w.id).ok()?;
        self.0.remove(index)
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }
}
