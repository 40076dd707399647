//! Topics of a real broker: made, filled and read.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
    message::{Header, OwnedHeaders, OwnedMessage},
    producer::{BaseProducer, BaseRecord, Producer},
};

/// The address of the broker that the tests share.
///
/// # Panics
/// When there is none: the tests that need it must not pass unseen.
pub fn shared_broker() -> String {
    std::env::var("DRAKKAR_TEST_KAFKA").unwrap_or_else(|_| {
        panic!("no broker: run the tests with `cargo xtask test`, or run `cargo xtask services up` and export what it prints")
    })
}

/// A name that no other test uses.
pub fn unique(prefix: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{prefix}-{}-{}-{count}", now.as_millis(), std::process::id())
}

/// Settings of every client here.
pub fn client(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", brokers)
        .set("fetch.queue.backoff.ms", "2")
        .set("reconnect.backoff.max.ms", "500")
        .set("log_level", "0");
    config
}

/// Makes topics.
pub fn create_topics(brokers: &str, topics: &[(&str, i32)]) -> Result<()> {
    let admin: AdminClient<DefaultClientContext> = client(brokers).create()?;
    let topics: Vec<_> = topics
        .iter()
        .map(|(name, partitions)| NewTopic::new(name, *partitions, TopicReplication::Fixed(1)))
        .collect();
    let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(30)));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for result in runtime.block_on(admin.create_topics(&topics, &options))? {
        if let Err((topic, code)) = result {
            bail!("creating topic {topic}: {code}");
        }
    }
    Ok(())
}

/// Something to produce.
#[derive(Clone, Debug)]
pub struct Record {
    /// The partition.
    pub partition: i32,
    /// The key.
    pub key: Option<Vec<u8>>,
    /// The value; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// A header.
    pub header: Option<(&'static str, Vec<u8>)>,
}

/// Produces records in order and waits for all acknowledgements.
pub fn produce(brokers: &str, topic: &str, records: impl IntoIterator<Item = Record>) -> Result<()> {
    let producer: BaseProducer = client(brokers)
        .set("linger.ms", "5")
        .set("enable.idempotence", "true")
        .set("message.max.bytes", "2000000")
        .set("queue.buffering.max.messages", "200000")
        .create()?;
    for record in records {
        let key = record.key.as_deref();
        let value = record.value.as_deref();
        let headers = record
            .header
            .as_ref()
            .map(|(name, value)| OwnedHeaders::new().insert(Header { key: name, value: Some(value) }));
        let make = || {
            let mut out = BaseRecord::<[u8], [u8]>::to(topic).partition(record.partition);
            out.key = key;
            out.payload = value;
            out.headers = headers.clone();
            out
        };
        let deadline = Instant::now() + Duration::from_secs(60);
        while let Err((error, _)) = producer.send(make()) {
            ensure!(Instant::now() < deadline, "producing: {error}");
            producer.poll(Duration::from_millis(10));
        }
        producer.poll(Duration::ZERO);
    }
    producer.flush(Duration::from_secs(60)).context("flushing")
}

/// Reads topics from the beginning, without a group.
pub struct Reader {
    consumer: BaseConsumer,
    partitions: usize,
}

impl Reader {
    /// A reader of all partitions of a topic.
    pub fn new(brokers: &str, topic: &str) -> Result<Self> {
        let consumer: BaseConsumer = client(brokers)
            .set("group.id", unique("reader"))
            .set("enable.auto.commit", "false")
            .set("fetch.message.max.bytes", "4000000")
            .set("enable.partition.eof", "true")
            .create()?;
        let metadata = consumer.fetch_metadata(Some(topic), Duration::from_secs(30))?;
        let partitions = metadata.topics().first().map_or(0, |t| t.partitions().len());
        ensure!(partitions > 0, "topic {topic} has no partitions");
        let mut list = TopicPartitionList::new();
        for partition in 0..partitions as i32 {
            list.add_partition_offset(topic, partition, Offset::Beginning)?;
        }
        consumer.assign(&list)?;
        Ok(Self { consumer, partitions })
    }

    /// The next message, waiting for at most this time. Errors of the connection are waited out.
    pub fn next(&self, limit: Duration) -> Option<OwnedMessage> {
        let deadline = Instant::now() + limit;
        loop {
            match self.consumer.poll(deadline.saturating_duration_since(Instant::now())) {
                Some(Ok(message)) => return Some(message.detach()),
                Some(Err(_)) => {}
                None => return None,
            }
        }
    }

    /// Everything that is there now: reads until the end of every partition was seen.
    ///
    /// # Panics
    /// When the ends are not reached within a minute.
    pub fn drain(&self) -> Vec<OwnedMessage> {
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut messages = Vec::new();
        let mut ended = BTreeSet::new();
        while ended.len() < self.partitions {
            assert!(Instant::now() < deadline, "the end of the topic was not reached");
            match self.consumer.poll(Duration::from_secs(1)) {
                Some(Ok(message)) => messages.push(message.detach()),
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    ended.insert(partition);
                }
                // Errors of the connection are waited out.
                Some(Err(_)) | None => {}
            }
        }
        messages
    }
}

/// The committed offset of each partition of a topic, -1 where there is none.
pub fn committed(brokers: &str, group: &str, topic: &str, partitions: i32) -> Result<Vec<i64>> {
    let consumer: BaseConsumer = client(brokers).set("group.id", group).create()?;
    let mut list = TopicPartitionList::new();
    list.add_partition_range(topic, 0, partitions - 1);
    let committed = consumer.committed_offsets(list, Duration::from_secs(20))?;
    let mut offsets = vec![-1; partitions as usize];
    for element in committed.elements() {
        if let Some(offset) = element.offset().to_raw().filter(|o| *o >= 0) {
            offsets[element.partition() as usize] = offset;
        }
    }
    Ok(offsets)
}

/// The end offset of each partition of a topic.
pub fn ends(brokers: &str, topic: &str, partitions: i32) -> Result<Vec<i64>> {
    let consumer: BaseConsumer = client(brokers).set("group.id", "ends").create()?;
    (0..partitions).map(|p| Ok(consumer.fetch_watermarks(topic, p, Duration::from_secs(20))?.1)).collect()
}

/// A message's value as text, for messages.
pub fn text(message: &OwnedMessage) -> String {
    String::from_utf8_lossy(message.payload().unwrap_or_default()).into_owned()
}
