//! Messages, tasks and outputs as the model keeps them.

use drakkar_core::{
    ids::{Offset, Seq, Time},
    ledger::Settled,
    pipeline::{Input, TaskEnd},
};

/// Where a message is. What ends in `Due` must change before the step ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum At {
    Queued,
    /// Its window's `arrange` failed: it waits for another one.
    Piece,
    Arranging,
    Open,
    HookDue,
    Hook,
    Outputs,
    LetterDue,
    Letter,
    /// Done; its window is not.
    Held,
    SettleDue,
    Settled,
    ReturnDue,
    Returned,
}

impl At {
    pub(crate) fn is_due(self) -> bool {
        matches!(self, Self::HookDue | Self::LetterDue | Self::SettleDue | Self::ReturnDue)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) offset: Offset,
    pub(crate) at: At,
    /// Tasks that did not end.
    pub(crate) open: u32,
    pub(crate) succeeded: bool,
    pub(crate) dead: bool,
    pub(crate) needs_letter: bool,
    pub(crate) lettered: bool,
    pub(crate) unparsed: bool,
    pub(crate) window: u64,
    /// Messages of the last window that failed with it in.
    pub(crate) failed_among: usize,
    pub(crate) outputs: Outputs,
}

impl Message {
    pub(crate) fn new(offset: Offset) -> Self {
        Self {
            offset,
            at: At::Queued,
            open: 0,
            succeeded: false,
            dead: false,
            needs_letter: false,
            lettered: false,
            unparsed: false,
            window: 0,
            failed_among: usize::MAX,
            outputs: Outputs::default(),
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        matches!(self.at, At::Settled | At::Returned)
    }

    pub(crate) fn awaits_arrange(&self) -> bool {
        matches!(self.at, At::Queued | At::Piece)
    }

    pub(crate) fn how(&self) -> Settled {
        match (self.dead, self.succeeded) {
            (true, _) => Settled::Dead,
            (false, true) => Settled::Delivered,
            (false, false) => Settled::Skipped,
        }
    }
}

/// Where a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TaskAt {
    Running,
    ErrorHookDue,
    Judging,
    Waiting(Wait),
    HookDue,
    Completing,
    Outputs,
    EndDue(TaskEnd),
}

impl TaskAt {
    /// Whether this is the answer it waits for.
    pub(crate) fn awaits(self, input: &Input<'_>) -> bool {
        match input {
            Input::AttemptEnded { .. } => self == Self::Running,
            Input::TaskHookEnded { .. } => self == Self::Completing,
            Input::ErrorHookEnded { .. } => self == Self::Judging,
            _ => false,
        }
    }

    pub(crate) fn is_due(self) -> bool {
        matches!(self, Self::ErrorHookDue | Self::HookDue | Self::EndDue(_))
    }
}

/// A wait for another attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wait {
    /// The step in which it began: there its bounds, or a drain, may still end it.
    pub(crate) step: u64,
    /// The bounds may be reached, depending on the wait that is drawn.
    pub(crate) may_end: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) messages: Vec<Seq>,
    pub(crate) window: u64,
    pub(crate) depth: u32,
    pub(crate) at: TaskAt,
    pub(crate) attempt: u32,
    pub(crate) first_failure: Option<Time>,
    pub(crate) outputs: Outputs,
}

/// A task that must start.
#[derive(Clone, Debug)]
pub(crate) struct Planned {
    pub(crate) plan: u32,
    pub(crate) messages: Vec<Seq>,
    /// Offsets it must not get, in order.
    pub(crate) refused: Vec<Offset>,
    pub(crate) window: u64,
    pub(crate) depth: u32,
}

/// Where outputs are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum OutputsAt {
    #[default]
    None,
    DeliverDue,
    Sending,
    HookDue,
    Judging,
    Waiting(Wait),
    LetterDue,
    Lettering,
}

impl OutputsAt {
    pub(crate) fn is_due(self) -> bool {
        matches!(self, Self::DeliverDue | Self::HookDue | Self::LetterDue)
    }
}

/// What a hook returned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outputs {
    pub(crate) at: OutputsAt,
    pub(crate) awaited: u32,
    pub(crate) failed: u32,
    /// Deliveries made or under way.
    pub(crate) attempt: u32,
    pub(crate) first_failure: Option<Time>,
    pub(crate) first_judged: Option<Time>,
    /// Outputs that are to be dead-lettered.
    pub(crate) letters: u32,
}
