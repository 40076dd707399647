//! The task that owns one epoch of one partition.

mod effects;
pub(crate) mod hooks;
mod letters;
mod outputs;
mod results;
mod store;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use drakkar_core::{
    bytes_in_hand::ByteLedger,
    context::Context,
    error::Class,
    event::Events,
    executor::Executor,
    handler::Handler,
    ids::{Assignment, Offset, PartitionId, Seq, TaskKey, Time, WindowId},
    ledger::Ledger,
    message::Record,
    payload::{Payload, SinkKind},
    pending::Pending,
    pipeline::{self, Effect, Input, Parse, Pipeline, Rules, Suspicion},
    source::{AssignedPartition, Progress},
    task::Task,
};
use futures_util::{StreamExt, future::select_all, stream::FuturesUnordered};
use smallvec::SmallVec;
use tokio::{
    sync::{mpsc, watch},
    time::sleep_until,
};

use self::{
    hooks::{HookCall, HookDone, Parked},
    letters::PendingLetter,
    outputs::FailedOutputs,
    store::{Messages, OpenWindow, Tasks},
};
use crate::{
    clock::Clock,
    crash_marker::{CrashMarker, MarkerSlot, Suspects},
    dead_letter::{Cause, Stage},
    delivery::Parcel,
    gate::TaskGate,
    port::{Answer, AttemptEnd, Port, Tag},
    routes::Routes,
    status::PartitionReport,
};

/// What all partitions of a worker share.
pub(crate) struct Shared<H: Handler> {
    pub(crate) handler: H,
    pub(crate) ctx: Context,
    pub(crate) rules: Rules,
    pub(crate) parse_policy: Parse,
    /// Time for one call of a hook; zero for any.
    pub(crate) hook_timeout: Duration,
    pub(crate) routes: Routes,
    pub(crate) sink_names: Vec<(SinkKind, Arc<str>)>,
    pub(crate) executor: Arc<dyn Executor>,
    pub(crate) bytes: Arc<ByteLedger>,
    pub(crate) events: Events,
    pub(crate) clock: Clock,
    pub(crate) gate: TaskGate,
    /// Notes which messages hooks are busy with, should the process die of one.
    pub(crate) marker: Option<CrashMarker>,
    pub(crate) suspects: Suspects,
    /// Tells the worker that a partition drained.
    pub(crate) drained: tokio::sync::Notify,
}

/// A partition's own hold on what is shared: hook calls count their references here, where no other partition does.
pub(crate) struct Local<H: Handler>(Arc<Shared<H>>);

impl<H: Handler> std::ops::Deref for Local<H> {
    type Target = Shared<H>;

    fn deref(&self) -> &Shared<H> {
        &self.0
    }
}

/// What a partition is told from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    /// Take no message yet.
    Hold,
    /// Work.
    Run,
    /// Start no window any more.
    Drain,
    /// The partition is gone.
    Release,
}

/// Attempts of one partition that may be under way at once; more wait here.
const ATTEMPTS: usize = 16 * 1024;
/// Answer batches that may wait for a partition.
const ANSWERS: usize = 1024;
/// Inputs taken in one turn of the loop.
const TURN: usize = 256;
/// Results fed between two looks at the clock.
const CLOCK: usize = 32;
/// Results fed between two sends.
const READY: usize = 1024;

/// The channels of a worker's sinks, the dead letter topic last.
pub(crate) type SinkChannels = Arc<[mpsc::Sender<Parcel>]>;

