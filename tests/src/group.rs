//! What a stranger can read of a group in `__consumer_offsets`: its commits with their metadata, and its generations.

mod rules;
mod wire;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use rdkafka::{Message, message::OwnedMessage};

pub use self::rules::check;
use self::wire::Wire;
use crate::kafka::Reader;

/// The topic that brokers keep groups in.
const TOPIC: &str = "__consumer_offsets";

/// One commit as the broker stored it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The partition.
    pub partition: i32,
    /// The next offset to read.
    pub offset: i64,
    /// The worker that committed.
    pub worker: String,
    /// The worker's assignment number.
    pub epoch: u32,
    /// When the broker took it, in milliseconds since 1970.
    pub time: i64,
}

/// One generation of the group: who may read what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generation {
    /// Its number.
    pub number: i32,
    /// The partitions that each member was given, by the member's client id, which is the worker's name.
    pub assigned: BTreeMap<String, Vec<i32>>,
}

/// What the broker stored about a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// An offset.
    Commit(Commit),
    /// The outcome of a rebalance.
    Generation(Generation),
}

/// What was stored about a group for one topic, in the broker's order.
#[derive(Clone, Debug, Default)]
pub struct History {
    entries: Vec<Entry>,
}

/// Follows the history of a group while it happens.
pub struct Follower {
    reader: Reader,
    group: String,
    topic: String,
    history: History,
}

impl History {
    /// Everything, in the broker's order.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// All commits.
    pub fn commits(&self) -> impl Iterator<Item = &Commit> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Commit(commit) => Some(commit),
            Entry::Generation(_) => None,
        })
    }

    /// All generations.
    pub fn generations(&self) -> impl Iterator<Item = &Generation> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Commit(_) => None,
            Entry::Generation(generation) => Some(generation),
        })
    }

    /// How many partitions each member has now.
    pub fn shares(&self) -> BTreeMap<String, usize> {
        let members = self.generations().last().map(|generation| &generation.assigned);
        members.into_iter().flatten().map(|(name, partitions)| (name.clone(), partitions.len())).collect()
    }

    /// Rebalances after the group's first generation.
    pub fn rebalances(&self) -> usize {
        self.generations().map(|g| g.number).collect::<BTreeSet<_>>().len().saturating_sub(1)
    }

    /// Checks that no committed offset moved backwards, and that nobody committed for a partition that was not his.
    ///
    /// # Errors
    /// The first breach.
    pub fn check(&self) -> Result<()> {
        rules::check_history(&self.entries)
    }
}

impl Follower {
    /// Follows a group from its first commit on.
    ///
    /// # Errors
    /// When there is no such topic: brokers make it when the first group asks for its coordinator.
    pub fn new(brokers: &str, group: &str, topic: &str) -> Result<Self> {
        let reader = Reader::new(brokers, TOPIC)?;
        Ok(Self { reader, group: group.into(), topic: topic.into(), history: History::default() })
    }

    /// Reads what is there within this time, and waits no longer than that for the first of it.
    ///
    /// # Errors
    /// When a record cannot be understood.
    pub fn poll(&mut self, limit: Duration) -> Result<()> {
        for message in self.reader.ready(limit) {
            self.history.entries.extend(entry(&message, &self.group, &self.topic)?);
        }
        Ok(())
    }

    /// Reads up to the end as it is now.
    ///
    /// # Errors
    /// When the end is not reached within a minute, or a record cannot be understood.
    pub fn catch_up(&mut self) -> Result<()> {
        for message in self.reader.catch_up(Duration::from_secs(60))? {
            self.history.entries.extend(entry(&message, &self.group, &self.topic)?);
        }
        Ok(())
    }

    /// What was read so far.
    pub fn history(&self) -> &History {
        &self.history
    }
}

/// Everything that is stored about a group for a topic now.
///
/// # Errors
/// When it cannot be read or understood.
pub fn history(brokers: &str, group: &str, topic: &str) -> Result<History> {
    let mut follower = Follower::new(brokers, group, topic)?;
    follower.catch_up()?;
    Ok(follower.history)
}

/// All commits of a group for a topic, in the order the broker stored them.
///
/// # Errors
/// When they cannot be read or understood.
pub fn commits(brokers: &str, group: &str, topic: &str) -> Result<Vec<Commit>> {
    Ok(history(brokers, group, topic)?.commits().cloned().collect())
}

