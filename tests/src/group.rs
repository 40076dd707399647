//! What a stranger can read of a group: its commits in `__consumer_offsets`, with their metadata.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use rdkafka::Message;

use crate::kafka::Reader;

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
}

/// All commits of a group for a topic, in the order the broker stored them.
pub fn commits(brokers: &str, group: &str, topic: &str) -> Result<Vec<Commit>> {
    let mut commits = Vec::new();
    for message in Reader::new(brokers, "__consumer_offsets")?.drain() {
        let (Some(key), Some(value)) = (message.key(), message.payload()) else { continue };
        let mut key = Bytes(key);
        // Versions 0 and 1 are offset commits; higher ones are group metadata.
        if key.i16()? > 1 || key.string()? != group || key.string()? != topic {
            continue;
        }
        let partition = key.i32()?;
        let mut value = Bytes(value);
        let version = value.i16()?;
        ensure!((0..=4).contains(&version), "unknown version {version} of a stored commit");
        let offset = value.i64()?;
        if version >= 3 {
            value.i32()?;
        }
        // Version 4 is "flexible": its texts carry their length in another form.
        let metadata = if version >= 4 { value.compact_string()? } else { value.string()? };
        let (worker, epoch) = parse(&metadata).with_context(|| format!("metadata `{metadata}`"))?;
        commits.push(Commit { partition, offset, worker, epoch });
    }
    Ok(commits)
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

/// Checks what no commit may ever do: move an offset backwards, or come from an assignment that was over.
///
/// An assignment of a partition is over once another worker committed for it: a commit with the old epoch after that came
/// from a worker that did not own the partition any more.
pub fn check(commits: &[Commit]) -> Result<()> {
    let mut last: BTreeMap<i32, &Commit> = BTreeMap::new();
    let mut over: BTreeMap<(i32, &str), u32> = BTreeMap::new();
    for commit in commits {
        if let Some(before) = last.insert(commit.partition, commit) {
            if commit.offset < before.offset {
                bail!("the committed offset moved backwards: {before:?}, then {commit:?}");
            }
            if (&before.worker, before.epoch) != (&commit.worker, commit.epoch) {
                over.insert((commit.partition, &before.worker), before.epoch);
            }
        }
        if over.get(&(commit.partition, commit.worker.as_str())).is_some_and(|epoch| commit.epoch <= *epoch) {
            bail!("a worker committed for a partition that it had lost: {commit:?}");
        }
    }
    Ok(())
}

/// A reader of Kafka's binary form.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>().context("a stored commit is too short")?;
        self.0 = rest;
        Ok(*head)
    }

    fn i16(&mut self) -> Result<i16> {
        Ok(i16::from_be_bytes(self.take()?))
    }

    fn i32(&mut self) -> Result<i32> {
        Ok(i32::from_be_bytes(self.take()?))
    }

    fn i64(&mut self) -> Result<i64> {
        Ok(i64::from_be_bytes(self.take()?))
    }

    fn string(&mut self) -> Result<String> {
        let length = usize::try_from(self.i16()?)?;
        self.text(length)
    }

    fn compact_string(&mut self) -> Result<String> {
        let (mut length, mut shift) = (0usize, 0);
        loop {
            let [byte] = self.take()?;
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                return self.text(length.saturating_sub(1));
            }
            ensure!(shift < 32, "a length in a stored commit is too long");
        }
    }

    fn text(&mut self, length: usize) -> Result<String> {
        ensure!(self.0.len() >= length, "a stored commit is too short");
        let (head, rest) = self.0.split_at(length);
        self.0 = rest;
        Ok(std::str::from_utf8(head)?.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(offset: i64, worker: &str, epoch: u32) -> Commit {
        Commit { partition: 0, offset, worker: worker.into(), epoch }
    }

    #[test]
    fn an_orderly_hand_over_passes() {
        let commits = [commit(5, "a", 1), commit(7, "a", 1), commit(7, "b", 1), commit(9, "a", 2)];
        assert!(check(&commits).is_ok());
    }

    #[test]
    fn an_offset_that_moves_backwards_is_found() {
        assert!(check(&[commit(5, "a", 1), commit(4, "a", 1)]).is_err());
    }

    #[test]
    fn a_commit_after_the_hand_over_is_found() {
        assert!(check(&[commit(5, "a", 1), commit(6, "b", 1), commit(7, "a", 1)]).is_err());
    }
}
