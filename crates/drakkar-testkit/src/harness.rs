//! The harness: puts a worker together from parts in memory and runs it until everything settled.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use drakkar_core::{
    bytes_in_hand::ByteLedger,
    config::Config,
    context::Context,
    event::{Events, Subscriber},
    executor::Executor,
    handler::Handler,
    ids::{Offset, PartitionId},
    ledger::Ledger,
    message::Record,
    payload::{Content, Payload, SinkKind},
    sink::Sink,
    source::Progress,
};
use drakkar_runtime::{NamedSink, OffloadPool, Parts, Settings, Stop, StopHandle, Worker, required_sinks};
use serde::Serialize;
use serde_json::Value;

use crate::{FakeExecutor, MemorySink, source::MemorySource};

/// A run of a handler, being prepared.
pub struct Harness<H: Handler> {
    handler: H,
    config: Config,
    records: BTreeMap<PartitionId, Vec<Record>>,
    executor: Arc<dyn Executor>,
    sinks: BTreeMap<(SinkKind, String), MemorySink>,
    subscribers: Vec<Arc<dyn Subscriber>>,
    time_limit: Duration,
}

impl<H: Handler> Harness<H> {
    /// A harness for this handler. Its sinks are those the outputs name, all in memory; its tasks succeed without output
    /// until [`Harness::executor`] says otherwise.
    pub fn new(handler: H) -> Self {
        let sinks = required_sinks::<H>()
            .iter()
            .map(|route| {
                let name = if route.sink.is_empty() { "default" } else { route.sink };
                ((route.kind, name.to_owned()), MemorySink::new(route.kind))
            })
            .collect();
        Self {
            handler,
            config: Config::default(),
            records: BTreeMap::new(),
            executor: Arc::new(FakeExecutor::exit(0)),
            sinks,
            subscribers: Vec::new(),
            time_limit: Duration::from_secs(30),
        }
    }

    /// Uses this configuration.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Runs tasks with this executor: a [`FakeExecutor`], or a real process pool.
    #[must_use]
    pub fn executor(mut self, executor: impl Executor + 'static) -> Self {
        self.executor = Arc::new(executor);
        self
    }

    /// Replaces a sink, for example by one that refuses payloads.
    #[must_use]
    pub fn sink(mut self, name: &str, sink: MemorySink) -> Self {
        self.sinks.insert((sink.kind(), name.to_owned()), sink);
        self
    }

    /// Tells this subscriber what happens.
    #[must_use]
    pub fn subscriber(mut self, subscriber: Arc<dyn Subscriber>) -> Self {
        self.subscribers.push(subscriber);
        self
    }

    /// Adds a message whose value is `value` as JSON.
    ///
    /// # Panics
    /// When `value` has no JSON form.
    #[must_use]
    pub fn json(self, partition: i32, value: &impl Serialize) -> Self {
        let bytes = serde_json::to_vec(value).expect("the value has a JSON form");
        self.bytes(partition, bytes)
    }

    /// Adds a message with these bytes as value.
    #[must_use]
    pub fn bytes(self, partition: i32, value: impl AsRef<[u8]>) -> Self {
        self.record(partition, None, Some(Bytes::copy_from_slice(value.as_ref())))
    }

    /// Adds a message without a value.
    #[must_use]
    pub fn tombstone(self, partition: i32, key: &str) -> Self {
        self.record(partition, Some(Bytes::copy_from_slice(key.as_bytes())), None)
    }