pub(crate) struct Partition<H: Handler> {
    shared: Arc<Local<H>>,
    assignment: Assignment,
    progress: Arc<Progress>,
    pipeline: Pipeline,
    effects: Vec<Effect>,
    messages: Messages<H::Input>,
    tasks: Tasks,
    /// Windows whose hook is still to be called, where there is one.
    windows: BTreeMap<WindowId, OpenWindow<H::Input>>,
    /// Tasks with an id of their own, for `arrange` to look at.
    pending: Pending,
    /// What the hook that just ended returned.
    outgoing: Vec<Payload>,
    failed: FailedOutputs,
    /// The box of a call that ended where it stood.
    spare: Option<HookCall>,
    /// Where the hook that runs now is noted.
    mark: MarkerSlot,
    /// Hook calls that wait for something.
    calls: FuturesUnordered<Parked>,
    /// Hook calls and precomputed results that are done and not yet told to the pipeline.
    ready: VecDeque<Ready>,
    /// Jobs that found no place in the attempts channel.
    unsubmitted: VecDeque<TaskKey>,
    port: Arc<Port>,
    attempts: mpsc::Sender<AttemptEnd>,
    sinks: SinkChannels,
    /// What goes to each sink with the next send.
    outboxes: Vec<Vec<(Tag, Payload)>>,
    /// Dead letters that are not acknowledged.
    letters: Vec<PendingLetter>,
    /// The messages of the window whose `arrange` runs.
    arranging: Vec<Seq>,
    report: Arc<PartitionReport>,
    /// Whether enough slots are free for another window.
    gate: watch::Receiver<bool>,
    /// What the pipeline was told of it last.
    may_start: bool,
    /// The time, read once for many steps.
    now: Time,
}

enum Ready {
    Unparsed { message: Seq, policy: Parse },
    Hook(HookDone),
    Precomputed(TaskKey),
}

/// The receiving ends that only the loop uses.
pub(crate) struct Inbox {
    batches: async_channel::Receiver<Vec<Record>>,
    answers: mpsc::Receiver<Vec<Answer>>,
    attempts: mpsc::Receiver<AttemptEnd>,
    control: watch::Receiver<Control>,
}

impl<H: Handler> Partition<H> {
    pub(crate) fn new(
        shared: Arc<Shared<H>>,
        assigned: AssignedPartition,
        sinks: SinkChannels,
        control: watch::Receiver<Control>,
        report: Arc<PartitionReport>,
    ) -> (Self, Inbox) {
        let (answers_tx, answers) = mpsc::channel(ANSWERS);
        let (attempts_tx, attempts) = mpsc::channel(ATTEMPTS);
        let assignment = assigned.assignment;
        let seed = u64::from(assignment.epoch.0) << 32 | u64::from(assignment.partition.0 as u32);
        let gate = shared.gate.watch();
        let mark = slot(&shared, assignment);
        let partition = Self {
            gate,
            may_start: true,
            now: shared.clock.now(),
            pipeline: Pipeline::new(shared.rules, seed)
                .with_suspects(suspects_of(&shared.suspects, assignment.partition)),
            shared: Arc::new(Local(shared)),
            assignment,
            progress: assigned.progress,
            effects: Vec::new(),
            messages: Messages::new(),
            tasks: Tasks::default(),
            windows: BTreeMap::new(),
            pending: Pending::default(),
            outgoing: Vec::new(),
            failed: FailedOutputs::default(),
            spare: None,
            mark,
            calls: FuturesUnordered::new(),
            ready: VecDeque::new(),
            unsubmitted: VecDeque::new(),
            port: Arc::new(Port::new(assignment, answers_tx)),
            attempts: attempts_tx,
            outboxes: vec![Vec::new(); sinks.len()],
            sinks,
            letters: Vec::new(),
            arranging: Vec::new(),
            report,
        };
        (partition, Inbox { batches: assigned.batches, answers, attempts, control })
    }

