//! Opening the source: connect, check the topic, start the thread.

use std::{sync::Arc, thread, time::Duration};

use drakkar_core::{
    bytes_in_hand::ByteLedger,
    config::GroupProtocol,
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

use crate::{
    Settings, classify, client,
    close::drop_within,
    context::{Context, Notice},
    control::{Control, Handle},
    thread::SourceThread,
};

/// The oldest librdkafka that is used: 2.10.1.
const OLDEST: i32 = 0x020a_01ff;
/// The first librdkafka without known faults in the newer group protocol: 2.15.0.
const STEADY: i32 = 0x020f_00ff;
/// Events that may wait for the runtime; more wait in the thread.
const EVENTS: usize = 1024;
/// Time to drop a consumer that never connected.
const DROP: Duration = Duration::from_secs(1);
/// Events looked through for the reason of a failed connection.
const REASONS: usize = 100;

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
        let (version, text) = client::version();
        tracing::info!(
            category = "kafka",
            librdkafka = text,
            features = client::features(),
            "opening the source"
        );
        if version < OLDEST {
            let message = format!(
                "librdkafka {text} is linked, which loses its brokers for good when all are away; use 2.10.1 or later"
            );
            return Err(SourceError { class: Class::Config, message });
        }
        if settings.protocol == GroupProtocol::Consumer && version < STEADY {
            tracing::warn!(
                category = "kafka",
                librdkafka = text,
                "`kafka.group_protocol: consumer` has known faults before librdkafka 2.15: a worker that polled too late may \
                 have to be restarted"
            );
        }
        let (events_tx, events) = async_channel::bounded(EVENTS);
        let control = Arc::new(Control::default());
        let (ready_tx, ready) = oneshot::channel();
        let thread_control = control.clone();
        let body = move || match connect(&settings) {
            Ok(consumer) => {
                // Whoever opened the source may have given up waiting; then nobody will ever close it.
                if ready_tx.send(Ok(())).is_ok() {
                    SourceThread::new(consumer, settings, bytes, events_tx, thread_control).run();
                } else {
                    drop_within(consumer, DROP);
                }
            }
            Err((consumer, error)) => {
                ready_tx.send(Err(error)).unwrap_or_default();
                if let Some(consumer) = consumer {
                    drop_within(consumer, DROP);
                }
            }
        };
        let failed = |message: String| SourceError { class: Class::Transient, message };
        let thread = thread::Builder::new()
            .name("drakkar-kafka".to_owned())
            .spawn(body)
            .map_err(|error| failed(format!("failed to start the consumer thread: {error}")))?;
        let handle = Handle::new(control, thread);
        ready.await.map_err(|_| failed("the consumer thread ended before it was connected".to_owned()))??;
        Ok(SourceHandle { events, control: Arc::new(handle) })
    }
}

type Refused = (Option<BaseConsumer<Context>>, SourceError);

/// Makes the consumer and asks for the topic's metadata. A consumer without answer comes back with the error, as dropping
/// it can take long.
fn connect(settings: &Settings) -> Result<BaseConsumer<Context>, Refused> {
    let consumer =
        BaseConsumer::from_config_and_context(&settings.client(), Context::default()).map_err(|error| {
            let message = format!("failed to make the Kafka consumer: {}", client::without_value(&error));
            (None, SourceError { class: Class::Config, message })
        })?;
    let checked = match consumer.fetch_metadata(Some(&settings.topic), settings.connect_timeout) {
        Ok(metadata) => check(&metadata, settings),
        Err(error) => Err(unreachable(&consumer, settings, &error)),
    };
    match checked {
        Ok(()) => Ok(consumer),
        Err(error) => Err((Some(consumer), error)),
    }
}

/// The topic has to exist, and to have partitions.
fn check(metadata: &Metadata, settings: &Settings) -> Result<(), SourceError> {
    let Settings { brokers, topic, .. } = settings;
    let found = metadata.topics().iter().find(|t| t.name() == topic);
    let error = found.and_then(|t| t.error());
    let unknown = RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    let message = match (found, error) {
        (Some(_), Some(error)) if error != unknown => {
            format!("topic `{topic}` at {brokers} cannot be read: {}", RDKafkaErrorCode::from(error))
        }
        (Some(found), None) if !found.partitions().is_empty() => return Ok(()),
        _ => {
            format!("topic `{topic}` does not exist at {brokers}; create it, or correct `kafka.source_topic`")
        }
    };
    Err(SourceError { class: Class::Config, message })
}

/// Why nobody answered. The answer to the metadata is only that time passed; the events tell why.
fn unreachable(consumer: &BaseConsumer<Context>, settings: &Settings, error: &KafkaError) -> SourceError {
    let Settings { brokers, connect_timeout, .. } = settings;
    for _ in 0..REASONS {
        drop(consumer.poll(Duration::ZERO));
    }
    let mut why = error.to_string();
    while let Some(notice) = consumer.context().take() {
        let Notice::Error { code, reason } = notice else { continue };
        if classify::class(code) == Class::Config {
            return refused(brokers, &reason);
        }
        if code != RDKafkaErrorCode::AllBrokersDown {
            why = reason;
        }
    }
    if error.rdkafka_error_code().map(classify::class) == Some(Class::Config) {
        return refused(brokers, &error.to_string());
    }
    SourceError {
        class: Class::Transient,
        message: format!(
            "no Kafka broker answers at {brokers} within {:.0} s; check `kafka.brokers` and that the broker runs ({why})",
            connect_timeout.as_secs_f64()
        ),
    }
}

fn refused(brokers: &str, reason: &str) -> SourceError {
    let message = format!("the Kafka brokers at {brokers} refuse us: {reason}; check `kafka.security`");
    SourceError { class: Class::Config, message }
}
