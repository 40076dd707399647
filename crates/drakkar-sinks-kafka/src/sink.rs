//! The sink: connect, deliver, close.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use drakkar_core::{
    BoxFuture,
    error::Class,
    payload::{Content, OutputRecord, Payload, SinkKind},
    sink::{Batching, Failure, Sink, Verdict},
};
use rdkafka::{
    error::RDKafkaErrorCode,
    message::{Header, OwnedHeaders},
    producer::{BaseRecord, Producer, ThreadedProducer},
};
use tokio::{
    task::{spawn_blocking, yield_now},
    time::{Instant, sleep, timeout},
};

use crate::{
    Settings,
    batch::{Batch, Ticket},
    connect,
    context::{Context, failure},
};

/// Wait for room in a full producer queue.
const FULL: Duration = Duration::from_millis(5);
/// The longest time to flush at the end.
const FLUSH: Duration = Duration::from_secs(30);
/// Time past a record's own time-out after which its report is not expected any more.
const REPORT: Duration = Duration::from_secs(10);
/// Records put into the queue before other tasks of the runtime get their turn.
const STRIDE: usize = 512;

/// Writes records to one topic. The dead letter topic is one of these as well.
pub struct KafkaSink {
    settings: Settings,
    state: RwLock<State>,
}

#[derive(Clone)]
enum State {
    New,
    Open(Arc<ThreadedProducer<Context>>),
    Closed,
}

impl std::fmt::Debug for KafkaSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Not the settings: they may hold a password.
        f.debug_struct("KafkaSink").field("name", &self.settings.name).finish_non_exhaustive()
    }
}

impl KafkaSink {
    /// A sink with these settings. Connects nothing.
    ///
    /// # Errors
    /// When a setting is not one that librdkafka accepts.
    pub fn new(settings: Settings) -> Result<Self, Failure> {
        settings.client().create_native_config().map_err(|error| connect::refused(&settings.name, &error))?;
        Ok(Self { settings, state: RwLock::new(State::New) })
    }

    fn fails(&self, class: Class, what: &str) -> Failure {
        let Settings { name, topic, .. } = &self.settings;
        Failure::new(class, format!("kafka sink `{name}` for topic `{topic}` {what}"))
    }

    fn set(&self, state: State) -> State {
        std::mem::replace(&mut *self.state.write().unwrap_or_else(PoisonError::into_inner), state)
    }

