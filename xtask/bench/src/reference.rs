//! The bare loops that drakkar is measured against: what one would write with the libraries alone.

use std::{
    io::{Read, Write},
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Command, Stdio},
    sync::{Arc, Mutex, PoisonError, mpsc},
    time::Duration,
};

use anyhow::{Context, Result};
use rdkafka::{
    ClientConfig, Message,
    consumer::{BaseConsumer, Consumer},
    producer::{BaseProducer, BaseRecord, DefaultProducerContext, ThreadedProducer},
};

use crate::broker::client;

/// The settings of a bare loop.
#[derive(clap::Args)]
pub(crate) struct Loop {
    #[arg(long)]
    brokers: String,
    #[arg(long)]
    input: String,
    #[arg(long)]
    output: String,
    #[arg(long, default_value_t = 4)]
    concurrency: usize,
    #[arg(long)]
    child: Option<PathBuf>,
}

fn consumer(options: &Loop) -> Result<BaseConsumer> {
    let consumer: BaseConsumer = client(&options.brokers)
        .set("group.id", &options.output)
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "true")
        .set("auto.commit.interval.ms", "500")
        .set("queued.min.messages", "5000")
        .set("queued.max.messages.kbytes", "4096")
        .create()?;
    consumer.subscribe(&[&options.input])?;
    Ok(consumer)
}

fn producer(options: &Loop) -> ClientConfig {
    let mut config = client(&options.brokers);
    config
        .set("enable.idempotence", "true")
        .set("linger.ms", "5")
        .set("batch.num.messages", "10000")
        .set("queue.buffering.max.messages", "500000");
    config
}

/// Consumes, produces the same bytes, commits every half second. Runs until it is killed.
pub(crate) fn copy(options: &Loop) -> Result<()> {
    let consumer = consumer(options)?;
    let producer: BaseProducer = producer(options).create()?;
    let mut count = 0u64;
    loop {
        let Some(message) = consumer.poll(Duration::from_millis(100)) else {
            producer.poll(Duration::ZERO);
            continue;
        };
        let message = message?;
        let value = message.payload().unwrap_or_default();
        let key = message.key().unwrap_or_default();
        while producer.send(BaseRecord::to(&options.output).key(key).payload(value)).is_err() {
            producer.poll(Duration::from_millis(1));
        }
        count += 1;
        if count.is_multiple_of(256) {
            producer.poll(Duration::ZERO);
        }
    }
}

/// Consumes, and on each of some threads spawns a program per message, waits for it and produces its output.
pub(crate) fn spawn(options: &Loop) -> Result<()> {
    let child = options.child.clone().context("--child is missing")?;
    let consumer = consumer(options)?;
    let producer: ThreadedProducer<DefaultProducerContext> = producer(options).create()?;
    let (tx, rx) = mpsc::sync_channel::<(Vec<u8>, Vec<u8>)>(256);
    let rx = Arc::new(Mutex::new(rx));
    std::thread::scope(|scope| {
        for _ in 0..options.concurrency {
            scope.spawn(|| -> Result<()> {
                loop {
                    let (key, value) = rx.lock().unwrap_or_else(PoisonError::into_inner).recv()?;
                    let out = run(&child, &value)?;
                    while producer.send(BaseRecord::to(&options.output).key(&key).payload(&out)).is_err() {
                        std::thread::yield_now();
                    }
                }
            });
        }
        loop {
            if let Some(message) = consumer.poll(Duration::from_millis(100)) {
                let message = message?;
                let owned = |bytes: Option<&[u8]>| bytes.unwrap_or_default().to_vec();
                tx.send((owned(message.key()), owned(message.payload())))?;
            }
        }
    })
}

/// One process with three pipes in a group of its own, as drakkar starts them.
fn run(child: &PathBuf, input: &[u8]) -> Result<Vec<u8>> {
    let mut process = Command::new(child)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    process.stdin.take().context("no stdin")?.write_all(input)?;
    let mut out = Vec::new();
    process.stdout.take().context("no stdout")?.read_to_end(&mut out)?;
    let mut err = Vec::new();
    process.stderr.take().context("no stderr")?.read_to_end(&mut err)?;
    anyhow::ensure!(process.wait()?.success(), "the child failed");
    Ok(out)
}
