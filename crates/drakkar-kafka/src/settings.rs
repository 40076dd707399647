//! The settings of the source.

use std::time::Duration;

use drakkar_core::config::{AssignmentMode, GroupProtocol, Secret};
use rdkafka::{ClientConfig, config::RDKafkaLogLevel};

/// What the source needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Bootstrap servers.
    pub brokers: String,
    /// The topic to read.
    pub topic: String,
    /// The consumer group.
    pub group: String,
    /// The worker's name: client id, and part of each commit's metadata.
    pub worker: String,
    /// How the group shares its partitions. The newer protocol has its own way.
    pub assignment: AssignmentMode,
    /// The protocol of the group. With the newer one, the session is the broker's affair.
    pub protocol: GroupProtocol,
    /// The name of a static member.
    pub instance_id: Option<String>,
    /// Most records taken in one turn of the loop.
    pub max_poll_records: usize,
    /// Time after which the group forgets a silent member.
    pub session_timeout: Duration,
    /// Time between two heartbeats.
    pub heartbeat_interval: Duration,
    /// Most time between two polls before the group takes the partitions away.
    pub max_poll_interval: Duration,
    /// Records of one partition that may wait before its fetching pauses.
    pub queue_max_messages: usize,
    /// Time a partition that is taken away gets to finish its work.
    pub rebalance_drain: Duration,
    /// Time between two commits.
    pub commit_interval: Duration,
    /// Time after which an unanswered commit is issued again.
    pub commit_timeout: Duration,
    /// Time for the last commit and for leaving the group, together.
    pub close_timeout: Duration,
    /// Time for the first answer of a broker.
    pub connect_timeout: Duration,
    /// Time without a record, while some wait on the broker, after which another consumer is made; zero for never.
    pub watchdog: Duration,
    /// Further librdkafka settings, security among them, overridden by those the source owns.
    pub extra: Vec<(String, Secret)>,
}

impl Settings {
    pub(crate) fn client(&self) -> ClientConfig {
        let ms = |d: Duration| d.as_millis().to_string();
        let mut config = ClientConfig::new();
        config
            // With its default of a second the fetcher sleeps that long whenever its small queue is full.
            .set("fetch.queue.backoff.ms", "2")
            .set("queued.min.messages", "5000")
            .set("queued.max.messages.kbytes", "1024")
            .set("fetch.wait.max.ms", "100")
            .set("reconnect.backoff.max.ms", "2000");
        for (key, value) in &self.extra {
            config.set(key, value.expose());
        }
        config
            .set("bootstrap.servers", &self.brokers)
            .set("group.id", &self.group)
            .set("client.id", &self.worker)
            .set("max.poll.interval.ms", ms(self.max_poll_interval))
            .set("auto.offset.reset", "earliest")
            // Offsets are committed by us, and stored only once their message settled.
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("enable.partition.eof", "false")
            .set("allow.auto.create.topics", "false")
            .set_log_level(log_level(&self.extra));
        if let Some(id) = &self.instance_id {
            config.set("group.instance.id", id);
        }
        match self.protocol {
            // The broker decides about session, heartbeat and assignment; setting them is an error.
            GroupProtocol::Consumer => config.set("group.protocol", "consumer"),
            GroupProtocol::Classic => config
                .set("session.timeout.ms", ms(self.session_timeout))
                .set("heartbeat.interval.ms", ms(self.heartbeat_interval))
                .set("partition.assignment.strategy", self.strategy()),
        };
        config
    }

    fn strategy(&self) -> &'static str {
        match self.assignment {
            AssignmentMode::Cooperative => "cooperative-sticky",
            AssignmentMode::Eager => "range",
        }
    }
}

/// What the client says. Whoever names topics of its `debug` setting wants to see them.
fn log_level(extra: &[(String, Secret)]) -> RDKafkaLogLevel {
    let debug = extra.iter().any(|(name, value)| name == "debug" && !value.is_empty());
    if debug { RDKafkaLogLevel::Debug } else { RDKafkaLogLevel::Warning }
}

#[cfg(test)]
pub(crate) fn for_tests() -> Settings {
    Settings {
        brokers: "b:1".to_owned(),
        topic: "in".to_owned(),
        group: "g".to_owned(),
        worker: "w".to_owned(),
        assignment: AssignmentMode::Cooperative,
        protocol: GroupProtocol::Classic,
        instance_id: None,
        max_poll_records: 100,
        session_timeout: Duration::from_secs(10),
        heartbeat_interval: Duration::from_secs(1),
        max_poll_interval: Duration::from_secs(60),
        queue_max_messages: 100,
        rebalance_drain: Duration::from_secs(5),
        commit_interval: Duration::from_millis(500),
        commit_timeout: Duration::from_secs(5),
        close_timeout: Duration::from_secs(5),
        connect_timeout: Duration::from_secs(5),
        watchdog: Duration::ZERO,
        extra: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(extra: &[(&str, &str)]) -> ClientConfig {
        let extra = extra.iter().map(|(k, v)| ((*k).to_owned(), Secret::from(*v))).collect();
        Settings { extra, ..for_tests() }.client()
    }

    #[test]
    fn further_settings_tune_but_cannot_undo_what_the_source_rests_on() {
        let config = with(&[("fetch.wait.max.ms", "7"), ("enable.auto.commit", "true")]);
        assert_eq!(config.get("fetch.wait.max.ms"), Some("7"));
        assert_eq!(config.get("enable.auto.commit"), Some("false"));
        config.create_native_config().unwrap();
    }

    #[test]
    fn the_newer_group_protocol_gets_none_of_the_settings_it_refuses() {
        let config = Settings { protocol: GroupProtocol::Consumer, ..for_tests() }.client();
        for key in ["session.timeout.ms", "heartbeat.interval.ms", "partition.assignment.strategy"] {
            assert_eq!(config.get(key), None);
            assert!(with(&[]).get(key).is_some());
        }
        assert_eq!(config.get("group.protocol"), Some("consumer"));
        config.create_native_config().unwrap();
    }

    #[test]
    fn eager_groups_use_the_range_assignor() {
        let config = Settings { assignment: AssignmentMode::Eager, ..for_tests() }.client();
        assert_eq!(config.get("partition.assignment.strategy"), Some("range"));
        assert_eq!(with(&[]).get("partition.assignment.strategy"), Some("cooperative-sticky"));
    }

    #[test]
    fn settings_are_printed_without_the_values_of_the_client() {
        let settings = Settings { extra: vec![("sasl.password".into(), "hunter2".into())], ..for_tests() };
        let shown = format!("{settings:?}");
        assert!(shown.contains("sasl.password") && !shown.contains("hunter2"), "{shown}");
    }
}