    /// Runs until the partition is released. Returns what became of its messages.
    pub(crate) async fn run(mut self, mut inbox: Inbox) -> (Assignment, Ledger) {
        let mut source_open = true;
        // Also an instruction that was given before this task first ran is one.
        inbox.control.mark_changed();
        let mut holding = true;
        let mut attempts = Vec::with_capacity(TURN);
        let sinks = self.sinks.clone();
        let mut gate = self.gate.clone();
        loop {
            self.settle_ready().await;
            if self.pipeline.is_drained() && !self.progress.is_drained() {
                self.progress.set_drained();
                self.shared.drained.notify_one();
            }
            let tick = self.pipeline.next_tick().map(|t| self.shared.clock.instant(t));
            let waiting: SmallVec<[usize; 4]> =
                (0..self.outboxes.len()).filter(|sink| !self.outboxes[*sink].is_empty()).collect();
            tokio::select! {
                // The order matters: control first, then what ends work, then what starts it.
                biased;
                changed = inbox.control.changed() => {
                    self.look_at_clock();
                    // A dropped control means that the worker is gone.
                    let control = changed.map_or(Control::Release, |()| *inbox.control.borrow_and_update());
                    match control {
                        Control::Hold => {}
                        Control::Run => holding = false,
                        Control::Drain => self.step(Input::Drain),
                        Control::Release => return self.release(&mut inbox),
                    }
                }
                Some(answers) = inbox.answers.recv() => {
                    self.look_at_clock();
                    self.answers(answers);
                    while let Ok(more) = inbox.answers.try_recv() {
                        self.answers(more);
                    }
                }
                count = inbox.attempts.recv_many(&mut attempts, TURN), if attempts.is_empty() => {
                    debug_assert!(count > 0, "the partition itself keeps a sender");
                    self.look_at_clock();
                    for attempt in attempts.drain(..) {
                        self.attempt_ended(attempt);
                    }
                    self.submit_waiting();
                }
                Some(done) = self.calls.next(), if !self.calls.is_empty() => {
                    self.look_at_clock();
                    self.hook_done(done);
                }
                Some((permit, sink)) = reserve_any(&sinks, &waiting), if !waiting.is_empty() => {
                    let items = std::mem::take(&mut self.outboxes[sink]);
                    permit.send(Parcel { port: self.port.clone(), items });
                }
                changed = gate.changed(), if !self.may_start => {
                    debug_assert!(changed.is_ok(), "the gate lives as long as the worker");
                }
                () = sleep_until(tick.unwrap_or_else(tokio::time::Instant::now)), if tick.is_some() => {
                    self.look_at_clock();
                    self.step(Input::Tick);
                }
                batch = inbox.batches.recv(), if source_open && !holding => match batch {
                    Ok(batch) => {
                        self.look_at_clock();
                        self.records(batch);
                        while let Ok(more) = inbox.batches.try_recv() {
                            self.records(more);
                        }
                    }
                    Err(_) => source_open = false,
                },
            }
        }
    }

    /// Reads the time, which many steps then share.
    fn look_at_clock(&mut self) {
        self.now = self.shared.clock.now();
    }

    fn records(&mut self, batch: Vec<Record>) {
        let now = self.now;
        let mut offsets = Vec::with_capacity(batch.len());
        for record in batch {
            offsets.push(record.offset);
            let (offset, size) = (record.offset, record.size());
            self.messages.push(record, size, now);
            if !self.shared.suspects.is_empty() {
                self.bar_poison(offset);
            }
        }
        self.step(Input::Records(&offsets));
    }

    /// No hook sees a message that killed the process too often. The pipeline dead-letters it; this says why.
    fn bar_poison(&mut self, offset: Offset) {
        let partition = self.assignment.partition;
        if !self.shared.suspects.is_poison(partition, offset) {
            return;
        }
        let crashes = self.shared.suspects.crashes(partition, offset);
        if let Some(held) = self.messages.last_mut() {
            held.barred = true;
            let error =
                format!("the worker died {crashes} times in a row while a hook was busy with this message");
            held.cause = Some(Box::new((Cause::new(Stage::Crash, error, Class::Permanent, crashes), 0)));
        }
    }

    /// Feeds everything that is ready, and sends what that produced.
    async fn settle_ready(&mut self) {
        loop {
            for count in 0..READY {
                if count % CLOCK == 0 {
                    self.look_at_clock();
                }
                match self.ready.pop_front() {
                    None => break,
                    Some(Ready::Unparsed { message, policy }) => {
                        self.step(Input::Unparsed { message, policy });
                    }
                    Some(Ready::Hook(done)) => self.hook_done(done),
                    Some(Ready::Precomputed(task)) => self.precomputed(task),
                }
            }
            self.flush();
            self.regulate();
            self.report.update(*self.pipeline.ledger(), self.messages.oldest());
            if self.ready.is_empty() {
                return;
            }
            // A long row of results that were ready at once must not keep its neighbours from running.
            tokio::task::yield_now().await;
        }
    }

