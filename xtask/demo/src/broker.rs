//! The embedded broker: librdkafka's mock cluster, in this process.

use anyhow::{Context, Result};
use rdkafka::{ClientConfig, mocking::MockCluster, producer::DefaultProducerContext};

/// The topic of requests.
pub(crate) const REQUESTS: &str = "search-requests";
/// The topic of results.
pub(crate) const RESULTS: &str = "search-results";
/// The topic of dead letters.
pub(crate) const DEAD_LETTERS: &str = "search-requests_dlq";
/// The worker's group.
pub(crate) const GROUP: &str = "drakkar-demo";
/// Partitions of the topic of requests.
pub(crate) const PARTITIONS: i32 = 4;

/// A broker that lives as long as this value.
pub(crate) struct Broker {
    cluster: MockCluster<'static, DefaultProducerContext>,
}

impl Broker {
    pub(crate) fn start() -> Result<Self> {
        let cluster = MockCluster::new(1).context("starting the embedded broker")?;
        for (topic, partitions) in [(REQUESTS, PARTITIONS), (RESULTS, 1), (DEAD_LETTERS, 1)] {
            cluster.create_topic(topic, partitions, 1).with_context(|| format!("creating topic {topic}"))?;
        }
        Ok(Self { cluster })
    }

    pub(crate) fn address(&self) -> String {
        self.cluster.bootstrap_servers()
    }
}

/// Settings every client of the demo shares.
pub(crate) fn client(address: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", address).set("fetch.queue.backoff.ms", "2");
    config
}
