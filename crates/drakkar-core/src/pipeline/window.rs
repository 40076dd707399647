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

/// The windows that did not end, by their number. Empty where there is no `on_window_complete`.
#[derive(Debug, Default)]
pub(super) struct Windows {
    /// From number `first` on; what ended in between leaves a gap, as the watermark bounds how many there can be.
    windows: VecDeque<Option<Window>>,
    first: u64,
    open: usize,
}

impl Windows {
    /// Adds a window; its number is larger than that of every other.
    pub fn start(&mut self, id: WindowId, range: Range, open: u32) {
        if self.windows.is_empty() {
            self.first = id.0;
        }
        let (stage, outputs) = (Stage::Open, Outputs::default());
        let window = Window { range, stage, open, had_tasks: false, broken: false, outputs };
        self.windows.push_back(Some(window));
        self.open += 1;
        debug_assert_eq!(self.first + self.windows.len() as u64, id.0 + 1, "windows are numbered");
    }

    fn index(&self, id: WindowId) -> Option<usize> {
        usize::try_from(id.0.checked_sub(self.first)?).ok()
    }

    pub fn get_mut(&mut self, id: WindowId) -> Option<&mut Window> {
        let index = self.index(id)?;
        self.windows.get_mut(index)?.as_mut()
    }

    pub fn remove(&mut self, id: WindowId) -> Option<Window> {
        let index = self.index(id)?;
        let removed = self.windows.get_mut(index)?.take();
        self.open -= usize::from(removed.is_some());
        while let Some(None) = self.windows.front() {
            self.windows.pop_front();
            self.first += 1;
        }
        removed
    }

    pub fn clear(&mut self) {
        self.windows.clear();
        self.open = 0;
    }

    pub fn len(&self) -> usize {
        self.open
    }
}
