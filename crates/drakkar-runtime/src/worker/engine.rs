//! The running worker: partitions come and go, until it is told to stop.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use drakkar_core::{
    event::Event,
    handler::Handler,
    ids::Assignment,
    ledger::Ledger,
    source::{Progress, SourceError, SourceEvent, SourceHandle},
};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep_until, timeout_at},
};

use super::{Summary, assignment_hooks::AssignmentHooks, background::Background, sinks::Deliveries};
use crate::{
    crash_marker::CrashMarker,
    error::Exit,
    partition::{
        Control, Partition, Shared,
        hooks::{HookFailure, contain},
    },
    settings::Settings,
    status::{NotReady, Status},
    stop::{Stop, Urgency},
};

/// Time past the stop deadline for leaving the group and closing what is left.
const CLOSE_EXTRA: Duration = Duration::from_millis(1200);

/// The part of it that is kept for closing the sinks.
const LAST_MOMENT: Duration = Duration::from_millis(200);

struct Entry {
    control: watch::Sender<Control>,
    progress: Arc<Progress>,
}

pub(super) struct Engine<H: Handler> {
    shared: Arc<Shared<H>>,
    source: SourceHandle,
    deliveries: Deliveries,
    settings: Settings,
    status: Arc<Status>,
    partitions: BTreeMap<Assignment, Entry>,
    tasks: JoinSet<(Assignment, Ledger)>,
    hooks: AssignmentHooks<H>,
    background: Background<H>,
    /// Why the worker must stop although nobody asked for it.
    fatal: Option<SourceError>,
    closed: bool,
    stopping: bool,
}

impl<H: Handler> Engine<H> {
    pub(super) fn new(
        shared: Arc<Shared<H>>,
        source: SourceHandle,
        deliveries: Deliveries,
        settings: Settings,
        status: Arc<Status>,
    ) -> Self {
        Self {
            hooks: AssignmentHooks::new(shared.clone()),
            background: Background::start(&shared),
            shared,
            source,
            deliveries,
            settings,
            status,
            partitions: BTreeMap::new(),
            tasks: JoinSet::new(),
            fatal: None,
            closed: false,
            stopping: false,
        }
    }

    pub(super) async fn run(mut self, mut stop: Stop) -> Summary {
        while !self.closed && self.fatal.is_none() {
            tokio::select! {
                biased;
                () = stop.requested() => break,
                () = self.turn() => {}
            }
        }
        let (since, reason) = match stop.urgency() {
            Urgency::Drain(since, reason) => (since, reason),
            Urgency::Now => (Instant::now(), "asked twice"),
            Urgency::Run => (Instant::now(), "the source ended"),
        };
        self.shared.events.emit(&Event::Stopping { reason });
        let drained = tokio::select! {
            biased;
            () = stop.forced() => None,
            drained = self.stop(since) => Some(drained),
        };
        let Some(drained) = drained else { return self.end_now().await };
        // What is left has a moment even when leaving the group took all the time.
        let deadline = (since + self.settings.grace + CLOSE_EXTRA).max(Instant::now() + LAST_MOMENT);
        let forced = {
            let kill_after = if drained { self.settings.kill_grace } else { Duration::ZERO };
            let closing = async {
                if timeout_at(deadline, self.shared.executor.close(kill_after)).await.is_err() {
                    tracing::warn!(category = "executor", "children did not end before the stop deadline");
                }
                self.deliveries.close(deadline).await;
            };
            tokio::select! {
                biased;
                () = stop.forced() => true,
                () = closing => false,
            }
        };
        close_marker(self.shared.clone()).await;
        let ledger = self.status.ledger();
        self.shared.events.emit(&Event::Stopped { ledger, drained });
        let exit = match (self.fatal, forced, drained) {
            (Some(_), ..) => Exit::Fatal,
            (None, true, _) => Exit::Forced,
            (None, false, true) => Exit::Clean,
            (None, false, false) => Exit::DrainTimeout,
        };
        Summary { ledger, exit }
    }

