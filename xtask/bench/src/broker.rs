//! The topics of a measurement, and watching one grow.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer},
    producer::{BaseProducer, BaseRecord, Producer},
};

use crate::{
    memory,
    process::{Program, Running},
};

const LIMIT: Duration = Duration::from_secs(30);
/// Partitions of an output topic.
const OUTPUTS: i32 = 8;

/// Settings of a client of these brokers.
pub(crate) fn client(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("fetch.queue.backoff.ms", "2").set("log_level", "3");
    config
}

/// A broker for measurements.
pub(crate) struct Broker {
    brokers: String,
}

/// A topic full of messages.
pub(crate) struct Feed {
    pub(crate) brokers: String,
    pub(crate) topic: String,
    count: u64,
}

impl Broker {
    pub(crate) fn new(brokers: &str) -> Self {
        Self { brokers: brokers.to_owned() }
    }

    /// Makes a topic and fills it with messages of about 200 bytes.
    pub(crate) fn feed(&self, name: &str, partitions: i32, count: u64) -> Result<Feed> {
        let topic = unique(name);
        create(&self.brokers, &topic, partitions)?;
        create(&self.brokers, &format!("{topic}_dlq"), 1)?;
        let producer: BaseProducer = client(&self.brokers)
            .set("linger.ms", "20")
            .set("queue.buffering.max.messages", "1000000")
            .create()?;
        for n in 0..count {
            let value =
                format!("{{\"id\":\"m-{n:010}\",\"number\":{n},\"text\":\"{}\"}}", "lorem ipsum ".repeat(13));
            let key = format!("k{n}");
            let partition = (n % partitions as u64) as i32;
            while producer
                .send(BaseRecord::to(&topic).partition(partition).key(&key).payload(&value))
                .is_err()
            {
                producer.poll(Duration::from_millis(10));
            }
        }
        producer.flush(Duration::from_secs(120)).context("filling the topic")?;
        Ok(Feed { brokers: self.brokers.clone(), topic, count })
    }
}

impl Feed {
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// A topic for one run's output.
    pub(crate) fn output(&self) -> Result<String> {
        let topic = unique("bench-out");
        create(&self.brokers, &topic, OUTPUTS)?;
        Ok(topic)
    }

    /// Runs a program until all its output is there, and returns messages per second without start and end.
    pub(crate) fn rate_of(&self, program: &Program) -> Result<f64> {
        let started = Instant::now();
        Ok(1.0 / self.seconds_each(program, |_| Ok(started.elapsed()))?)
    }

    /// Runs a program until all its output is there, and returns the microseconds of processor time it took per message,
    /// without start and end.
    pub(crate) fn cost_of(&self, program: &Program) -> Result<f64> {
        Ok(1e6 * self.seconds_each(program, |running| memory::cpu(running.pid()))?)
    }

    /// Runs a program until all its output is there, and returns how far this clock went per message, in seconds.
    fn seconds_each(&self, program: &Program, clock: impl Fn(&Running) -> Result<Duration>) -> Result<f64> {
        let output = self.output()?;
        let mut running = program.start(&output)?;
        let mut first = None;
        let mut last = (0, Duration::ZERO);
        self.watch(&output, &mut running, |running, done| {
            let now = clock(running)?;
            // The first tenth warms up: group, connections, caches.
            if done >= self.count / 10 {
                first.get_or_insert((done, now));
            }
            last = (done, now);
            Ok(())
        })?;
        running.stop()?;
        delete(&self.brokers, &output)?;
        let (from, since) = first.context("nothing was measured")?;
        ensure!(last.0 > from, "the run was over before it could be measured");
        Ok((last.1 - since).as_secs_f64() / (last.0 - from) as f64)
    }

    /// Looks at the output until all of it is there.
    pub(crate) fn watch(
        &self,
        output: &str,
        running: &mut Running,
        mut look: impl FnMut(&Running, u64) -> Result<()>,
    ) -> Result<()> {
        let consumer: BaseConsumer = client(&self.brokers).set("group.id", "bench-watch").create()?;
        let deadline = Instant::now() + Duration::from_secs(180);
        loop {
            let mut done = 0;
            for partition in 0..OUTPUTS {
                done += consumer.fetch_watermarks(output, partition, LIMIT)?.1 as u64;
            }
            look(running, done)?;
            if done >= self.count {
                return Ok(());
            }
            if let Some(status) = running.ended()? {
                bail!("the program ended by itself: {status}");
            }
            ensure!(Instant::now() < deadline, "only {done} of {} messages came out", self.count);
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }
}

fn unique(name: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("{name}-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

fn admin(
    brokers: &str,
) -> Result<(AdminClient<DefaultClientContext>, AdminOptions, tokio::runtime::Runtime)> {
    let options = AdminOptions::new().operation_timeout(Some(LIMIT));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok((client(brokers).create()?, options, runtime))
}

fn create(brokers: &str, topic: &str, partitions: i32) -> Result<()> {
    let (admin, options, runtime) = admin(brokers)?;
    let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
    for result in runtime.block_on(admin.create_topics(&[new], &options))? {
        result.map_err(|(topic, code)| anyhow::anyhow!("creating topic {topic}: {code}"))?;
    }
    Ok(())
}

fn delete(brokers: &str, topic: &str) -> Result<()> {
    let (admin, options, runtime) = admin(brokers)?;
    for result in runtime.block_on(admin.delete_topics(&[topic], &options))? {
        result.map_err(|(topic, code)| anyhow::anyhow!("deleting topic {topic}: {code}"))?;
    }
    Ok(())
}
