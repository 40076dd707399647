//! Topics of a real broker: made, filled and read.

use std::{
    cell::RefCell,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer},
    message::{Header, OwnedHeaders, OwnedMessage},
    producer::{BaseProducer, BaseRecord, Producer},
};

/// Most messages that are taken at once.
const BATCH: usize = 10_000;

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
    create_topics_with(brokers, topics, &[])
}

/// Makes topics with settings of their own.
pub fn create_topics_with(brokers: &str, topics: &[(&str, i32)], settings: &[(&str, &str)]) -> Result<()> {
    let admin: AdminClient<DefaultClientContext> = client(brokers).create()?;
    let topics: Vec<_> = topics
        .iter()
        .map(|(name, partitions)| {
            let topic = NewTopic::new(name, *partitions, TopicReplication::Fixed(1));
            settings.iter().fold(topic, |topic, (key, value)| topic.set(key, value))
        })
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

/// Deletes the records of a partition before this offset, as retention would.
pub fn delete_records(brokers: &str, topic: &str, partition: i32, before: i64) -> Result<()> {
    let admin: AdminClient<DefaultClientContext> = client(brokers).create()?;
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, Offset::Offset(before))?;
    let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(30)));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let deleted = runtime.block_on(admin.delete_records(&list, &options))?;
    for element in deleted.elements() {
        element.error().with_context(|| format!("deleting records of {topic}"))?;
    }
    Ok(())
}

/// Produces records, each in a transaction of its own: every one leaves a gap of one offset behind it.
pub fn produce_in_transactions(
    brokers: &str,
    topic: &str,
    records: impl IntoIterator<Item = Record>,
) -> Result<()> {
    let limit = Duration::from_secs(30);
    let producer: BaseProducer = client(brokers).set("transactional.id", unique("transactions")).create()?;
    producer.init_transactions(limit)?;
    for record in records {
        producer.begin_transaction()?;
        let mut out = BaseRecord::<[u8], [u8]>::to(topic).partition(record.partition);
        out.key = record.key.as_deref();
        out.payload = record.value.as_deref();
        producer.send(out).map_err(|(error, _)| error)?;
        producer.commit_transaction(limit)?;
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
    produce_compressed(brokers, topic, "none", records)
}

/// The same, with batches compressed by this codec.
pub fn produce_compressed(
    brokers: &str,
    topic: &str,
    codec: &str,
    records: impl IntoIterator<Item = Record>,
) -> Result<()> {
    let producer: BaseProducer = client(brokers)
        .set("compression.codec", codec)
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

/// Reads a topic from the beginning, without a group.
pub struct Reader {
    consumer: BaseConsumer,
    topic: String,
    /// The next offset of each partition.
    positions: RefCell<Vec<i64>>,
}

impl Reader {
    /// A reader of all partitions of a topic.
    pub fn new(brokers: &str, topic: &str) -> Result<Self> {
        let consumer: BaseConsumer = client(brokers)
            .set("group.id", unique("reader"))
            .set("enable.auto.commit", "false")
            .set("fetch.message.max.bytes", "4000000")
            // Questions about offsets queue behind a fetch that waits.
            .set("fetch.wait.max.ms", "50")
            .create()?;
        let metadata = consumer.fetch_metadata(Some(topic), Duration::from_secs(30))?;
        let partitions = metadata.topics().first().map_or(0, |t| t.partitions().len());
        ensure!(partitions > 0, "topic {topic} has no partitions");
        let mut list = TopicPartitionList::new();
        for partition in 0..partitions as i32 {
            list.add_partition_offset(topic, partition, Offset::Beginning)?;
        }
        consumer.assign(&list)?;
        Ok(Self { consumer, topic: topic.to_owned(), positions: RefCell::new(vec![0; partitions]) })
    }

    /// The next message, waiting for at most this time. Errors of the connection are waited out.
    pub fn next(&self, limit: Duration) -> Option<OwnedMessage> {
        let deadline = Instant::now() + limit;
        loop {
            match self.consumer.poll(deadline.saturating_duration_since(Instant::now())) {
                Some(Ok(message)) => {
                    self.positions.borrow_mut()[message.partition() as usize] = message.offset() + 1;
                    return Some(message.detach());
                }
                Some(Err(_)) => {}
                None => return None,
            }
        }
    }

    /// What arrives without a gap; waits for the first message only, at most this time.
    pub fn ready(&self, limit: Duration) -> Vec<OwnedMessage> {
        let first = self.next(limit);
        let rest = std::iter::from_fn(|| self.next(Duration::ZERO));
        first.into_iter().chain(rest.take(BATCH)).collect()
    }

    /// Everything up to the ends of all partitions as they are now.
    ///
    /// # Errors
    /// When the ends cannot be had, or are not reached within the limit.
    pub fn catch_up(&self, limit: Duration) -> Result<Vec<OwnedMessage>> {
        let deadline = Instant::now() + limit;
        let partitions = self.positions.borrow().len() as i32;
        let ends = (0..partitions).map(|p| self.consumer.fetch_watermarks(&self.topic, p, limit));
        let ends = ends.collect::<Result<Vec<_>, _>>().context("asking where a topic ends")?;
        let mut messages = Vec::new();
        // An empty partition need not begin at 0.
        let behind =
            |positions: &[i64]| positions.iter().zip(&ends).any(|(next, (low, end))| next < end && low < end);
        while behind(&self.positions.borrow()) {
            ensure!(Instant::now() < deadline, "the end of {} was not reached within {limit:?}", self.topic);
            messages.extend(self.next(Duration::from_millis(200)));
        }
        Ok(messages)
    }

    /// Everything that is there now.
    ///
    /// # Panics
    /// When the ends are not reached within a minute.
    pub fn drain(&self) -> Vec<OwnedMessage> {
        self.catch_up(Duration::from_secs(60)).unwrap_or_else(|error| panic!("{error:#}"))
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
    Ends::new(brokers, topic, partitions)?.now()
}

/// Asks again and again how far a topic has grown.
pub struct Ends {
    consumer: BaseConsumer,
    topic: String,
    partitions: i32,
}

impl Ends {
    /// Connects when it is asked first.
    pub fn new(brokers: &str, topic: &str, partitions: i32) -> Result<Self> {
        let consumer = client(brokers).set("group.id", "ends").create()?;
        Ok(Self { consumer, topic: topic.to_owned(), partitions })
    }

    /// The end offset of each partition.
    pub fn now(&self) -> Result<Vec<i64>> {
        let end = |p| Ok(self.consumer.fetch_watermarks(&self.topic, p, Duration::from_secs(20))?.1);
        (0..self.partitions).map(end).collect()
    }
}

/// A message's value as text, for messages.
pub fn text(message: &OwnedMessage) -> String {
    String::from_utf8_lossy(message.payload().unwrap_or_default()).into_owned()
}