/// What a stored record says about a group and topic, if it is about them.
fn entry(message: &OwnedMessage, group: &str, topic: &str) -> Result<Option<Entry>> {
    // Without a value it says that something is forgotten.
    let (Some(key), Some(value)) = (message.key(), message.payload()) else { return Ok(None) };
    let mut key = Wire::new(key);
    let kind = key.i16()?;
    // Versions 0 and 1 are commits and 2 is the state of a group; later ones belong to other kinds of groups.
    if kind > 2 || key.text()? != group {
        return Ok(None);
    }
    if kind == 2 {
        return generation(value, topic).map(|generation| generation.map(Entry::Generation));
    }
    if key.text()? != topic {
        return Ok(None);
    }
    let partition = key.i32()?;
    let mut value = Wire::new(value);
    let version = value.version()?;
    let offset = value.i64()?;
    if version >= 3 {
        // The epoch of the partition's leader.
        value.i32()?;
    }
    let metadata = value.text()?;
    let (worker, epoch) = parse(metadata).with_context(|| format!("metadata `{metadata}`"))?;
    let time = value.i64()?;
    Ok(Some(Entry::Commit(Commit { partition, offset, worker, epoch, time })))
}

/// The state of a group; none while it has no protocol, which is before its first generation.
fn generation(value: &[u8], topic: &str) -> Result<Option<Generation>> {
    let mut value = Wire::new(value);
    let version = value.version()?;
    // The kind of protocol, its generation, its name, the leader.
    value.text()?;
    let number = value.i32()?;
    value.text()?;
    value.text()?;
    if version >= 2 {
        value.i64()?;
    }
    let mut assigned = BTreeMap::new();
    for _ in 0..value.count()? {
        value.text()?;
        if version >= 3 {
            value.text()?;
        }
        let client = value.text()?.to_owned();
        value.text()?;
        // Timeouts of rebalance and session, then what the member subscribed to.
        if version >= 1 {
            value.i32()?;
        }
        value.i32()?;
        value.bytes()?;
        assigned.insert(client, assignment(value.bytes()?, topic)?);
        value.end()?;
    }
    Ok((number > 0).then_some(Generation { number, assigned }))
}

/// The partitions of a topic in a member's assignment, which is in the consumers' own form.
fn assignment(bytes: &[u8], topic: &str) -> Result<Vec<i32>> {
    let mut partitions = Vec::new();
    if bytes.is_empty() {
        return Ok(partitions);
    }
    let mut wire = Wire::new(bytes);
    wire.i16()?;
    for _ in 0..wire.count()? {
        let wanted = wire.text()? == topic;
        for _ in 0..wire.count()? {
            let partition = wire.i32()?;
            if wanted {
                partitions.push(partition);
            }
        }
    }
    Ok(partitions)
}

/// `drakkar/1 worker=NAME epoch=N`.
fn parse(metadata: &str) -> Result<(String, u32)> {
    let mut fields = metadata.split(' ');
    ensure!(fields.next() == Some("drakkar/1"), "is not ours");
    let mut fields: BTreeMap<&str, &str> = fields.filter_map(|f| f.split_once('=')).collect();
    let worker = fields.remove("worker").context("names no worker")?.to_owned();
    let epoch = fields.remove("epoch").context("names no epoch")?.parse()?;
    Ok((worker, epoch))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(into: &mut Vec<u8>, text: &str) {
        into.extend((text.len() as i16).to_be_bytes());
        into.extend(text.as_bytes());
    }

    #[test]
    fn a_generation_names_its_members_and_their_partitions() {
        let mut assignment = vec![0, 1, 0, 0, 0, 2];
        for (topic, partitions) in [("other", vec![9]), ("in", vec![0, 3])] {
            text(&mut assignment, topic);
            assignment.extend((partitions.len() as i32).to_be_bytes());
            for partition in partitions {
                assignment.extend(i32::to_be_bytes(partition));
            }
        }
        let mut value = vec![0, 3];
        text(&mut value, "consumer");
        value.extend(7i32.to_be_bytes());
        text(&mut value, "cooperative-sticky");
        value.extend((-1i16).to_be_bytes());
        value.extend(1i64.to_be_bytes());
        value.extend(1i32.to_be_bytes());
        text(&mut value, "w1-uuid");
        value.extend((-1i16).to_be_bytes());
        text(&mut value, "w1");
        text(&mut value, "/127.0.0.1");
        value.extend([0; 8]);
        value.extend((-1i32).to_be_bytes());
        value.extend((assignment.len() as i32).to_be_bytes());
        value.extend(assignment);
        let expected = Generation { number: 7, assigned: BTreeMap::from([("w1".into(), vec![0, 3])]) };
        assert_eq!(generation(&value, "in").unwrap(), Some(expected));
    }

    #[test]
    fn metadata_names_worker_and_epoch() {
        assert_eq!(parse("drakkar/1 worker=w1.2 epoch=7").unwrap(), ("w1.2".to_owned(), 7));
        for wrong in ["", "other/1 worker=w epoch=1", "drakkar/1 worker=w", "drakkar/1 worker=w epoch=x"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
