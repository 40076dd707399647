//! The state of one task.

use slab::Slab;
use smallvec::SmallVec;

use super::outputs::Outputs;
use crate::ids::{Seq, TaskKey, Time, WindowId};

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
    /// Outputs are on their way.
    Delivering,
    /// Ended; kept until the next step.
    Ended,
}

/// One task that did not end yet.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub messages: SmallVec<[Seq; 2]>,
    /// The window whose `arrange` made it, or the task it stands in for.
    pub window: WindowId,
    pub stage: Stage,
    /// Attempts made or under way.
    pub attempt: u32,
    /// How many replacements lie before this task.
    pub depth: u32,
    /// What `on_task_complete` returned.
    pub outputs: Outputs,
}

/// What is remembered of a task whose attempt failed. Kept apart, so that the many that never fail stay small.
#[derive(Clone, Copy, Debug)]
pub(super) struct Retrying {
    pub first_failure: Time,
    /// The number of the timer it waits for.
    pub timer: u64,
}

/// All tasks of a partition that did not end yet.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    slab: Slab<Task>,
    ended: Vec<usize>,
}

impl Tasks {
    pub fn insert(&mut self, messages: SmallVec<[Seq; 2]>, window: WindowId, depth: u32) -> TaskKey {
        let key = self.slab.insert(Task {
            messages,
            window,
            stage: Stage::Running,
            attempt: 1,
            depth,
            outputs: Outputs::default(),
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

    /// How many tasks did not end yet.
    pub fn len(&self) -> usize {
        self.slab.len() - self.ended.len()
    }

    pub fn clear(&mut self) {
        self.slab.clear();
        self.ended.clear();
    }
}
