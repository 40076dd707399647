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
    /// Time for leaving the group.
    pub close_timeout: Duration,
    /// Time for the first answer of a broker.
    pub connect_timeout: Duration,
    /// Further librdkafka settings, overridden by those the source owns.
    pub extra: Vec<(String, String)>,
}

impl Settings {
    pub(crate) fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        for (key, value) in &self.extra {
            config.set(key, value);
        }
        let ms = |d: Duration| d.as_millis().to_string();
        config
            .set("bootstrap.servers", &self.brokers)
            .set("group.id", &self.group)
            .set("client.id", &self.worker)
            .set("session.timeout.ms", ms(self.session_timeout))
            .set("heartbeat.interval.ms", ms(self.heartbeat_interval))
            .set("max.poll.interval.ms", ms(self.max_poll_interval))
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("auto.offset.reset", "earliest")
            // Offsets are committed by us, and stored only once their message settled.
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("enable.partition.eof", "false")
            .set("allow.auto.create.topics", "false")
            // With its default of a second the fetcher sleeps that long whenever its small queue is full.
            .set("fetch.queue.backoff.ms", "2")
            .set("queued.min.messages", "5000")
            .set("queued.max.messages.kbytes", "4096")
            .set("fetch.wait.max.ms", "100")
            .set("reconnect.backoff.max.ms", "2000")
            .set_log_level(RDKafkaLogLevel::Warning);
        config
    }
}
