//! The tasks of a partition that are in flight, as `arrange` may ask for them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::task::Task;

/// A live view of the tasks of one partition that are in flight and were given an id with [`Task::with_id`].
///
/// It lets `arrange` leave out work that is under way already: give tasks stable ids and ask before making another one.
/// Tasks without an id of their own are not listed: no other message can have the same.
#[derive(Clone, Debug, Default)]
pub struct Pending(Arc<Mutex<HashMap<Box<str>, Arc<Task>>>>);

impl Pending {
    /// Whether a task with this id is in flight.
    pub fn contains(&self, id: &str) -> bool {
        self.lock().contains_key(id)
    }

    /// The task with this id, if it is in flight.
    pub fn get(&self, id: &str) -> Option<Arc<Task>> {
        self.lock().get(id).cloned()
    }

    /// The tasks in flight, in no particular order.
    pub fn tasks(&self) -> Vec<Arc<Task>> {
        self.lock().values().cloned().collect()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Lists a task. Returns whether another one with its id was listed; that one is not visible any more.
    pub fn insert(&self, task: &Arc<Task>) -> bool {
        task.own_id().is_some_and(|id| self.lock().insert(id.into(), task.clone()).is_some())
    }

    /// Removes a task that ended, unless another one with its id took its place.
    pub fn remove(&self, task: &Arc<Task>) {
        let Some(id) = task.own_id() else { return };
        let mut tasks = self.lock();
        if tasks.get(id).is_some_and(|listed| Arc::ptr_eq(listed, task)) {
            tasks.remove(id);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Arc<Task>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{Offset, PartitionId};

    fn task(id: &str) -> Arc<Task> {
        Arc::new(Task::for_offsets(PartitionId(0), [Offset(1)]).with_id(id))
    }

    #[test]
    fn lists_tasks_with_an_id_of_their_own() {
        let pending = Pending::default();
        let (a, other) = (task("a"), Arc::new(Task::for_offsets(PartitionId(0), [Offset(1)])));
        assert!(!pending.insert(&a) && !pending.insert(&other));
        assert_eq!(pending.len(), 1);
        assert!(pending.contains("a") && pending.get("a").is_some() && !pending.contains("0:1"));
        pending.remove(&a);
        assert!(pending.is_empty());
    }

    #[test]
    fn the_end_of_a_task_does_not_hide_another_one_of_its_id() {
        let pending = Pending::default();
        let (first, second) = (task("a"), task("a"));
        assert!(!pending.insert(&first));
        assert!(pending.insert(&second), "the id was taken");
        pending.remove(&first);
        assert!(pending.contains("a"));
        pending.remove(&second);
        assert!(!pending.contains("a"));
    }
}
