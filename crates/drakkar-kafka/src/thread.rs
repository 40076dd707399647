//! The loop of the thread that owns the consumer.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use drakkar_core::{
    bytes_in_hand::ByteLedger,
    commit::{Commits, Pace},
    ids::Time,
    source::SourceEvent,
};
use rdkafka::{
    Message,
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
};

use crate::{
    Settings,
    assignment::Assignments,
    close,
    context::{Context, Notice},
    control::Control,
    forward,
    rebalance::Revoking,
};

/// The longest wait for a record while nothing else is due.
const IDLE: Duration = Duration::from_millis(100);
/// The longest wait while something is: a partition to resume, a drain, an answer to a commit.
const BUSY: Duration = Duration::from_millis(5);
/// Between two looks at the queues while they are full enough.
const THROTTLE: Duration = Duration::from_millis(2);
/// The longest time to throttle: what takes longer to drain is paused instead, so that others are not kept waiting.
const THROTTLE_AT_MOST: Duration = Duration::from_millis(100);
/// The same error is reported once in this time.
const QUIET: Duration = Duration::from_secs(10);

pub(crate) struct SourceThread {
    pub(crate) consumer: BaseConsumer<Context>,
    pub(crate) settings: Settings,
    pub(crate) bytes: Arc<ByteLedger>,
    pub(crate) assignments: Assignments,
    pub(crate) commits: Commits,
    pub(crate) revoking: Option<Revoking>,
    pub(crate) failed: bool,
    events: async_channel::Sender<SourceEvent>,
    /// Events that found no room in the channel.
    backlog: VecDeque<SourceEvent>,
    /// Rebalances that wait for the one before them.
    rebalances: VecDeque<Notice>,
    control: Arc<Control>,
    topic: Arc<str>,
    started: Instant,
    bytes_full: bool,
    throttled: Option<Instant>,
    reported: BTreeMap<String, Instant>,
}

impl SourceThread {
    pub(crate) fn new(
        consumer: BaseConsumer<Context>,
        settings: Settings,
        bytes: Arc<ByteLedger>,
        events: async_channel::Sender<SourceEvent>,
        control: Arc<Control>,
    ) -> Self {
        let pace = Pace { interval: settings.commit_interval, timeout: settings.commit_timeout };
        Self {
            consumer,
            topic: settings.topic.as_str().into(),
            settings,
            bytes,
            assignments: Assignments::default(),
            commits: Commits::new(pace),
            revoking: None,
            failed: false,
            events,
            backlog: VecDeque::new(),
            rebalances: VecDeque::new(),
            control,
            started: Instant::now(),
            bytes_full: false,
            throttled: None,
            reported: BTreeMap::new(),
        }
    }

    pub(crate) fn run(mut self) {
        while !self.failed && !self.control.closing() && !self.events.is_closed() {
            if self.control.take_subscribe()
                && let Err(error) = self.consumer.subscribe(&[&self.settings.topic])
            {
                self.fatal(format!("failed to subscribe to `{}`: {error}", self.settings.topic));
            }
            self.turn();
        }
        self.close();
    }

    /// Polls once and does everything that is due.
    fn turn(&mut self) {
        if self.throttle() {
            // One record at most: the poll is there for everything else that librdkafka has to say.
            std::thread::park_timeout(THROTTLE);
            self.poll(Duration::ZERO, 1);
        } else {
            let wait = if self.is_busy() { BUSY } else { IDLE };
            self.poll(wait, self.settings.max_poll_records.max(1));
        }
        self.notices();
        for assigned in self.assignments.partitions.values_mut() {
            assigned.flush();
        }
        self.flow();
        self.revoke_step();
        self.commit();
        self.send_backlog();
    }

    fn is_busy(&self) -> bool {
        self.revoking.is_some()
            || self.commits.is_waiting()
            || !self.backlog.is_empty()
            || self.assignments.partitions.values().any(|a| a.paused || !a.pending.is_empty())
    }

    /// Whether to leave records where they are for a moment, as every queue that is used is half full.
    ///
    /// A pause would throw away what was prefetched; where the queues drain within a blink, waiting is far cheaper.
    fn throttle(&mut self) -> bool {
        let most = self.settings.queue_max_messages as u64;
        let mark = if self.throttled.is_some() { most / 4 } else { most / 2 };
        let mut used =
            self.assignments.partitions.values().filter(|a| !a.paused && a.progress.queued() > 0).peekable();
        if used.peek().is_none() || used.any(|a| a.progress.queued() < mark) {
            self.throttled = None;
            return false;
        }
        self.throttled.get_or_insert_with(Instant::now).elapsed() < THROTTLE_AT_MOST
    }

