//! Opening the source: connect, check the topic, start the thread.

use std::{
    sync::{Arc, mpsc},
    thread,
};

use drakkar_core::{
    bytes_in_hand::ByteLedger,
    error::Class,
    source::{SourceError, SourceHandle},
};
use rdkafka::{
    config::FromClientConfigAndContext,
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
    metadata::Metadata,
    types::RDKafkaRespErr,
};
use tokio::sync::oneshot;

use crate::{Settings, context::Context, control::Control, thread::SourceThread};

/// Events that may wait for the runtime; more wait in the thread.
const EVENTS: usize = 1024;

/// The Kafka source.
#[derive(Debug)]
pub struct KafkaSource;

impl KafkaSource {
    /// Connects to the brokers and makes sure that the topic exists. Reads nothing before
    /// [`subscribe`](drakkar_core::source::SourceControl::subscribe).
    ///
    /// # Errors
    /// When no broker answers in time, the topic does not exist, or the brokers refuse us.
    pub async fn open(settings: Settings, bytes: Arc<ByteLedger>) -> Result<SourceHandle, SourceError> {
        tracing::info!(
            category = "kafka",
            librdkafka = rdkafka::util::get_rdkafka_version().1,
            "opening the source"
        );
        let (events_tx, events) = async_channel::bounded(EVENTS);
        let control = Arc::new(Control::default());
        let (ready_tx, ready) = oneshot::channel();
        let thread_control = control.clone();
        let spawned = thread::Builder::new().name("drakkar-kafka".to_owned()).spawn(move || {
            match connect(&settings) {
                Err(error) => ready_tx.send(Err(error)).unwrap_or_default(),
                Ok(consumer) => {
                    // Whoever opened the source may have given up waiting; then nobody will ever close it.
                    if ready_tx.send(Ok(())).is_ok() {
                        SourceThread::new(consumer, settings, bytes, events_tx, thread_control).run();
                    }
                }
            }
        });
        let failed = |message: String| SourceError { class: Class::Transient, message };
        spawned.map_err(|error| failed(format!("failed to start the consumer thread: {error}")))?;
        ready.await.map_err(|_| failed("the consumer thread ended before it was connected".to_owned()))??;
        Ok(SourceHandle { events, control })
    }
}

fn connect(settings: &Settings) -> Result<BaseConsumer<Context>, SourceError> {
    let Settings { brokers, topic, .. } = settings;
    let consumer =
        BaseConsumer::from_config_and_context(&settings.client(), Context::default()).map_err(|error| {
            SourceError {
                class: Class::Config,
                message: format!("failed to make the Kafka consumer: {error}"),
            }
        })?;
    let (consumer, metadata) = bounded_metadata(consumer, settings)?;
    let found = metadata.topics().iter().find(|t| t.name() == topic);
    let missing = found.is_none_or(|t| {
        t.error() == Some(RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
            || t.partitions().is_empty()
    });
    match found.and_then(|t| t.error()) {
        _ if missing => Err(SourceError {
            class: Class::Config,
            message: format!(
                "topic `{topic}` does not exist at {brokers}; create it, or correct `kafka.source_topic`"
            ),
        }),
        Some(error) => Err(SourceError {
            class: Class::Config,
            message: format!(
                "topic `{topic}` at {brokers} cannot be read: {}",
                RDKafkaErrorCode::from(error)
            ),
        }),
        None => Ok(consumer),
    }
}

/// Asks for the topic's metadata. A consumer that got no answer is dropped elsewhere, as that can take long.
fn bounded_metadata(
    consumer: BaseConsumer<Context>,
    settings: &Settings,
) -> Result<(BaseConsumer<Context>, Metadata), SourceError> {
    let Settings { brokers, topic, connect_timeout, .. } = settings;
    match consumer.fetch_metadata(Some(topic), *connect_timeout) {
        Ok(metadata) => Ok((consumer, metadata)),
        Err(error) => {
            let class = match error.rdkafka_error_code() {
                Some(RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SaslAuthenticationFailed) => {
                    Class::Config
                }
                _ => Class::Transient,
            };
            let message = describe(&error, brokers, *connect_timeout);
            crate::close::drop_within(consumer, std::time::Duration::from_secs(1));
            Err(SourceError { class, message })
        }
    }
}

fn describe(error: &KafkaError, brokers: &str, limit: std::time::Duration) -> String {
    match error.rdkafka_error_code() {
        Some(
            RDKafkaErrorCode::BrokerTransportFailure
            | RDKafkaErrorCode::OperationTimedOut
            | RDKafkaErrorCode::AllBrokersDown
            | RDKafkaErrorCode::Resolve,
        ) => format!(
            "no Kafka broker answers at {brokers} within {:.0} s; check `kafka.brokers` and that the broker runs",
            limit.as_secs_f64()
        ),
        _ => format!("the Kafka brokers at {brokers} refuse: {error}"),
    }
}

/// A channel for one answer of a thread.
pub(crate) fn answer<T>() -> (mpsc::SyncSender<T>, mpsc::Receiver<T>) {
    mpsc::sync_channel(1)
}
