//! The state of one message.

use crate::{ids::Offset, ledger::Settled};

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
    /// Outputs of `on_message_complete` wait for their verdicts.
    Delivering,
    /// Outputs of `on_message_complete` failed and are being dead-lettered.
    LetteringOutputs,
    /// The message itself is being dead-lettered.
    Lettering,
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
    /// Something of it was dead-lettered, or will be.
    pub dead: bool,
    /// The message itself must be dead-lettered before it settles.
    pub needs_letter: bool,
    /// Tasks that did not end yet.
    pub open: u32,
    /// Outputs of the message hook without a verdict.
    pub awaited: u32,
    /// Outputs of the message hook that failed.
    pub failed: u32,
}

impl Message {
    pub fn new(offset: Offset) -> Self {
        Self {
            offset,
            stage: Stage::Queued,
            succeeded: false,
            dead: false,
            needs_letter: false,
            open: 0,
            awaited: 0,
            failed: 0,
        }
    }

    /// Whether nothing can happen to it any more.
    pub fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Settled | Stage::Returned)
    }

    /// How it counts once it settles.
    pub fn verdict(&self) -> Settled {
        if self.dead || self.needs_letter {
            Settled::Dead
        } else if self.succeeded {
            Settled::Delivered
        } else {
            Settled::Skipped
        }
    }
}