    /// Sends what fits into the sinks' channels; the rest waits for room.
    fn flush(&mut self) {
        for (sink, outbox) in self.outboxes.iter_mut().enumerate() {
            if outbox.is_empty() {
                continue;
            }
            match self.sinks[sink].try_reserve() {
                Ok(permit) => permit.send(Parcel { port: self.port.clone(), items: std::mem::take(outbox) }),
                Err(mpsc::error::TrySendError::Full(())) => {}
                Err(mpsc::error::TrySendError::Closed(())) => {
                    tracing::error!(
                        category = "sink",
                        "a delivery task ended while its partition still runs"
                    );
                }
            }
        }
    }

    /// Holds windows back while tasks wait for slots, or outputs for room in their sink.
    fn regulate(&mut self) {
        let may_start = *self.gate.borrow() && self.outboxes.iter().all(Vec::is_empty);
        if may_start != self.may_start {
            self.may_start = may_start;
            self.step(Input::Gate { open: may_start });
        }
    }

    fn step(&mut self, input: Input<'_>) {
        self.step_planned(input, &[]);
    }

    /// Takes a step whose input plans these tasks.
    fn step_planned(&mut self, input: Input<'_>, planned: &[Arc<Task>]) {
        let mut effects = std::mem::take(&mut self.effects);
        self.pipeline.step(self.now, input, &mut effects);
        for effect in effects.drain(..) {
            self.perform(effect, planned);
        }
        self.effects = effects;
    }

    /// Gives everything back and ends.
    fn release(mut self, inbox: &mut Inbox) -> (Assignment, Ledger) {
        self.port.release();
        self.shared.executor.cancel(self.assignment);
        // Records that never reached the pipeline were never consumed: only their bytes are given back.
        inbox.batches.close();
        while let Ok(batch) = inbox.batches.try_recv() {
            self.shared.bytes.give(batch.iter().map(Record::size).sum());
        }
        self.step(Input::Release);
        let mut gated = 0;
        for task in self.tasks.drain() {
            gated += usize::from(task.gated);
            self.shared.bytes.give(task.size);
        }
        self.shared.gate.leave(gated);
        for (_, payload) in self.outboxes.drain(..).flatten() {
            self.shared.bytes.give(payload.size());
        }
        let ledger = *self.pipeline.ledger();
        self.report.update(ledger, None);
        (self.assignment, ledger)
    }
}

/// Offsets of one range of suspects that are looked at.
const MOST_SUSPECTS: usize = 100_000;

/// A place to note hook calls of this partition.
fn slot<H: Handler>(shared: &Shared<H>, assignment: Assignment) -> MarkerSlot {
    shared.marker.as_ref().map(|marker| marker.slot(assignment.partition)).unwrap_or_default()
}

/// What earlier crashes say against messages of a partition.
fn suspects_of(suspects: &Suspects, partition: PartitionId) -> pipeline::Suspects {
    let of_partition = suspects.iter().filter(|suspect| suspect.partition == partition);
    // A range can be long where the topic has gaps; a window is never longer than this.
    let offsets = of_partition.flat_map(|s| (s.first.0..=s.last.0).map(Offset).take(MOST_SUSPECTS));
    let suspicion = |offset| match suspects.is_poison(partition, offset) {
        true => Suspicion::Poison,
        false => Suspicion::Alone,
    };
    offsets.map(|offset| (offset, suspicion(offset))).collect()
}

/// Waits for room in whichever of these sinks has it first: one that is down must not hold up the others.
async fn reserve_any<'a>(
    sinks: &'a SinkChannels,
    waiting: &[usize],
) -> Option<(mpsc::Permit<'a, Parcel>, usize)> {
    let reserve = |&sink: &usize| {
        Box::pin(async move { sinks[sink].reserve().await.ok().map(|permit| (permit, sink)) })
    };
    select_all(waiting.iter().map(reserve)).await.0
}
