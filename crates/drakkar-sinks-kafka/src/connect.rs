//! Making a producer, and making sure that its topic exists.

use drakkar_core::{error::Class, sink::Failure};
use rdkafka::{
    config::FromClientConfigAndContext,
    error::{KafkaError, RDKafkaErrorCode},
    metadata::Metadata,
    producer::{Producer, ThreadedProducer},
    types::{RDKafkaConfRes, RDKafkaRespErr},
};

use crate::{Settings, classify, context::Context};

/// Makes the producer. Connects nothing.
pub(crate) fn producer(settings: &Settings) -> Result<ThreadedProducer<Context>, Failure> {
    let name = &settings.name;
    ThreadedProducer::from_config_and_context(&settings.client(), Context::new(name.clone()))
        .map_err(|error| refused(name, &error))
}

/// A setting that the client does not take. The client shows the values of settings, which may be passwords; this does
/// not.
pub(crate) fn refused(name: &str, error: &KafkaError) -> Failure {
    let text = match error {
        KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, _, setting, _) => {
            format!("librdkafka has no setting `{setting}`")
        }
        KafkaError::ClientConfig(_, _, setting, _) => {
            format!("librdkafka does not take this value for its setting `{setting}`")
        }
        error => error.to_string(),
    };
    Failure::new(Class::Config, format!("kafka sink `{name}`: {text}"))
}

/// Makes the producer and asks for the topic's metadata. May block for `connect_timeout`.
pub(crate) fn connect(settings: &Settings) -> Result<ThreadedProducer<Context>, Failure> {
    let producer = producer(settings)?;
    match producer.client().fetch_metadata(Some(&settings.topic), settings.connect_timeout) {
        Ok(metadata) => check(&metadata, settings).map(|()| producer),
        Err(error) => Err(unreachable(&producer, settings, &error)),
    }
}

fn check(metadata: &Metadata, settings: &Settings) -> Result<(), Failure> {
    let Settings { name, brokers, topic, .. } = settings;
    let found = metadata.topics().iter().find(|t| t.name() == topic);
    let unknown = RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    let text = match found.map(|t| (t.error(), t.partitions().len())) {
        Some((None, partitions)) if partitions > 0 => return Ok(()),
        Some((Some(error), _)) if error != unknown => {
            format!(
                "kafka sink `{name}` cannot use topic `{topic}` at {brokers}: {}",
                RDKafkaErrorCode::from(error)
            )
        }
        _ => format!("kafka sink `{name}`: topic `{topic}` does not exist at {brokers}; create it"),
    };
    Err(Failure::new(Class::Config, text))
}

/// Why nobody answered. The answer to the metadata is only that time passed; the client's errors tell why.
fn unreachable(producer: &ThreadedProducer<Context>, settings: &Settings, error: &KafkaError) -> Failure {
    let Settings { name, brokers, .. } = settings;
    let reason = error.rdkafka_error_code().map_or_else(|| error.to_string(), |code| code.to_string());
    match (producer.client().context().trouble(), classify::class(error)) {
        (Some((Class::Config, why)), _) => Failure::new(
            Class::Config,
            format!("kafka sink `{name}`: the Kafka brokers at {brokers} refuse us: {why}"),
        ),
        (_, Class::Config) => Failure::new(
            Class::Config,
            format!("kafka sink `{name}`: the Kafka brokers at {brokers} refuse us: {reason}"),
        ),
        (trouble, _) => {
            let why = trouble.map_or(reason, |(_, why)| why);
            Failure::new(
                Class::Transient,
                format!("kafka sink `{name}`: no Kafka broker answers at {brokers} ({why})"),
            )
        }
    }
}
