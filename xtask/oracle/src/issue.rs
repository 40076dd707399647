//! Issues the messages over the whole run, a bounded distance ahead of what came out.

use std::{
    mem,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use drakkar_tests::kafka;
use rdkafka::{
    ClientContext, Message as _,
    error::{KafkaError, RDKafkaErrorCode},
    producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer},
};

use crate::{judge::Judge, message};

/// Most messages sent in one go, so that the loop sees everything else in between.
const STEP: u64 = 500;

/// Sends messages and learns where they lie.
pub(crate) struct Issuer {
    /// With a thread that takes acknowledgements: they come one by one, and the loop has other things to do.
    producer: ThreadedProducer<Reports>,
    topic: String,
    seed: u64,
    partitions: i32,
    sent: u64,
    acknowledged: u64,
}

/// The number of a message, and its partition and offset or what went wrong.
type Acknowledgement = (usize, Result<(i32, i64), KafkaError>);

/// Acknowledgements that nobody looked at yet.
#[derive(Default)]
struct Reports(Mutex<Vec<Acknowledgement>>);

impl ClientContext for Reports {}

impl ProducerContext for Reports {
    type DeliveryOpaque = Box<usize>;

    fn delivery(&self, result: &DeliveryResult<'_>, number: Box<usize>) {
        let place = match result {
            Ok(message) => Ok((message.partition(), message.offset())),
            Err((error, _)) => Err(error.clone()),
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((*number, place));
    }
}

impl Issuer {
    pub(crate) fn new(brokers: &str, topic: &str, seed: u64, partitions: i32) -> Result<Self> {
        let producer = kafka::client(brokers)
            .set("linger.ms", "5")
            // Every message lies in the topic once, whatever happens to the broker.
            .set("enable.idempotence", "true")
            .set("message.timeout.ms", "0")
            .set("queue.buffering.max.messages", "1000000")
            .create_with_context(Reports::default())
            .context("making a producer")?;
        Ok(Self { producer, topic: topic.to_owned(), seed, partitions, sent: 0, acknowledged: 0 })
    }

    /// Sends a few messages if fewer than `target` were sent, and takes acknowledgements.
    pub(crate) fn step(&mut self, judge: &mut Judge, target: u64) -> Result<()> {
        for number in self.sent..target.min(self.sent + STEP) {
            let message = message::message(self.seed, number, self.partitions);
            let mut record = BaseRecord::with_opaque_to(&self.topic, Box::new(number as usize))
                .partition(message.partition)
                .payload(&message.value);
            record.key = message.key.as_ref();
            match self.producer.send(record) {
                Ok(()) => {}
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => break,
                Err((error, _)) => bail!("issuing message {number}: {error}"),
            }
            let noted = judge.issue(message.hash, message.poison);
            ensure!(noted as u64 == number, "message {number} was noted as number {noted}");
            self.sent += 1;
        }
        self.take_reports(judge)
    }

    /// Waits until everything that was sent is acknowledged.
    pub(crate) fn finish(&mut self, judge: &mut Judge) -> Result<()> {
        self.producer.flush(Duration::from_secs(60)).context("waiting for acknowledgements")?;
        self.take_reports(judge)?;
        ensure!(
            self.acknowledged == self.sent,
            "{} messages were not acknowledged",
            self.sent - self.acknowledged
        );
        Ok(())
    }

    fn take_reports(&mut self, judge: &mut Judge) -> Result<()> {
        let reports = &self.producer.context().0;
        for (number, place) in mem::take(&mut *reports.lock().unwrap_or_else(PoisonError::into_inner)) {
            let (partition, offset) = place.with_context(|| format!("issuing message {number}"))?;
            judge.placed(number, partition, offset);
            self.acknowledged += 1;
        }
        Ok(())
    }
}
