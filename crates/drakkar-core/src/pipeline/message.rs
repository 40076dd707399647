//! The state of one message.

use super::outputs::Outputs;
use crate::{
    ids::{Offset, WindowId},
    ledger::Settled,
};

/// Where a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Waits for a window.
    Queued,
    /// Is part of a window whose `arrange` is due or running.
    Arranging,
    /// Has tasks that did not end yet.
    Open,
    /// `on_message_complete` runs.
    Completing,
    /// Outputs of `on_message_complete` are on their way.
    Delivering,
    /// The message itself is being dead-lettered.
    Lettering,
    /// All of it is done; it waits for its window.
    Held,
    /// Done.
    Settled,
    /// Given back, never to be committed by this epoch.
    Returned,
}

/// One message between arrival and the watermark.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub offset: Offset,
    pub stage: Stage,
    /// Something of it succeeded.
    pub succeeded: bool,
    /// Something of it was dead-lettered, or is being.
    pub dead: bool,
    /// The message itself must be dead-lettered before it settles.
    pub needs_letter: bool,
    /// The message itself was dead-lettered.
    pub lettered: bool,
    /// It could not be decoded, so `on_message_complete` is not called.
    pub unparsed: bool,
    /// Tasks that did not end yet.
    pub open: u32,
    /// The window it is in; `WindowId(0)` before.
    pub window: WindowId,
    /// What `on_message_complete` returned.
    pub outputs: Outputs,
}

impl Message {
    pub fn new(offset: Offset) -> Self {
        Self {
            offset,
            stage: Stage::Queued,
            succeeded: false,
            dead: false,
            needs_letter: false,
            lettered: false,
            unparsed: false,
            open: 0,
            window: WindowId(0),
            outputs: Outputs::default(),
        }
    }

    /// Whether nothing can happen to it any more.
    pub fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Settled | Stage::Returned)
    }

    /// How it counts once it settles.
    pub fn verdict(&self) -> Settled {
        if self.dead {
            Settled::Dead
        } else if self.succeeded {
            Settled::Delivered
        } else {
            Settled::Skipped
        }
    }
}
