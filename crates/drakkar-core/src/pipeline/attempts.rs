//! Attempts of tasks: success, failure, retry, replacement.

use smallvec::SmallVec;

use super::{
    Action, Effect, HookEnd, Owner, Pipeline, TaskEnd,
    task::{Retrying, Stage},
    timers::Timer,
};
use crate::ids::{Seq, TaskKey};

impl Pipeline {
    pub(super) fn attempt_ended(&mut self, key: TaskKey, success: bool, fx: &mut Vec<Effect>) {
        let now = self.now;
        let Some(task) = self.tasks.get_mut(key).filter(|t| t.stage == Stage::Running) else { return };
        if success {
            if self.rules.task_hook {
                task.stage = Stage::Completing;
                fx.push(Effect::CallTaskHook { task: key });
            } else {
                self.end_task(key, TaskEnd::Succeeded, fx);
            }
        } else {
            task.stage = Stage::Judging;
            let attempt = task.attempt;
            self.retries.entry(key).or_insert(Retrying { first_failure: now, timer: 0 });
            if self.rules.error_hook {
                fx.push(Effect::CallErrorHook { task: key, attempt });
            } else {
                self.error_hook_ended(key, Action::Retry, fx);
            }
        }
    }

    pub(super) fn error_hook_ended(&mut self, key: TaskKey, action: Action<'_>, fx: &mut Vec<Effect>) {
        let Some(task) = self.tasks.get_mut(key).filter(|t| t.stage == Stage::Judging) else { return };
        match action {
            Action::Retry => {
                let first = Retrying { first_failure: self.now, timer: 0 };
                let retrying = self.retries.entry(key).or_insert(first);
                let elapsed = self.now.since(retrying.first_failure);
                match self.rules.retry.next(task.attempt, elapsed, self.jitter.draw()) {
                    Some(wait) if self.draining && !wait.is_zero() => self.drop_task(key, fx),
                    Some(wait) => {
                        retrying.timer = self.timers.add(self.now.after(wait), Timer::Task(key));
                        task.stage = Stage::Waiting;
                    }
                    None => self.fail_task(key, fx),
                }
            }
            Action::Skip => self.end_task(key, TaskEnd::Failed, fx),
            Action::DeadLetter => self.fail_task(key, fx),
            Action::Replace(plans) => {
                let (depth, window) = (task.depth + 1, task.window);
                let near = task.messages.first().copied().unwrap_or_default();
                if depth > self.rules.max_replacement_depth {
                    self.fail_task(key, fx);
                } else {
                    self.start_tasks(plans, window, near, depth, fx);
                    self.end_task(key, TaskEnd::Replaced, fx);
                }
            }
        }
    }

    /// Runs the next attempt of a task, unless the timer is an old one.
    pub(super) fn retry_task(&mut self, key: TaskKey, timer: u64, fx: &mut Vec<Effect>) {
        if self.task_waits_for(key, timer)
            && let Some(task) = self.tasks.get_mut(key)
        {
            task.stage = Stage::Running;
            task.attempt += 1;
            fx.push(Effect::Retry { task: key, attempt: task.attempt });
        }
    }

    /// Whether this timer is the one that a task waits for.
    pub(super) fn task_waits_for(&mut self, key: TaskKey, timer: u64) -> bool {
        self.tasks.get_mut(key).is_some_and(|t| t.stage == Stage::Waiting)
            && self.retries.get(&key).is_some_and(|r| r.timer == timer)
    }

    pub(super) fn task_hook_ended(&mut self, key: TaskKey, end: HookEnd, fx: &mut Vec<Effect>) {
        let Some(task) = self.tasks.get_mut(key).filter(|t| t.stage == Stage::Completing) else { return };
        match end {
            HookEnd::Outputs(0) => self.end_task(key, TaskEnd::Succeeded, fx),
            HookEnd::Outputs(count) => {
                task.stage = Stage::Delivering;
                task.outputs.send(count);
                fx.push(Effect::Deliver { owner: Owner::Task(key) });
            }
            HookEnd::Failed => self.fail_task(key, fx),
        }
    }

    /// A task failed for good: its messages are dead-lettered once all else of them is done.
    pub(super) fn fail_task(&mut self, key: TaskKey, fx: &mut Vec<Effect>) {
        let messages: SmallVec<[Seq; 2]> = self.tasks.messages_of(key).into();
        for seq in messages {
            if let Some(m) = self.message(seq) {
                m.needs_letter = true;
            }
        }
        self.end_task(key, TaskEnd::Failed, fx);
    }

    pub(super) fn end_task(&mut self, key: TaskKey, end: TaskEnd, fx: &mut Vec<Effect>) {
        fx.push(Effect::TaskEnded { task: key, end });
        let Some(task) = self.tasks.get_mut(key) else { return };
        let (messages, window) = (task.messages.clone(), task.window);
        self.tasks.end(key);
        self.retries.remove(&key);
        for seq in messages {
            let Some(message) = self.message(seq) else { continue };
            message.succeeded |= end == TaskEnd::Succeeded;
            message.open -= 1;
            if message.open == 0 {
                self.complete(seq, fx);
            }
        }
        self.window_step(window, fx);
    }

    /// Drops a task that will not run again and gives its messages back.
    pub(super) fn drop_task(&mut self, key: TaskKey, fx: &mut Vec<Effect>) {
        let Some(task) = self.tasks.get_mut(key) else { return };
        let (messages, window) = (task.messages.clone(), task.window);
        fx.push(Effect::TaskEnded { task: key, end: TaskEnd::Dropped });
        self.tasks.end(key);
        self.retries.remove(&key);
        self.redeliveries.remove(&Owner::Task(key));
        for seq in messages {
            self.give_back(seq, fx);
        }
        if let Some(window) = self.windows.get_mut(window) {
            window.broken = true;
        }
        self.window_step(window, fx);
    }
}