    /// Handles one event of the source, or the end of a partition. Cancel safe: each wait is.
    async fn turn(&mut self) {
        tokio::select! {
            event = self.source.events.recv(), if !self.closed => match event {
                Ok(event) => self.handle(event),
                Err(_) => self.closed = true,
            },
            Some(ended) = self.tasks.join_next(), if !self.tasks.is_empty() => match ended {
                Ok((assignment, ledger)) => self.finished(assignment, ledger),
                Err(error) => {
                    // A fault of drakkar itself. Nothing of that partition can be committed any more: stop, visibly.
                    self.fail(SourceError {
                        class: drakkar_core::error::Class::Permanent,
                        message: format!("a partition task failed: {error}"),
                    });
                }
            },
            () = self.hooks.next(), if !self.hooks.is_idle() => {}
            else => self.closed = true,
        }
    }

    fn handle(&mut self, event: SourceEvent) {
        let events = &self.shared.events;
        match event {
            SourceEvent::Assigned(partitions) => {
                let assignments = partitions.iter().map(|p| p.assignment).collect();
                events.emit(&Event::Assigned { assignments });
                self.status.set(NotReady::Starting, false);
                let first = match (self.stopping, H::HOOKS.on_assign) {
                    (true, _) => Control::Drain,
                    (false, true) => Control::Hold,
                    (false, false) => Control::Run,
                };
                let mut held = Vec::new();
                for assigned in partitions {
                    let (control, watched) = watch::channel(first);
                    let (assignment, progress) = (assigned.assignment, assigned.progress.clone());
                    let report = self.status.start(assignment);
                    let channels = self.deliveries.channels();
                    let (partition, inbox) =
                        Partition::new(self.shared.clone(), assigned, channels, watched, report);
                    self.tasks.spawn(partition.run(inbox));
                    if first == Control::Hold {
                        held.push((assignment.partition, control.clone()));
                    }
                    self.partitions.insert(assignment, Entry { control, progress });
                }
                self.hooks.assigned(held);
            }
            SourceEvent::Revoking(assignments) => {
                self.tell(&assignments, Control::Drain);
                self.shared.events.emit(&Event::Revoking { assignments });
            }
            SourceEvent::Released { assignments, lost } => {
                self.tell(&assignments, Control::Release);
                let ledgers = assignments.iter().map(|a| (*a, self.status.ledger_of(*a))).collect();
                self.hooks.released(&assignments, |a| !self.partitions.contains_key(a));
                self.shared.events.emit(&Event::Released { ledgers, lost });
            }
            SourceEvent::Flow { assignment, paused } => events.emit(&Event::Flow { assignment, paused }),
            SourceEvent::Committed(offsets) => events.emit(&Event::Committed { offsets }),
            SourceEvent::CommitFailed { error, discarded } => {
                events.emit(&Event::CommitFailed { error, discarded });
            }
            SourceEvent::Lost { assignment, from, to } => {
                self.status.add_lost(to.0.saturating_sub(from.0).unsigned_abs());
                events.emit(&Event::OffsetsLost { assignment, from, to });
            }
            SourceEvent::Stalled { partitions } => {
                self.status.set(NotReady::SourceStalled, true);
                events.emit(&Event::SourceStalled {
                    assignments: partitions.iter().map(|p| p.assignment).collect(),
                });
            }
            SourceEvent::Recovered => {
                self.status.set(NotReady::SourceStalled, false);
                events.emit(&Event::SourceRecovered);
            }
            SourceEvent::Trouble(error) => events.emit(&Event::KafkaError { error }),
            SourceEvent::Fatal(error) => self.fail(error),
            SourceEvent::Closed { .. } => self.closed = true,
        }
    }

    fn fail(&mut self, error: SourceError) {
        tracing::error!(category = "lifecycle", %error, class = %error.class, "the worker cannot go on");
        self.fatal.get_or_insert(error);
    }

    fn tell(&self, assignments: &[Assignment], control: Control) {
        for entry in assignments.iter().filter_map(|a| self.partitions.get(a)) {
            entry.control.send_replace(control);
        }
    }

