//! What the runtime keeps for the ids of the pipeline: messages by arrival number, tasks by key, windows by number.

use std::{collections::VecDeque, sync::Arc};

use drakkar_core::{
    ids::{Seq, TaskKey, Time, WindowId},
    message::{Message, Record},
    outcome::{TaskFailure, TaskResult},
    pipeline::TaskEnd,
    task::Task,
};

use crate::dead_letter::Cause;

/// One message in hand.
#[derive(Debug)]
pub(super) struct Held<T> {
    pub(super) content: Content<T>,
    /// Decoding was tried, and failed; or no hook may see it.
    pub(super) barred: bool,
    /// Bytes to give back when it ends.
    pub(super) size: usize,
    /// When it came in.
    pub(super) arrived: Time,
    /// When its window started.
    pub(super) started: Time,
    /// What was done for it, kept where `on_message_complete` wants to know.
    pub(super) group: Group,
    /// The first reason to dead-letter it, and how many more there were.
    pub(super) cause: Option<Box<(Cause, u32)>>,
}

/// A message before and after it was decoded.
#[derive(Debug)]
pub(super) enum Content<T> {
    Raw(Record),
    Decoded(Arc<Message<T>>),
}

impl<T> Content<T> {
    /// The record.
    pub(super) fn record(&self) -> &Record {
        match self {
            Content::Raw(record) => record,
            Content::Decoded(message) => message.record(),
        }
    }
}

/// What was done for a message or a window.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) results: Vec<Arc<TaskResult>>,
    pub(super) failures: Vec<Arc<TaskFailure>>,
    pub(super) replaced: Vec<Arc<Task>>,
}

impl Group {
    pub(super) fn add(&mut self, running: &Running, end: TaskEnd) {
        match end {
            TaskEnd::Succeeded => self.results.extend(running.result.clone()),
            TaskEnd::Failed => self.failures.extend(running.failure.clone()),
            TaskEnd::Replaced => self.replaced.push(running.task.clone()),
            TaskEnd::Dropped => {}
        }
    }
}

/// The messages of a partition from the oldest that is still held.
///
/// Thousands may have ended behind one that has not: those take a word each.
#[derive(Debug)]
pub(super) struct Messages<T> {
    held: VecDeque<Option<Box<Held<T>>>>,
    base: u64,
}

impl<T> Messages<T> {
    pub(super) fn new() -> Self {
        Self { held: VecDeque::new(), base: 0 }
    }

    pub(super) fn push(&mut self, record: Record, size: usize, now: Time) {
        self.held.push_back(Some(Box::new(Held {
            content: Content::Raw(record),
            barred: false,
            size,
            arrived: now,
            started: Time::default(),
            group: Group::default(),
            cause: None,
        })));
    }

    /// A message, unless it ended.
    pub(super) fn get_mut(&mut self, seq: Seq) -> Option<&mut Held<T>> {
        let index = usize::try_from(seq.0.checked_sub(self.base)?).ok()?;
        self.held.get_mut(index)?.as_deref_mut()
    }

    /// The message that came in last.
    pub(super) fn last_mut(&mut self) -> Option<&mut Held<T>> {
        self.held.back_mut()?.as_deref_mut()
    }

    /// When the oldest message that is held came in.
    pub(super) fn oldest(&self) -> Option<Time> {
        self.held.front()?.as_ref().map(|held| held.arrived)
    }

    /// Drops a message and returns its size.
    pub(super) fn drop(&mut self, seq: Seq) -> usize {
        let index = seq.0.checked_sub(self.base).and_then(|index| usize::try_from(index).ok());
        let held = index.and_then(|index| self.held.get_mut(index)).and_then(Option::take);
        while self.held.front().is_some_and(Option::is_none) {
            self.held.pop_front();
            self.base += 1;
        }
        held.map_or(0, |held| held.size)
    }
}

/// One task in hand.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) task: Arc<Task>,
    /// The window it belongs to.
    pub(super) window: WindowId,
    pub(super) attempt: u32,
    /// When its oldest message came in.
    pub(super) age: u64,
    /// What the handler said about its priority; lower runs first. Asked for once.
    pub(super) priority: Option<i64>,
    /// Whether it counts against the task gate: it holds or awaits a slot.
    pub(super) gated: bool,
    /// Bytes of the report that is kept, to give back when the task ends.
    pub(super) size: usize,
    pub(super) result: Option<Arc<TaskResult>>,
    pub(super) failure: Option<Arc<TaskFailure>>,
    /// Whether the handler gave it up on purpose.
    pub(super) skipped: bool,
    /// The hook that failed for it.
    pub(super) cause: Option<Box<Cause>>,
}

/// The tasks of a partition that did not end.
#[derive(Debug, Default)]
pub(super) struct Tasks(Vec<Option<Running>>);

impl Tasks {
    pub(super) fn insert(&mut self, key: TaskKey, task: Arc<Task>, window: WindowId, age: u64) {
        let index = key.0 as usize;
        if self.0.len() <= index {
            self.0.resize_with(index + 1, || None);
        }
        debug_assert!(self.0[index].is_none(), "task key {key} is in use");
        self.0[index] = Some(Running {
            task,
            window,
            attempt: 1,
            age,
            priority: None,
            gated: false,
            size: 0,
            result: None,
            failure: None,
            skipped: false,
            cause: None,
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

/// A window whose hook is still to be called.
#[derive(Debug)]
pub(super) struct OpenWindow<T> {
    pub(super) messages: Vec<Arc<Message<T>>>,
    pub(super) group: Group,
    pub(super) started: Time,
    /// Its first message, to name it in events.
    pub(super) first: Seq,
}
