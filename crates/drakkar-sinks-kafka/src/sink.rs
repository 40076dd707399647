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
    config::FromClientConfigAndContext,
    error::{KafkaError, RDKafkaErrorCode},
    message::{Header, OwnedHeaders},
    producer::{BaseRecord, Producer, ThreadedProducer},
    types::RDKafkaRespErr,
};
use tokio::{
    task::spawn_blocking,
    time::{Instant, sleep},
};

use crate::{
    Settings,
    batch::{Batch, Ticket},
    context::{Context, failure},
};

/// Wait for room in a full producer queue.
const FULL: Duration = Duration::from_millis(5);

/// Writes records to one topic.
pub struct KafkaSink {
    settings: Settings,
    /// Absent before `connect` and after `close`.
    producer: RwLock<Option<Arc<ThreadedProducer<Context>>>>,
}

impl KafkaSink {
    /// A sink with these settings. Connects nothing.
    ///
    /// # Errors
    /// When a setting is not one that librdkafka accepts.
    pub fn new(settings: Settings) -> Result<Self, Failure> {
        settings.client().create_native_config().map_err(|error| {
            Failure::new(Class::Config, format!("kafka sink `{}`: {error}", settings.name))
        })?;
        Ok(Self { settings, producer: RwLock::new(None) })
    }

    fn producer(&self) -> Option<Arc<ThreadedProducer<Context>>> {
        self.producer.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn connect_now(&self) -> Result<(), Failure> {
        let settings = self.settings.clone();
        let connected = spawn_blocking(move || connect(&settings)).await;
        let producer = connected
            .map_err(|error| Failure::new(Class::Permanent, format!("the connection panicked: {error}")))??;
        *self.producer.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(producer));
        Ok(())
    }

    async fn deliver_all(&self, payloads: &[Payload]) -> Vec<Verdict> {
        let Some(producer) = self.producer() else {
            let text = format!("kafka sink `{}` is not connected", self.settings.name);
            return vec![Verdict::Failed(Failure::new(Class::Transient, text)); payloads.len()];
        };
        if payloads.is_empty() {
            return Vec::new();
        }
        let (batch, done) = Batch::new(payloads.len());
        let deadline = Instant::now() + self.settings.message_timeout;
        for (index, payload) in payloads.iter().enumerate() {
            let ticket = batch.ticket(index);
            match &payload.content {
                Content::Record(record) => self.enqueue(&producer, record, ticket, deadline).await,
                _ => ticket.settle(Verdict::Failed(Failure::new(
                    Class::Permanent,
                    format!("kafka sink `{}` takes records only", self.settings.name),
                ))),
            }
        }
        // The batch answers even when a report never comes: a dropped ticket counts as failed.
        drop(batch);
        done.await.unwrap_or_default()
    }

    /// Puts a record into the producer's queue, waiting for room where it is full.
    async fn enqueue(
        &self,
        producer: &ThreadedProducer<Context>,
        record: &OutputRecord,
        mut ticket: Box<Ticket>,
        deadline: Instant,
    ) {
        loop {
            let mut out = BaseRecord::<[u8], [u8], Box<Ticket>>::with_opaque_to(&self.settings.topic, ticket);
            out.key = record.key.as_deref();
            out.payload = record.value.as_deref();
            if !record.headers.is_empty() {
                out.headers = Some(headers(record));
            }
            let Err((error, refused)) = producer.send(out) else { return };
            ticket = refused.delivery_opaque;
            let full = error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull);
            if !full || Instant::now() >= deadline {
                let failure = failure(&self.settings.name, &self.settings.topic, &error);
                return ticket.settle(Verdict::Failed(failure));
            }
            sleep(FULL).await;
        }
    }

    async fn close_now(&self) -> Result<(), Failure> {
        let producer = self.producer.write().unwrap_or_else(PoisonError::into_inner).take();
        let Some(producer) = producer else { return Ok(()) };
        let limit = self.settings.message_timeout.min(Duration::from_secs(30));
        let name = self.settings.name.clone();
        let flushed = spawn_blocking(move || producer.flush(limit)).await;
        match flushed {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                Err(Failure::new(Class::Transient, format!("kafka sink `{name}` was not flushed: {error}")))
            }
            Err(error) => Err(Failure::new(Class::Permanent, format!("the flush panicked: {error}"))),
        }
    }
}

fn headers(record: &OutputRecord) -> OwnedHeaders {
    record.headers.iter().fold(OwnedHeaders::new_with_capacity(record.headers.len()), |headers, h| {
        headers.insert(Header { key: &h.name, value: h.value.as_deref() })
    })
}

/// Makes the producer and asks for the topic's metadata: the topic must exist.
fn connect(settings: &Settings) -> Result<ThreadedProducer<Context>, Failure> {
    let Settings { name, brokers, topic, connect_timeout, .. } = settings;
    let context = Context { sink: name.clone() };
    let producer = ThreadedProducer::from_config_and_context(&settings.client(), context)
        .map_err(|error| Failure::new(Class::Config, format!("kafka sink `{name}`: {error}")))?;
    let metadata = producer.client().fetch_metadata(Some(topic), *connect_timeout).map_err(|error| {
        let class = crate::classify::class(&error);
        Failure::new(class, format!("no Kafka broker answers at {brokers}: {}", reason(&error)))
    })?;
    let found = metadata.topics().iter().find(|t| t.name() == topic);
    match found.map(|t| (t.error(), t.partitions().len())) {
        Some((None, partitions)) if partitions > 0 => Ok(producer),
        Some((Some(error), _)) if error != RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART => {
            let text = format!("topic `{topic}` at {brokers}: {}", RDKafkaErrorCode::from(error));
            Err(Failure::new(Class::Config, text))
        }
        _ => Err(Failure::new(
            Class::Config,
            format!("topic `{topic}` does not exist at {brokers}; create it"),
        )),
    }
}

fn reason(error: &KafkaError) -> String {
    error.rdkafka_error_code().map_or_else(|| error.to_string(), |code| code.to_string())
}

impl Sink for KafkaSink {
    fn kind(&self) -> SinkKind {
        SinkKind::Kafka
    }

    fn batching(&self) -> Batching {
        Batching { max_items: 10_000, max_bytes: 1 << 20, linger: Duration::from_millis(2), concurrency: 4 }
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