    fn poll(&mut self, mut wait: Duration, most: usize) {
        for _ in 0..most {
            match self.consumer.poll(std::mem::take(&mut wait)) {
                None => return,
                Some(Ok(message)) => {
                    let Some(assigned) = self.assignments.partitions.get_mut(&message.partition()) else {
                        continue;
                    };
                    if assigned.revoking || message.offset() < assigned.next || self.control.intake_stopped()
                    {
                        continue;
                    }
                    assigned.next = message.offset() + 1;
                    let record = forward::record(&self.topic, &message);
                    self.bytes.take(record.size());
                    assigned.pending.push(record);
                }
                Some(Err(error)) => {
                    self.poll_error(&error);
                    return;
                }
            }
        }
    }

    fn poll_error(&mut self, error: &KafkaError) {
        match error {
            KafkaError::MessageConsumptionFatal(_) => {
                self.fatal(format!("the consumer failed for good: {error}"))
            }
            _ => self.trouble(error.to_string()),
        }
    }

    fn notices(&mut self) {
        while let Some(notice) = self.consumer.context().take() {
            match notice {
                Notice::Assign(_) | Notice::Revoke { .. } => self.rebalances.push_back(notice),
                Notice::Committed(offsets) => {
                    self.commits.acknowledged(&offsets);
                    self.emit(SourceEvent::Committed(offsets));
                }
                Notice::CommitFailed { code } => self.commit_failed(code),
                Notice::Error { error, reason } => {
                    if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal) {
                        self.fatal(format!("the client failed for good: {reason}"));
                    } else {
                        self.trouble(reason);
                    }
                }
            }
        }
        while self.revoking.is_none() {
            match self.rebalances.pop_front() {
                Some(Notice::Assign(partitions)) => self.assign(&partitions),
                Some(Notice::Revoke { partitions, lost }) => self.revoke(partitions, lost),
                _ => return,
            }
        }
    }

    /// Pauses and resumes, once per edge.
    fn flow(&mut self) {
        self.bytes_full = if self.bytes_full { !self.bytes.has_room() } else { self.bytes.is_full() };
        let hold_all = self.bytes_full || self.control.intake_stopped();
        let most = self.settings.queue_max_messages;
        let mut edges = (Vec::new(), Vec::new());
        for (partition, assigned) in &mut self.assignments.partitions {
            let pause = assigned.wants_pause(hold_all, most);
            if pause != assigned.paused {
                assigned.paused = pause;
                if pause { &mut edges.0 } else { &mut edges.1 }.push((*partition, assigned.assignment));
            }
        }
        for (edge, paused) in [(edges.0, true), (edges.1, false)] {
            if edge.is_empty() {
                continue;
            }
            let list = self.list(&edge.iter().map(|(p, _)| *p).collect::<Vec<_>>());
            let done = if paused { self.consumer.pause(&list) } else { self.consumer.resume(&list) };
            if let Err(error) = done {
                self.trouble(format!(
                    "failed to {} fetching: {error}",
                    if paused { "pause" } else { "resume" }
                ));
            }
            for (_, assignment) in edge {
                self.emit(SourceEvent::Flow { assignment, paused });
            }
        }
    }

    /// Commits what is left, then leaves the group.
    fn close(mut self) {
        self.commits.force();
        let until = Instant::now() + self.settings.commit_timeout.min(Duration::from_secs(5));
        while !self.failed && Instant::now() < until {
            self.turn();
            let current = self.assignments.partitions.values().map(|a| a.assignment);
            if self.commits.is_clean(current) && !self.commits.is_waiting() {
                break;
            }
        }
        let partitions: Vec<i32> = self.assignments.partitions.keys().copied().collect();
        let released = self.assignments.remove(&partitions, &self.bytes);
        if !released.is_empty() {
            self.emit(SourceEvent::Released { assignments: released, lost: false });
        }
        self.consumer.context().close();
        let orderly = close::drop_within(self.consumer, self.settings.close_timeout);
        self.backlog.push_back(SourceEvent::Closed { orderly });
        for event in self.backlog {
            // The thread ends here: it may wait for room, but not for a runtime that is gone.
            if self.events.send_blocking(event).is_err() {
                return;
            }
        }
    }

    /// Reports an error that passes by itself, but not again and again.
    pub(crate) fn trouble(&mut self, error: String) {
        let now = Instant::now();
        self.reported.retain(|_, at| now.duration_since(*at) < QUIET);
        // The same error differs in its numbers: ports, milliseconds, counts of failed brokers.
        let kind: String = error.chars().filter(|c| !c.is_ascii_digit()).collect();
        if self.reported.insert(kind, now).is_none() {
            self.emit(SourceEvent::Trouble(error));
        }
    }

    pub(crate) fn emit(&mut self, event: SourceEvent) {
        self.backlog.push_back(event);
        self.send_backlog();
    }

    fn send_backlog(&mut self) {
        while let Some(event) = self.backlog.pop_front() {
            if let Err(error) = self.events.try_send(event) {
                if let async_channel::TrySendError::Full(event) = error {
                    self.backlog.push_front(event);
                }
                return;
            }
        }
    }

    pub(crate) fn now(&self) -> Time {
        Time(u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX))
    }
}
