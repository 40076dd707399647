//! The state of one task.

use std::{cmp::Reverse, collections::BinaryHeap};

use slab::Slab;
use smallvec::SmallVec;

use crate::ids::{Seq, TaskKey, Time};

/// Where a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// An attempt waits for a slot or runs.
    Running,
    /// `on_error` runs.
    Judging,
    /// Waits for its next attempt.
    Waiting,
    /// `on_task_complete` runs.
    Completing,
    /// Outputs wait for their verdicts.
    Delivering,
    /// Outputs failed and are being dead-lettered.
    Lettering,
    /// Ended; kept until the next step.
    Ended,
}

/// One task that did not end yet.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub messages: SmallVec<[Seq; 2]>,
    pub stage: Stage,
    /// Attempts made or under way.
    pub attempt: u32,
    pub first_failure: Option<Time>,
    /// How many replacements lie before this task.
    pub depth: u32,
    pub awaited: u32,
    pub failed: u32,
    /// Tells apart tasks that use the same key one after another.
    serial: u64,
}

/// All tasks of a partition that did not end yet, and the ones that wait for a time.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    slab: Slab<Task>,
    ended: Vec<usize>,
    waiting: BinaryHeap<Reverse<(Time, u64, usize)>>,
    serials: u64,
}

impl Tasks {
    pub fn insert(&mut self, messages: SmallVec<[Seq; 2]>, depth: u32) -> TaskKey {
        self.serials += 1;
        let key = self.slab.insert(Task {
            messages,
            stage: Stage::Running,
            attempt: 1,
            first_failure: None,
            depth,
            awaited: 0,
            failed: 0,
            serial: self.serials,
        });
        TaskKey(u32::try_from(key).expect("fewer than four billion tasks are in flight"))
    }

    /// The task, unless it ended.
    pub fn get_mut(&mut self, key: TaskKey) -> Option<&mut Task> {
        self.slab.get_mut(key.0 as usize).filter(|t| t.stage != Stage::Ended)
    }

    /// The messages of a task that did not end before the current step.
    pub fn messages_of(&self, key: TaskKey) -> &[Seq] {
        self.slab.get(key.0 as usize).map_or(&[], |t| &t.messages)
    }

    /// Marks a task as ended; its key is reused after the next [`Tasks::bury`].
    pub fn end(&mut self, key: TaskKey) {
        if let Some(task) = self.get_mut(key) {
            task.stage = Stage::Ended;
            self.ended.push(key.0 as usize);
        }
    }

    /// Forgets the tasks that ended in the step before.
    pub fn bury(&mut self) {
        for key in self.ended.drain(..) {
            self.slab.remove(key);
        }
    }

    /// Lets a task wait until `at`.
    pub fn wait(&mut self, key: TaskKey, at: Time) {
        if let Some(task) = self.slab.get_mut(key.0 as usize) {
            task.stage = Stage::Waiting;
            self.waiting.push(Reverse((at, task.serial, key.0 as usize)));
        }
    }

    /// When the next waiting task is due.
    pub fn next_due(&self) -> Option<Time> {
        self.waiting.peek().map(|Reverse((at, ..))| *at)
    }

    /// Takes a waiting task that is due.
    pub fn take_due(&mut self, now: Time) -> Option<TaskKey> {
        while let Some(Reverse((at, serial, key))) = self.waiting.peek().copied() {
            if at > now {
                return None;
            }
            self.waiting.pop();
            if self.slab.get(key).is_some_and(|t| t.serial == serial && t.stage == Stage::Waiting) {
                return Some(TaskKey(key as u32));
            }
        }
        None
    }

    /// The tasks that wait for a time.
    pub fn all_waiting(&self) -> Vec<TaskKey> {
        self.slab.iter().filter(|(_, t)| t.stage == Stage::Waiting).map(|(k, _)| TaskKey(k as u32)).collect()
    }

    /// How many tasks did not end yet.
    pub fn len(&self) -> usize {
        self.slab.len() - self.ended.len()
    }

    pub fn clear(&mut self) {
        self.slab.clear();
        self.ended.clear();
        self.waiting.clear();
    }
}
