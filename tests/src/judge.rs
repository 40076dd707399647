//! The judge: what was issued, what came out, and nothing of what the workers say about it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use rdkafka::{Message, message::OwnedMessage};
use serde_json::{Value, json};

use crate::kafka::Record;

/// Messages that were issued, by id.
#[derive(Clone, Debug, Default)]
pub struct Judge {
    issued: BTreeMap<String, String>,
}

/// What the judge found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// Messages issued.
    pub issued: usize,
    /// Messages that came out at least once.
    pub delivered: usize,
    /// Messages found in the dead letter topic.
    pub dead: usize,
    /// Messages found nowhere.
    pub missing: usize,
    /// Results with another body than the one issued.
    pub corrupted: usize,
    /// Results nobody asked for.
    pub invented: usize,
    /// Results beyond the first of each message.
    pub duplicates: usize,
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "issued={} delivered={} dead={} missing={} corrupted={} invented={} duplicates={}",
            self.issued,
            self.delivered,
            self.dead,
            self.missing,
            self.corrupted,
            self.invented,
            self.duplicates
        )
    }
}

impl Judge {
    /// Issues a message for a partition: a unique id and a body that no other message has.
    pub fn issue(&mut self, partition: i32, kind: &str) -> Record {
        let n = self.issued.len() as u64;
        let id = format!("m-{n:07}");
        let body = format!("{:016x}{:016x}", mix(n), mix(n ^ 0x1234_5678)).repeat(4);
        let value = json!({ "id": id, "body": body, "kind": kind }).to_string();
        self.issued.insert(id.clone(), body);
        Record { partition, key: Some(id.into_bytes()), value: Some(value.into_bytes()), header: None }
    }

    /// Judges what is in the output topic and the dead letter topic.
    pub fn judge<'a>(
        &self,
        results: impl IntoIterator<Item = &'a OwnedMessage>,
        letters: impl IntoIterator<Item = &'a OwnedMessage>,
    ) -> Judgement {
        let mut judgement = Judgement { issued: self.issued.len(), ..Judgement::default() };
        let mut seen = BTreeSet::new();
        for message in results {
            let value: Value =
                serde_json::from_slice(message.payload().unwrap_or_default()).unwrap_or_default();
            let Some((id, body)) = self.issued.get_key_value(value["id"].as_str().unwrap_or_default()) else {
                judgement.invented += 1;
                continue;
            };
            if value["body"] != body.as_str() {
                judgement.corrupted += 1;
            }
            if !seen.insert(id) {
                judgement.duplicates += 1;
            }
        }
        judgement.delivered = seen.len();
        for message in letters {
            let key = String::from_utf8_lossy(message.key().unwrap_or_default()).into_owned();
            match self.issued.get_key_value(&key) {
                None => judgement.invented += 1,
                Some((id, _)) => judgement.dead += usize::from(seen.insert(id)),
            }
        }
        judgement.missing = self.issued.len() - seen.len();
        judgement
    }

    /// How many were issued.
    pub fn issued(&self) -> usize {
        self.issued.len()
    }
}

fn mix(n: u64) -> u64 {
    let z = (n.wrapping_add(0x9e37_79b9_7f4a_7c15) ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb)
}
