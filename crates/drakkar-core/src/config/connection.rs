//! What each Kafka client connects with: the source, each sink and the dead letter topic.

use super::{ClientConfig, Config, KafkaSink, Secret, Security};

/// One connection to Kafka.
#[derive(Clone, Debug)]
pub struct Connection<'a> {
    /// Bootstrap servers.
    pub brokers: &'a str,
    /// How it is secured.
    pub security: &'a Security,
    /// The dotted path of the section that says so.
    pub security_path: String,
    /// Raw settings of the client, each with the dotted path of the mapping it comes from; later ones override.
    client: Vec<(String, &'a ClientConfig)>,
}

impl Connection<'_> {
    /// Raw settings of the client: their dotted path, name and value. A later one overrides.
    pub fn raw_settings(&self) -> impl Iterator<Item = (String, &str, &Secret)> {
        self.client.iter().flat_map(|(path, settings)| {
            settings.iter().map(move |(name, value)| {
                (format!("{path}.{}", super::names::shown(name)), name.as_str(), value.secret())
            })
        })
    }

    /// All settings of the client by their librdkafka names, security last. A later one overrides.
    pub fn client_settings(&self) -> Vec<(String, Secret)> {
        let raw = self.raw_settings().map(|(_, name, value)| (name.to_owned(), value.clone()));
        let security = self.security.client_settings().into_iter();
        raw.chain(security.map(|(name, value)| (name.to_owned(), value))).collect()
    }
}

impl Config {
    /// What the source connects with.
    pub fn source_connection(&self) -> Connection<'_> {
        Connection {
            brokers: &self.kafka.brokers,
            security: &self.kafka.security,
            security_path: "kafka.security".to_owned(),
            client: vec![("kafka.client_config".to_owned(), &self.kafka.client_config)],
        }
    }

    /// What a Kafka sink connects with.
    ///
    /// With brokers of its own it takes nothing from the `kafka` section: a password is not for other brokers.
    pub fn sink_connection<'a>(&'a self, name: &str, sink: &'a KafkaSink) -> Connection<'a> {
        let path = format!("sinks.kafka.{name}");
        self.connection(&path, &sink.brokers, &sink.security, &sink.client_config)
    }

    /// What the dead letter topic is written with; its brokers are handled like those of a sink.
    pub fn dlq_connection(&self) -> Connection<'_> {
        let dlq = &self.dlq;
        self.connection("dlq", &dlq.brokers, &dlq.security, &dlq.client_config)
    }

    /// Every connection that is configured.
    pub fn connections(&self) -> Vec<Connection<'_>> {
        let sinks = self.sinks.kafka.iter().map(|(name, sink)| self.sink_connection(name, sink));
        [self.source_connection(), self.dlq_connection()].into_iter().chain(sinks).collect()
    }

    fn connection<'a>(
        &'a self,
        path: &str,
        brokers: &'a str,
        security: &'a Security,
        client_config: &'a ClientConfig,
    ) -> Connection<'a> {
        let mut connection = self.source_connection();
        if !brokers.is_empty() {
            let security_path = format!("{path}.security");
            connection = Connection { brokers, security, security_path, client: Vec::new() };
        }
        connection.client.push((format!("{path}.client_config"), client_config));
        connection
    }
}