    fn finished(&mut self, assignment: Assignment, ledger: Ledger) {
        self.partitions.remove(&assignment);
        self.status.finish(assignment, ledger);
        self.hooks.ended(assignment);
    }

    /// Drains, commits, leaves the group. Returns whether everything in flight settled in time.
    async fn stop(&mut self, since: Instant) -> bool {
        self.stopping = true;
        self.status.set(NotReady::Stopping, true);
        self.source.control.stop_intake();
        let all: Vec<_> = self.partitions.keys().copied().collect();
        self.tell(&all, Control::Drain);
        let end = since + self.settings.grace;
        let kill_at = end - self.settings.kill_grace.min(self.settings.grace);
        let drained = self.wait_drained(kill_at).await;
        let mut settled = drained;
        if !drained {
            tracing::warn!(category = "lifecycle", "stopping children: the stop deadline is near");
            for assignment in self.partitions.keys() {
                self.shared.executor.cancel(*assignment);
            }
            // What the children left undone is given back; what they finished may still be delivered.
            settled = self.wait_drained(end).await;
        }
        if !settled {
            self.release_all();
        }
        self.source.control.close();
        let deadline = end + CLOSE_EXTRA - LAST_MOMENT;
        while !self.closed {
            tokio::select! {
                () = sleep_until(deadline) => {
                    tracing::warn!(category = "kafka", "left the group without its answer: the stop deadline passed");
                    break;
                }
                () = self.turn() => {}
            }
        }
        self.release_all();
        while !self.tasks.is_empty() {
            match self.tasks.join_next().await {
                Some(Ok((assignment, ledger))) => self.finished(assignment, ledger),
                Some(Err(error)) => {
                    tracing::error!(category = "partition", %error, "a partition task failed")
                }
                None => break,
            }
        }
        self.last_hooks(end).await;
        drained
    }

    /// What the handler is still told, and what of it still runs. Each has its own share of what is left of the time.
    async fn last_hooks(&mut self, end: Instant) {
        let deadline = end.max(Instant::now() + LAST_MOMENT);
        self.hooks.finish(deadline).await;
        self.background.stop(deadline).await;
        if H::HOOKS.on_shutdown {
            let shared = &self.shared;
            let left = deadline.max(Instant::now() + LAST_MOMENT) - Instant::now();
            let call = async { shared.handler.on_shutdown(&shared.ctx).await.map_err(HookFailure::from) };
            if let Err(HookFailure { error, .. }) = contain(left, call).await {
                shared.events.emit(&Event::WorkerHookFailed { hook: "on_shutdown", error });
            }
        }
    }

    fn release_all(&self) {
        let all: Vec<_> = self.partitions.keys().copied().collect();
        self.tell(&all, Control::Release);
    }

    /// Waits until every partition drained, or the deadline.
    async fn wait_drained(&mut self, deadline: Instant) -> bool {
        loop {
            if self.partitions.values().all(|p| p.progress.is_drained()) {
                return true;
            }
            let shared = self.shared.clone();
            tokio::select! {
                () = sleep_until(deadline) => return false,
                () = shared.drained.notified() => {}
                () = self.turn() => {}
            }
        }
    }

    /// Kills the children and ends. Nothing more is committed.
    async fn end_now(self) -> Summary {
        let limit = Instant::now() + Duration::from_secs(1);
        if timeout_at(limit, self.shared.executor.close(Duration::ZERO)).await.is_err() {
            tracing::error!(
                category = "executor",
                "children may be left behind: they did not end within a second"
            );
        }
        Summary { ledger: self.status.ledger(), exit: Exit::Forced }
    }
}

/// An orderly end is no crash, whatever hooks were given up for it.
async fn close_marker<H: Handler>(shared: Arc<Shared<H>>) {
    let close = move || shared.marker.as_ref().map_or(Ok(()), CrashMarker::close);
    let error = match tokio::task::spawn_blocking(close).await {
        Ok(Ok(())) => return,
        Ok(Err(error)) => drakkar_core::error::chain(&error).to_string(),
        Err(error) => error.to_string(),
    };
    tracing::warn!(category = "lifecycle", error, "the crash marker was not put away");
}