    /// Gives up waiting for the end after this time; 30 s by default.
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = limit;
        self
    }

    fn record(mut self, partition: i32, key: Option<Bytes>, value: Option<Bytes>) -> Self {
        let partition = PartitionId(partition);
        let records = self.records.entry(partition).or_default();
        records.push(Record {
            topic: "test".into(),
            partition,
            offset: Offset(records.len() as i64),
            timestamp_ms: None,
            key,
            value,
            headers: Vec::new(),
        });
        self
    }

    /// Runs until every message settled, or the time limit.
    ///
    /// # Panics
    /// When the worker cannot start.
    pub async fn run(self) -> Run {
        let total: usize = self.records.values().map(Vec::len).sum();
        let bytes = Arc::new(ByteLedger::new(self.config.executor.max_in_hand_bytes as u64));
        let (source, handle) = MemorySource::open(self.records, bytes.clone());
        let dead_letters = MemorySink::new(SinkKind::Kafka);
        let named = |name: &str, sink: &MemorySink| NamedSink {
            name: name.into(),
            sink: Arc::new(sink.clone()),
            batching: sink.batching(),
            attempt_timeout: Duration::from_secs(30),
        };
        let mut settings = Settings::from_config(&self.config, H::HOOKS);
        settings.align = None;
        let offload = OffloadPool::start(2).expect("threads can be started");
        let parts = Parts {
            handler: self.handler,
            ctx: Context::with_helper("test", "", self.config, Box::new(offload)),
            source: handle,
            executor: self.executor,
            sinks: self.sinks.iter().map(|((_, name), sink)| named(name, sink)).collect(),
            dead_letters: named("dlq", &dead_letters),
            bytes,
            events: Events::new(self.subscribers),
            marker: None,
        };
        let worker = Worker::new(parts, settings).expect("every route has a sink of its own");
        let status = worker.status();
        let (stopper, stop): (StopHandle, Stop) = StopHandle::new();
        let running = worker.run(stop);
        let watch = async {
            let settled = tokio::time::timeout(self.time_limit, async {
                let mut look = tokio::time::interval(Duration::from_millis(1));
                loop {
                    look.tick().await;
                    let ledger = status.ledger();
                    if ledger.consumed == total as u64 && ledger.in_flight == 0 {
                        break;
                    }
                }
            });
            let settled = settled.await.is_ok();
            stopper.stop("the test is over");
            if !settled {
                // What is stuck will not drain either.
                stopper.stop("the test took too long");
            }
            settled
        };
        let (summary, settled) = tokio::join!(running, watch);
        let summary = summary.expect("the worker runs");
        Run {
            ledger: summary.ledger,
            settled,
            progress: source.progress(),
            sinks: self.sinks,
            dead_letters,
            bytes_left: status.bytes().held(),
        }
    }
}

/// What a run left behind.
#[derive(Debug)]
pub struct Run {
    ledger: Ledger,
    settled: bool,
    progress: BTreeMap<PartitionId, Arc<Progress>>,
    sinks: BTreeMap<(SinkKind, String), MemorySink>,
    dead_letters: MemorySink,
    bytes_left: u64,
}

impl Run {
    /// What became of the messages.
    pub fn ledger(&self) -> Ledger {
        self.ledger
    }

    /// Whether every message settled within the time limit.
    pub fn settled(&self) -> bool {
        self.settled
    }

    /// The offset that would be committed for a partition; `None` before its first message settled.
    pub fn committed(&self, partition: i32) -> Option<i64> {
        self.progress.get(&PartitionId(partition))?.watermark().map(|o| o.0)
    }

    /// The payloads a sink acknowledged, in order; `default` is the name of a sink without one.
    ///
    /// # Panics
    /// When no output goes to a sink of this name.
    pub fn payloads(&self, name: &str) -> Vec<Payload> {
        let sink = self.sinks.iter().find(|((_, n), _)| n == name);
        let (_, sink) = sink.unwrap_or_else(|| panic!("no output goes to a sink named `{name}`"));
        sink.delivered()
    }

    /// The values a sink acknowledged as JSON, in order.
    ///
    /// # Panics
    /// When no output goes to a sink of this name, or a value is not JSON.
    pub fn outputs(&self, name: &str) -> Vec<Value> {
        self.payloads(name).iter().map(value_of).collect()
    }

    /// The dead letters, in order.
    pub fn dead_letters(&self) -> Vec<Value> {
        self.dead_letters.delivered().iter().map(value_of).collect()
    }

    /// Bytes still counted as in hand at the end; 0 unless something leaked.
    pub fn bytes_left(&self) -> u64 {
        self.bytes_left
    }
}

fn value_of(payload: &Payload) -> Value {
    let bytes = match &payload.content {
        Content::Record(record) => record.value.clone().unwrap_or_default(),
        Content::Append(append) => append.line.clone(),
        _ => Bytes::new(),
    };
    serde_json::from_slice(&bytes).expect("the value is JSON")
}
