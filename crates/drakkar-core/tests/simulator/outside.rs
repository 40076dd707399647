//! What lies around the workers: the clock, what is going to happen, the topic, the sinks, what was counted.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    fmt::Write,
};

use drakkar_core::{
    ids::{Assignment, SlotId, Time},
    pipeline::Letter,
};

use crate::{
    commits::Reply,
    due::Due,
    outbox::Flight,
    rng::Rng,
    setup::{Fault, Setup},
    stats::Stats,
    topic::Topic,
};

/// Something that is going to happen.
#[derive(Debug)]
pub(crate) enum Event {
    /// Records are written to the topic.
    Produce,
    /// Something happens to a worker, a partition, a sink.
    Disturb,
    /// A worker starts at this place.
    Start { place: usize },
    /// The group hands out what nobody owns.
    Balance,
    /// Something happens in the worker of this number, if it still lives.
    In { worker: u32, what: What },
}

/// Something that happens in a worker.
#[derive(Debug)]
pub(crate) enum What {
    Fetch(Assignment),
    Due(Assignment, Due),
    Tick(Assignment),
    AttemptDone {
        slot: SlotId,
        serial: u64,
    },
    Send {
        sink: usize,
    },
    Sent(Box<Flight>),
    SendLetters,
    Lettered(Assignment, Letter),
    Commit,
    /// The commit of this number was answered.
    CommitAnswered(u64, Reply),
    /// Looks whether partitions that go are done.
    LetGo,
    /// The group took a partition away; only now the worker hears of it.
    Lost(Assignment),
    /// Running programs are stopped: the end of the drain is near.
    CancelAll,
    /// A gate that was held shut may open.
    Regulate,
}

#[derive(Debug)]
struct Entry {
    at: u64,
    /// Decides between events of the same moment.
    tie: u64,
    event: Event,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.tie) == (other.at, other.tie)
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.tie).cmp(&(other.at, other.tie))
    }
}

/// Everything that is not a worker.
pub(crate) struct Outside {
    pub(crate) setup: Setup,
    pub(crate) rng: Rng,
    /// Microseconds since the run began.
    pub(crate) now: u64,
    pub(crate) topic: Topic,
    /// Whether each sink, and last the dead letter topic, is down.
    pub(crate) down: Vec<bool>,
    /// Nothing goes wrong any more.
    pub(crate) calm: bool,
    pub(crate) stats: Stats,
    events: BinaryHeap<Reverse<Entry>>,
    sequence: u64,
    trace: Option<VecDeque<String>>,
}

/// Lines of a trace that are kept.
const TRACE: usize = 100_000;

impl Outside {
    pub(crate) fn new(setup: Setup, traced: bool) -> Self {
        let mut rng = Rng::new(setup.run.seed);
        Self {
            topic: Topic::new(&setup, &mut rng),
            down: vec![false; setup.sinks + 1],
            rng,
            now: 0,
            calm: false,
            stats: Stats::default(),
            events: BinaryHeap::new(),
            sequence: 0,
            trace: traced.then(VecDeque::new),
            setup,
        }
    }

    pub(crate) fn time(&self) -> Time {
        Time(self.now)
    }

    /// Something happens after this many microseconds; events of one moment happen in any order.
    pub(crate) fn after(&mut self, wait: u64, event: Event) {
        let tie = (self.rng.draw() | 1 << 63).wrapping_add(self.sequence);
        self.push(self.now.saturating_add(wait), tie, event);
    }

    /// Something happens now, before everything else that is due now, in the order of these calls.
    pub(crate) fn at_once(&mut self, event: Event) {
        self.sequence += 1;
        self.push(self.now, self.sequence, event);
    }

    pub(crate) fn push(&mut self, at: u64, tie: u64, event: Event) {
        self.events.push(Reverse(Entry { at, tie, event }));
    }

    /// The next thing that happens, with its place among those of its moment. Time goes on to its moment.
    pub(crate) fn next(&mut self) -> Option<(u64, Event)> {
        let Reverse(entry) = self.events.pop()?;
        self.now = self.now.max(entry.at);
        Some((entry.tie, entry.event))
    }

    pub(crate) fn in_worker(&mut self, wait: u64, worker: u32, what: What) {
        self.after(wait, Event::In { worker, what });
    }

    /// Whether something of this kind goes wrong that goes wrong in so many of a hundred cases.
    pub(crate) fn goes_wrong(&mut self, percent: u64) -> bool {
        !self.calm && self.rng.percent(percent)
    }

    pub(crate) fn has(&self, fault: Fault) -> bool {
        !self.calm && self.setup.run.has(fault)
    }

    /// Notes a line of what happens, if anybody wants to read it.
    pub(crate) fn note(&mut self, line: impl FnOnce() -> String) {
        let now = self.now;
        if let Some(trace) = &mut self.trace {
            if trace.len() >= TRACE {
                trace.pop_front();
            }
            let mut text = String::new();
            write!(text, "{:>12.3} ms  ", now as f64 / 1000.0).expect("a text takes everything");
            text.push_str(&line());
            trace.push_back(text);
        }
    }

    pub(crate) fn take_trace(&mut self) -> Vec<String> {
        self.trace.take().map(Vec::from).unwrap_or_default()
    }
}