    /// The producer, made anew where the client stopped for good: an idempotent producer that lost track of its sequence
    /// never sends again.
    fn producer(&self) -> Result<Arc<ThreadedProducer<Context>>, Failure> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner).clone();
        let producer = match state {
            State::Open(producer) => producer,
            State::New => return Err(self.fails(Class::Transient, "is not connected")),
            State::Closed => return Err(self.fails(Class::Transient, "is closed")),
        };
        let Some((code, reason)) = producer.client().fatal_error() else { return Ok(producer) };
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        match &*state {
            State::Open(current) if Arc::ptr_eq(current, &producer) => {
                tracing::warn!(
                    category = "sink", sink = self.settings.name, %code, reason,
                    "the producer cannot go on, another one takes its place"
                );
                let fresh = Arc::new(connect::producer(&self.settings)?);
                let old = std::mem::replace(&mut *state, State::Open(fresh.clone()));
                drop(state);
                drop(producer);
                if let State::Open(old) = old {
                    retire(old);
                }
                Ok(fresh)
            }
            // Another delivery was faster.
            State::Open(current) => Ok(current.clone()),
            _ => Err(self.fails(Class::Transient, "is closed")),
        }
    }

    async fn connect_now(&self) -> Result<(), Failure> {
        let settings = self.settings.clone();
        let connected = spawn_blocking(move || connect::connect(&settings)).await;
        let producer =
            connected.map_err(|error| self.fails(Class::Permanent, &format!("panicked: {error}")))??;
        self.set(State::Open(Arc::new(producer)));
        Ok(())
    }

    async fn deliver_all(&self, payloads: &[Payload]) -> Vec<Verdict> {
        if payloads.is_empty() {
            return Vec::new();
        }
        let producer = match self.producer() {
            Ok(producer) => producer,
            Err(failure) => return vec![Verdict::Failed(failure); payloads.len()],
        };
        let (batch, done) = Batch::new(payloads.len());
        let deadline = Instant::now() + self.settings.message_timeout;
        for (index, payload) in payloads.iter().enumerate() {
            if index % STRIDE == STRIDE - 1 {
                yield_now().await;
            }
            let mut ticket = batch.ticket(index);
            let Content::Record(record) = &payload.content else {
                ticket.settle(Verdict::Failed(self.fails(Class::Permanent, "takes records only")));
                continue;
            };
            while let Err((error, refused)) = self.enqueue(&producer, record, ticket) {
                ticket = refused;
                if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull)
                    || Instant::now() >= deadline
                {
                    ticket.settle(Verdict::Failed(failure(
                        &self.settings.name,
                        &self.settings.topic,
                        &error,
                    )));
                    break;
                }
                sleep(FULL).await;
            }
        }
        // librdkafka reports each record within its time-out. Should a report be lost all the same, the batch answers.
        let reported = timeout(self.settings.message_timeout + REPORT, done).await;
        if reported.is_err() {
            tracing::error!(category = "sink", sink = self.settings.name, "delivery reports did not come");
        }
        retire(producer);
        batch.finish()
    }

    /// Puts a record into the producer's queue, which may be full.
    fn enqueue(
        &self,
        producer: &ThreadedProducer<Context>,
        record: &OutputRecord,
        ticket: Box<Ticket>,
    ) -> Result<(), (rdkafka::error::KafkaError, Box<Ticket>)> {
        let mut out = BaseRecord::<[u8], [u8], Box<Ticket>>::with_opaque_to(&self.settings.topic, ticket);
        out.key = record.key.as_deref();
        out.payload = record.value.as_deref();
        if !record.headers.is_empty() {
            out.headers = Some(headers(record));
        }
        producer.send(out).map_err(|(error, refused)| (error, refused.delivery_opaque))
    }

    async fn close_now(&self) -> Result<(), Failure> {
        let State::Open(producer) = self.set(State::Closed) else { return Ok(()) };
        let limit = self.settings.message_timeout.min(FLUSH);
        let flushed = spawn_blocking(move || {
            let flushed = producer.flush(limit);
            // What is left is purged, and each record gets its report as failed.
            drop(producer);
            flushed
        });
        match flushed.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.fails(Class::Transient, &format!("was not flushed: {error}"))),
            Err(error) => {
                Err(self.fails(Class::Permanent, &format!("panicked while it was flushed: {error}")))
            }
        }
    }
}

/// Drops a producer where it may block, if this is the last hold on it: it joins its poll thread.
fn retire(producer: Arc<ThreadedProducer<Context>>) {
    if let Some(producer) = Arc::into_inner(producer) {
        drop(spawn_blocking(move || drop(producer)));
    }
}

fn headers(record: &OutputRecord) -> OwnedHeaders {
    record.headers.iter().fold(OwnedHeaders::new_with_capacity(record.headers.len()), |headers, h| {
        headers.insert(Header { key: &h.name, value: h.value.as_deref() })
    })
}

impl Sink for KafkaSink {
    fn kind(&self) -> SinkKind {
        SinkKind::Kafka
    }

    fn batching(&self) -> Batching {
        Batching { max_items: 10_000, max_bytes: 1 << 20, linger: Duration::from_millis(2), concurrency: 8 }
    }

    fn connect(&self) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(self.connect_now())
    }

    fn deliver<'a>(&'a self, batch: &'a [Payload]) -> BoxFuture<'a, Vec<Verdict>> {
        Box::pin(self.deliver_all(batch))
    }

    fn close(&self) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(self.close_now())
    }
}
