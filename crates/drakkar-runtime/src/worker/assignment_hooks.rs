//! `on_assign` and `on_revoke`: one call after the other, in the order things happened.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

use drakkar_core::{
    event::Event,
    handler::Handler,
    ids::{Assignment, PartitionId},
};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, timeout_at},
};

use crate::partition::{
    Control, Shared,
    hooks::{HookFailure, contain},
};

enum Job {
    /// Partitions came; they start to work when the hook ended.
    Assign(Vec<PartitionId>, Vec<watch::Sender<Control>>),
    /// Partitions went.
    Revoke(Vec<PartitionId>),
}

/// Partitions that were released and still end.
struct Going {
    left: BTreeSet<Assignment>,
    partitions: Vec<PartitionId>,
}

/// The calls of both hooks that are due or under way.
pub(super) struct AssignmentHooks<H: Handler> {
    shared: Arc<Shared<H>>,
    going: Vec<Going>,
    queue: VecDeque<Job>,
    running: JoinSet<()>,
}

impl<H: Handler> AssignmentHooks<H> {
    pub(super) fn new(shared: Arc<Shared<H>>) -> Self {
        Self { shared, going: Vec::new(), queue: VecDeque::new(), running: JoinSet::new() }
    }

    /// Partitions came. Those with a hook wait for it.
    pub(super) fn assigned(&mut self, partitions: Vec<(PartitionId, watch::Sender<Control>)>) {
        if !partitions.is_empty() {
            let (partitions, controls) = partitions.into_iter().unzip();
            self.push(Job::Assign(partitions, controls));
        }
    }

    /// Partitions were released: the hook is called once the last of them has ended.
    pub(super) fn released(&mut self, assignments: &[Assignment], ended: impl Fn(&Assignment) -> bool) {
        if !H::HOOKS.on_revoke || assignments.is_empty() {
            return;
        }
        let partitions = assignments.iter().map(|a| a.partition).collect();
        let left = assignments.iter().filter(|a| !ended(a)).copied().collect();
        self.going.push(Going { left, partitions });
        self.call_due();
    }

    /// A partition's task ended.
    pub(super) fn ended(&mut self, assignment: Assignment) {
        for going in &mut self.going {
            going.left.remove(&assignment);
        }
        self.call_due();
    }

    fn call_due(&mut self) {
        let (due, left) = std::mem::take(&mut self.going).into_iter().partition(|g| g.left.is_empty());
        self.going = left;
        for Going { partitions, .. } in due {
            self.push(Job::Revoke(partitions));
        }
    }

    fn push(&mut self, job: Job) {
        self.queue.push_back(job);
        self.start_next();
    }

    fn start_next(&mut self) {
        if self.running.is_empty()
            && let Some(job) = self.queue.pop_front()
        {
            self.running.spawn(run(self.shared.clone(), job));
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.running.is_empty() && self.queue.is_empty()
    }

    /// Waits until the call under way ended, and starts the next. Cancel safe.
    pub(super) async fn next(&mut self) {
        if let Some(Err(error)) = self.running.join_next().await {
            tracing::error!(category = "lifecycle", %error, "the task of a hook failed");
        }
        self.start_next();
    }

    /// Waits until all calls ended, or the deadline.
    pub(super) async fn finish(&mut self, deadline: Instant) {
        while !self.is_idle() {
            if timeout_at(deadline, self.next()).await.is_err() {
                tracing::warn!(
                    category = "lifecycle",
                    "on_assign or on_revoke did not end before the stop deadline"
                );
                return self.running.shutdown().await;
            }
        }
    }
}

async fn run<H: Handler>(shared: Arc<Shared<H>>, job: Job) {
    let hook = match &job {
        Job::Assign(..) => "on_assign",
        Job::Revoke(_) => "on_revoke",
    };
    let call = async {
        let done = match &job {
            Job::Assign(partitions, _) => shared.handler.on_assign(partitions, &shared.ctx).await,
            Job::Revoke(partitions) => shared.handler.on_revoke(partitions, &shared.ctx).await,
        };
        done.map_err(HookFailure::from)
    };
    if let Err(HookFailure { error, .. }) = contain(shared.hook_timeout, call).await {
        shared.events.emit(&Event::WorkerHookFailed { hook, error });
    }
    if let Job::Assign(_, controls) = job {
        for control in controls {
            control.send_if_modified(|control| {
                let held = *control == Control::Hold;
                if held {
                    *control = Control::Run;
                }
                held
            });
        }
    }
}
