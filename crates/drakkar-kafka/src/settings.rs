//! The settings of the source.

use std::time::Duration;

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
    /// Further librdkafka settings, overridden by those the source owns.
    pub extra: Vec<(String, String)>,
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
            config.set(key, value);
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
            .set_log_level(RDKafkaLogLevel::Warning);
        // With the newer group protocol the broker decides about these; setting them is an error.
        if config.get("group.protocol").is_none_or(|p| p.eq_ignore_ascii_case("classic")) {
            config
                .set("session.timeout.ms", ms(self.session_timeout))
                .set("heartbeat.interval.ms", ms(self.heartbeat_interval))
                .set("partition.assignment.strategy", "cooperative-sticky");
        }
        config
    }
}

#[cfg(test)]
pub(crate) fn for_tests() -> Settings {
    Settings {
        brokers: "b:1".to_owned(),
        topic: "in".to_owned(),
        group: "g".to_owned(),
        worker: "w".to_owned(),
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
        extra: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(extra: &[(&str, &str)]) -> ClientConfig {
        let extra = extra.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
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
        let config = with(&[("group.protocol", "consumer")]);
        for key in ["session.timeout.ms", "heartbeat.interval.ms", "partition.assignment.strategy"] {
            assert_eq!(config.get(key), None);
            assert!(with(&[]).get(key).is_some());
        }
    }
}
