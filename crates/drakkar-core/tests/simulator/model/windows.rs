//! Windows whose hook is still to be called.

use drakkar_core::ids::Seq;

use super::{
    Model,
    parts::{At, Outputs},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WindowAt {
    Open,
    HookDue,
    Hook,
    Outputs,
    EndDue,
}

#[derive(Clone, Debug)]
pub(super) struct Window {
    pub(super) first: usize,
    pub(super) count: usize,
    pub(super) at: WindowAt,
    pub(super) arranging: bool,
    /// Its tasks that did not end.
    pub(super) tasks: usize,
    pub(super) had_tasks: bool,
    /// Something of it was given back.
    pub(super) broken: bool,
    pub(super) outputs: Outputs,
}

/// What becomes of the messages that waited for a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Settle,
    Return,
    Letter,
}

impl Window {
    pub(super) fn new(first: usize, count: usize) -> Self {
        Self {
            first,
            count,
            at: WindowAt::Open,
            arranging: true,
            tasks: 0,
            had_tasks: false,
            broken: false,
            outputs: Outputs::default(),
        }
    }

    /// Whether messages still wait for it.
    pub(super) fn waits(&self) -> bool {
        self.at != WindowAt::EndDue
    }

    pub(super) fn describe_due(&self) -> Option<String> {
        let due = matches!(self.at, WindowAt::HookDue | WindowAt::EndDue)
            || (self.at == WindowAt::Outputs && self.outputs.at.is_due());
        due.then(|| format!("{:?} {:?}", self.at, self.outputs.at))
    }
}

impl Model {
    /// The messages that wait for a window.
    pub(super) fn held_by(&self, id: u64) -> impl Iterator<Item = Seq> + use<'_> {
        let range = self.windows.get(&id).map_or(0..0, |w| w.first..w.first + w.count);
        range
            .filter(move |seq| self.messages[*seq].at == At::Held && self.messages[*seq].window == id)
            .map(|seq| Seq(seq as u64))
    }

    /// Looks whether everything of a window is done: then its hook is due, or its end.
    pub(super) fn check_window(&mut self, id: u64) {
        let Some(window) = self.windows.get(&id) else { return };
        let messages = &self.messages[window.first..window.first + window.count];
        let done = |m: &super::Message| m.window != id || m.is_over() || m.at == At::Held;
        if window.at != WindowAt::Open || window.arranging || window.tasks > 0 || !messages.iter().all(done) {
            return;
        }
        if window.broken {
            self.end_window(id, Fate::Return);
        } else if window.had_tasks {
            if let Some(window) = self.windows.get_mut(&id) {
                window.at = WindowAt::HookDue;
            }
            self.owe();
        } else {
            self.end_window(id, Fate::Settle);
        }
    }

    pub(super) fn end_window(&mut self, id: u64, fate: Fate) {
        let held: Vec<Seq> = self.held_by(id).collect();
        let Some(window) = self.windows.get_mut(&id) else { return };
        window.at = WindowAt::EndDue;
        self.owe();
        for seq in held {
            match fate {
                Fate::Settle => self.hold_or_settle(seq),
                Fate::Return => self.return_due(seq),
                Fate::Letter => {
                    self.needs_letter(seq);
                    self.finish(seq);
                }
            }
        }
    }

    /// A message of a window is given back, so all that wait for it will be.
    pub(super) fn break_window(&mut self, id: u64) {
        if let Some(window) = self.windows.get_mut(&id) {
            window.broken = true;
        }
        self.check_window(id);
    }
}
