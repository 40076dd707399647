//! The settings of a Kafka sink.

use std::time::Duration;

use drakkar_core::config::Secret;
use rdkafka::{ClientConfig, config::RDKafkaLogLevel};

/// What a Kafka sink needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The sink's name, for errors.
    pub name: String,
    /// Bootstrap servers.
    pub brokers: String,
    /// The topic to write to.
    pub topic: String,
    /// The client id.
    pub client_id: String,
    /// Time for a record to be acknowledged, retries included.
    pub message_timeout: Duration,
    /// The compression codec by its librdkafka name; none when absent.
    pub compression: Option<String>,
    /// Time for the first answer of a broker.
    pub connect_timeout: Duration,
    /// Further librdkafka settings, security among them. They tune, but cannot turn idempotence off.
    pub extra: Vec<(String, Secret)>,
}

impl Settings {
    pub(crate) fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("linger.ms", "5")
            .set("batch.num.messages", "10000")
            // What is too large is for the broker to say.
            .set("message.max.bytes", "8388608")
            .set("queue.buffering.max.messages", "500000")
            .set("queue.buffering.max.kbytes", "262144")
            .set("compression.codec", self.compression.as_deref().unwrap_or("none"))
            .set("reconnect.backoff.max.ms", "1000")
            .set("allow.auto.create.topics", "false");
        for (key, value) in &self.extra {
            config.set(key, value.expose());
        }
        config
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", &self.client_id)
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("message.timeout.ms", self.message_timeout.as_millis().to_string())
            .set_log_level(log_level(&self.extra));
        config
    }
}

/// What the client says. Whoever names topics of its `debug` setting wants to see them.
fn log_level(extra: &[(String, Secret)]) -> RDKafkaLogLevel {
    let debug = extra.iter().any(|(name, value)| name == "debug" && !value.is_empty());
    if debug { RDKafkaLogLevel::Debug } else { RDKafkaLogLevel::Warning }
}
