//! What the runtime keeps for the ids of the pipeline: messages by arrival number, tasks by key.

use std::{collections::VecDeque, sync::Arc};

use drakkar_core::{
    ids::{Seq, TaskKey, Time},
    message::{Message, Record},
    outcome::{TaskFailure, TaskResult},
    payload::Payload,
    task::Task,
};

use crate::{dead_letter::Cause, port::FailedPayload};

/// One message in hand.
#[derive(Debug)]
pub(super) struct Held<T> {
    pub(super) content: Content<T>,
    /// Decoding was tried, and failed.
    pub(super) undecodable: bool,
    /// Bytes to give back when it ends.
    pub(super) size: usize,
    /// When its window started.
    pub(super) started: Time,
    /// What was done for it, kept where `on_message_complete` wants to know.
    pub(super) group: Group,
    /// The first reason to dead-letter it, and how many more there were.
    pub(super) cause: Option<Box<(Cause, u32)>>,
    /// Outputs of its message hook that wait to be sent, then those that failed for good.
    pub(super) outputs: Vec<Payload>,
    pub(super) failed: Vec<FailedPayload>,
}

/// A message before and after it was decoded.
#[derive(Debug)]
pub(super) enum Content<T> {
    Raw(Record),
    Decoded(Arc<Message<T>>),
    Gone,
}

impl<T> Content<T> {
    /// The record, unless the message ended.
    pub(super) fn record(&self) -> Option<&Record> {
        match self {
            Content::Raw(record) => Some(record),
            Content::Decoded(message) => Some(message.record()),
            Content::Gone => None,
        }
    }
}

/// What was done for a message.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) results: Vec<Arc<TaskResult>>,
    pub(super) failures: Vec<Arc<TaskFailure>>,
    pub(super) replaced: Vec<Arc<Task>>,
}

/// The messages of a partition from the oldest that is still held.
#[derive(Debug)]
pub(super) struct Messages<T> {
    held: VecDeque<Held<T>>,
    base: u64,
}

impl<T> Messages<T> {
    pub(super) fn new() -> Self {
        Self { held: VecDeque::new(), base: 0 }
    }

    pub(super) fn push(&mut self, record: Record, size: usize) {
        self.held.push_back(Held {
            content: Content::Raw(record),
            undecodable: false,
            size,
            started: Time::default(),
            group: Group::default(),
            cause: None,
            outputs: Vec::new(),
            failed: Vec::new(),
        });
    }

    pub(super) fn get_mut(&mut self, seq: Seq) -> Option<&mut Held<T>> {
        self.held.get_mut(usize::try_from(seq.0.checked_sub(self.base)?).ok()?)
    }

    /// Drops a message and returns its size.
    pub(super) fn drop(&mut self, seq: Seq) -> usize {
        let Some(held) = self.get_mut(seq) else { return 0 };
        let size = std::mem::take(&mut held.size);
        held.content = Content::Gone;
        held.group = Group::default();
        held.cause = None;
        held.outputs = Vec::new();
        held.failed = Vec::new();
        while self.held.front().is_some_and(|h| matches!(h.content, Content::Gone)) {
            self.held.pop_front();
            self.base += 1;
        }
        size
    }
}

/// One task in hand.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) task: Arc<Task>,
    pub(super) attempt: u32,
    /// Orders it against other tasks: lower runs first.
    pub(super) priority: u64,
    /// Whether it counts against the task gate: it holds or awaits a slot.
    pub(super) gated: bool,
    /// Bytes of the report that is kept, to give back when the task ends.
    pub(super) size: usize,
    pub(super) result: Option<Arc<TaskResult>>,
    pub(super) failure: Option<Arc<TaskFailure>>,
    /// Whether the handler gave it up on purpose.
    pub(super) skipped: bool,
    /// The hook that failed for it.
    pub(super) cause: Option<Cause>,
    /// Outputs that wait to be sent, then those that failed for good.
    pub(super) outputs: Vec<Payload>,
    pub(super) failed: Vec<FailedPayload>,
}

/// The tasks of a partition that did not end.
#[derive(Debug, Default)]
pub(super) struct Tasks(Vec<Option<Running>>);

impl Tasks {
    pub(super) fn insert(&mut self, key: TaskKey, task: Arc<Task>, priority: u64) {
        let index = key.0 as usize;
        if self.0.len() <= index {
            self.0.resize_with(index + 1, || None);
        }
        debug_assert!(self.0[index].is_none(), "task key {key} is in use");
        self.0[index] = Some(Running {
            task,
            attempt: 1,
            priority,
            gated: false,
            size: 0,
            result: None,
            failure: None,
            skipped: false,
            cause: None,
            outputs: Vec::new(),
            failed: Vec::new(),
        });
    }

    pub(super) fn get_mut(&mut self, key: TaskKey) -> Option<&mut Running> {
        self.0.get_mut(key.0 as usize)?.as_mut()
    }

    pub(super) fn remove(&mut self, key: TaskKey) -> Option<Running> {
        self.0.get_mut(key.0 as usize)?.take()
    }

    /// Takes all that is left.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Running> {
        std::mem::take(&mut self.0).into_iter().flatten()
    }
}
