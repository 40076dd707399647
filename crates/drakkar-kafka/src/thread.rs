//! The loop of the thread that owns the consumer.

use std::{
    collections::VecDeque,
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
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
};

use crate::{
    Settings,
    assignment::Assignments,
    classify,
    context::{Context, Notice},
    control::Control,
    outbox::Outbox,
    rebalance::{Rejoin, Revoking},
    wake::Credentials,
    watchdog::Watchdog,
};

/// The longest wait for a record while nothing else is due.
const IDLE: Duration = Duration::from_millis(100);
/// The longest wait while something is: a partition to resume, a drain, an answer to a commit.
const BUSY: Duration = Duration::from_millis(5);
/// Between two looks at the queues while they are full enough.
const THROTTLE: Duration = Duration::from_millis(2);
/// Between two looks at all partitions under load, so that what a message costs does not grow with their number.
const SCAN: Duration = Duration::from_millis(10);
/// Offsets a partition may be ahead of its last commit: what a crash repeats at most, beyond a commit's interval.
const ADVANCE: u64 = 200_000;

/// Time after which the answer to a commit is lost for good. librdkafka keeps a commit while the broker is away, and sends it
/// when it is back; until it says how that went, another one could be overtaken by it and the group go back.
const COMMIT_LOST: Duration = Duration::from_secs(300);

pub(crate) struct SourceThread {
    pub(crate) consumer: BaseConsumer<Context>,
    pub(crate) settings: Settings,
    pub(crate) topic: Arc<str>,
    pub(crate) bytes: Arc<ByteLedger>,
    pub(crate) control: Arc<Control>,
    pub(crate) outbox: Outbox,
    pub(crate) assignments: Assignments,
    pub(crate) commits: Commits,
    /// The commit that was reported to wait too long, by its start.
    pub(crate) late_commit: Option<Time>,
    pub(crate) revoking: Option<Revoking>,
    pub(crate) rejoin: Rejoin,
    pub(crate) watchdog: Watchdog,
    pub(crate) pace: Pace,
    pub(crate) credentials: Credentials,
    pub(crate) failed: bool,
    /// Partitions that got records in this turn.
    pub(crate) touched: Vec<i32>,
    /// Whether any partition was seen paused, or with records that did not fit.
    pub(crate) held: bool,
    pub(crate) bytes_full: bool,
    pub(crate) throttled: Option<Instant>,
    /// Rebalances that wait for the one before them.
    pub(crate) rebalances: VecDeque<Notice>,
    started: Instant,
    scanned: Instant,
}

impl SourceThread {
    pub(crate) fn new(
        consumer: BaseConsumer<Context>,
        settings: Settings,
        bytes: Arc<ByteLedger>,
        events: async_channel::Sender<SourceEvent>,
        control: Arc<Control>,
    ) -> Self {
        let timeout = settings.commit_timeout.max(COMMIT_LOST);
        let pace = Pace { interval: settings.commit_interval, timeout, advance: ADVANCE };
        let now = Instant::now();
        Self {
            consumer,
            topic: settings.topic.as_str().into(),
            credentials: Credentials::of(&settings),
            settings,
            bytes,
            control,
            outbox: Outbox::new(events),
            assignments: Assignments::default(),
            commits: Commits::new(pace),
            late_commit: None,
            revoking: None,
            rejoin: Rejoin::default(),
            watchdog: Watchdog::default(),
            pace,
            failed: false,
            touched: Vec::new(),
            held: false,
            bytes_full: false,
            throttled: None,
            rebalances: VecDeque::new(),
            started: now,
            scanned: now,
        }
    }

    /// Runs until it is asked to close, nobody listens any more, or it cannot go on.
    pub(crate) fn run(mut self) {
        while !self.failed && !self.control.closing() && !self.outbox.is_closed() {
            if self.control.take_subscribe() {
                self.subscribe();
            }
            self.turn();
        }
        self.close();
    }

    /// Polls once and does everything that is due.
    pub(crate) fn turn(&mut self) {
        if self.throttle(Instant::now()) {
            // One record at most: the poll is there for everything else that librdkafka has to say.
            std::thread::park_timeout(THROTTLE);
            self.poll(Duration::ZERO, 1);
        } else {
            let wait = if self.is_busy() { BUSY } else { IDLE };
            self.poll(wait, self.settings.max_poll_records.max(1));
        }
        let now = Instant::now();
        self.notices(now);
        let scan =
            self.revoking.is_some() || self.control.closing() || now.duration_since(self.scanned) >= SCAN;
        if scan {
            self.scanned = now;
            for assigned in self.assignments.iter_mut() {
                assigned.flush();
            }
            self.held = self.assignments.iter().any(|a| a.paused || !a.pending.is_empty());
        }
        self.flow(scan);
        if scan {
            self.revoke_step(now);
            self.rejoin_step();
            self.report_lost();
            self.watch(now);
            self.commit(self.time(now));
        }
        self.outbox.flush();
    }

    fn is_busy(&self) -> bool {
        self.held || self.revoking.is_some() || self.commits.is_waiting() || self.outbox.has_backlog()
    }

    fn notices(&mut self, now: Instant) {
        while let Some(notice) = self.consumer.context().take() {
            match notice {
                Notice::Assign(_) | Notice::Revoke { .. } => self.rebalances.push_back(notice),
                Notice::Commit(answer) => self.commit_answered(answer, self.time(now)),
                Notice::Error { code: RDKafkaErrorCode::Fatal, reason } => self.client_failed(&reason),
                Notice::Error { reason, .. } => self.outbox.trouble(reason),
            }
        }
        // Strictly in order: the next one waits until the partitions of the one before are gone.
        while self.revoking.is_none() {
            match self.rebalances.pop_front() {
                Some(Notice::Assign(partitions)) => self.assign(&partitions),
                Some(Notice::Revoke { partitions, lost }) => self.revoke(partitions, lost),
                _ => return,
            }
        }
    }

    pub(crate) fn poll_error(&mut self, error: &KafkaError) {
        match error {
            KafkaError::MessageConsumptionFatal(_) => self.client_failed(&error.to_string()),
            _ => {
                let help = error.rdkafka_error_code().map(classify::remedy).unwrap_or_default();
                self.outbox.trouble(format!("reading topic `{}` failed: {error}{help}", self.settings.topic));
            }
        }
    }

    /// The client stopped for good.
    fn client_failed(&mut self, reason: &str) {
        let cause = self.consumer.client().fatal_error();
        let code = cause.map_or(RDKafkaErrorCode::Fatal, |(code, _)| code);
        let help = classify::remedy(code);
        self.fatal(classify::class(code), format!("the Kafka client cannot go on: {reason}{help}"));
    }

    fn time(&self, now: Instant) -> Time {
        Time::default().after(now.duration_since(self.started))
    }
}
