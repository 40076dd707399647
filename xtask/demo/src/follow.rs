//! Follows the results, the dead letters and the committed offsets, as an outsider would.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
};
use serde::Deserialize;
use serde_json::Value;

use crate::broker::{DEAD_LETTERS, GROUP, PARTITIONS, REQUESTS, RESULTS, client};

/// A result as the worker wrote it.
#[derive(Clone, Deserialize)]
pub(crate) struct SearchResult {
    pub(crate) request_id: String,
    pub(crate) collection: String,
    pub(crate) pattern: String,
    pub(crate) path: String,
    pub(crate) matches: u64,
    pub(crate) took_ms: f64,
}

/// A dead letter, as far as the summary shows it.
#[derive(Clone, Deserialize)]
pub(crate) struct DeadLetter {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) stage: String,
    pub(crate) label: String,
    pub(crate) error: String,
    pub(crate) attempt_count: u32,
}

/// What came out so far.
pub(crate) struct Follower {
    outputs: BaseConsumer,
    group: BaseConsumer,
    results: u64,
    /// Offsets of results and dead letters seen, so that what is written twice counts once.
    ids: BTreeMap<String, u32>,
    letters: BTreeMap<(i32, i64), DeadLetter>,
    slowest: Option<SearchResult>,
    samples: Vec<SearchResult>,
    committed: i64,
    asked: Option<Instant>,
}

impl Follower {
    pub(crate) fn new(address: String) -> Result<Self> {
        let consumer = |group: &str| -> Result<BaseConsumer> {
            let mut config = client(&address);
            config.set("group.id", group).set("enable.auto.commit", "false");
            config.create().context("starting a consumer")
        };
        let outputs = consumer("drakkar-demo-display")?;
        let mut topics = TopicPartitionList::new();
        for topic in [RESULTS, DEAD_LETTERS] {
            topics.add_partition_offset(topic, 0, Offset::Beginning)?;
        }
        outputs.assign(&topics)?;
        Ok(Self {
            outputs,
            group: consumer(GROUP)?,
            results: 0,
            ids: BTreeMap::new(),
            letters: BTreeMap::new(),
            slowest: None,
            samples: Vec::new(),
            committed: 0,
            asked: None,
        })
    }

    /// Reads what is there, for at most about this time.
    pub(crate) fn poll(&mut self, limit: Duration) -> Result<()> {
        let until = Instant::now() + limit;
        while let Some(message) = self.outputs.poll(until.saturating_duration_since(Instant::now())) {
            let message = message.context("reading results")?;
            let payload = message.payload().unwrap_or_default();
            if message.topic() == RESULTS {
                self.result(serde_json::from_slice(payload).context("reading a result")?);
            } else {
                let value: Value = serde_json::from_slice(payload).context("reading a dead letter")?;
                let letter = DeadLetter::deserialize(value).context("reading a dead letter")?;
                self.letters.insert((letter.partition, letter.offset), letter);
            }
        }
        self.read_committed()
    }

    fn result(&mut self, result: SearchResult) {
        self.results += 1;
        *self.ids.entry(result.request_id.clone()).or_default() += 1;
        if self.slowest.as_ref().is_none_or(|s| s.took_ms < result.took_ms) {
            self.slowest = Some(result.clone());
        }
        if result.matches > 0 && self.samples.len() < 5 && self.results.is_multiple_of(97) {
            self.samples.push(result);
        }
    }

    fn read_committed(&mut self) -> Result<()> {
        if self.asked.is_some_and(|t| t.elapsed() < Duration::from_millis(500)) {
            return Ok(());
        }
        self.asked = Some(Instant::now());
        let mut partitions = TopicPartitionList::new();
        partitions.add_partition_range(REQUESTS, 0, PARTITIONS - 1);
        let committed = self
            .group
            .committed_offsets(partitions, Duration::from_secs(5))
            .context("reading the committed offsets")?;
        self.committed =
            committed.elements().iter().filter_map(|e| e.offset().to_raw()).filter(|o| *o > 0).sum();
        Ok(())
    }

    /// Requests that have a result or a dead letter.
    pub(crate) fn answered(&self) -> u64 {
        self.ids.len() as u64 + self.letters.len() as u64
    }

    pub(crate) fn results(&self) -> u64 {
        self.results
    }

    pub(crate) fn letters(&self) -> &BTreeMap<(i32, i64), DeadLetter> {
        &self.letters
    }

    pub(crate) fn committed(&self) -> u64 {
        u64::try_from(self.committed).unwrap_or(0)
    }

    /// Whether everything that was produced is answered and committed.
    pub(crate) fn settled(&self, produced: u64) -> bool {
        self.answered() >= produced && self.committed() >= produced
    }

    pub(crate) fn slowest(&self) -> Option<&SearchResult> {
        self.slowest.as_ref()
    }

    pub(crate) fn samples(&self) -> &[SearchResult] {
        &self.samples
    }

    /// Results that were written more than once.
    pub(crate) fn duplicates(&self) -> u64 {
        self.results - self.ids.len() as u64
    }
}
