//! The messages that are issued: each with an id and a body of its own, of many sizes, some with a key.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::json;

use crate::random::Random;

/// Programs are a quarter of the work, so that they and precomputed results overtake each other.
const PROGRAMS_PERCENT: u64 = 25;
/// One message in so many cannot be handled and has to end in the dead letter topic.
const POISON_EVERY: u64 = 500;
/// One message in so many that are precomputed is large.
const LARGE_PERCENT: u64 = 2;

/// A message that can be issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) partition: i32,
    pub(crate) key: Option<String>,
    pub(crate) value: String,
    /// The hash of its body.
    pub(crate) hash: u64,
    /// It cannot be handled.
    pub(crate) poison: bool,
}

/// The message of this number.
pub(crate) fn message(seed: u64, number: u64, partitions: i32) -> Message {
    let mut random = Random::new(seed ^ number.rotate_left(32), 2);
    let program = random.percent(PROGRAMS_PERCENT);
    let poison = random.between(0, POISON_EVERY) == 0;
    let kind = match (poison, program) {
        (true, _) => "panic_in_arrange",
        (false, true) => "echo",
        (false, false) => "precomputed",
    };
    let length = match random.percent(LARGE_PERCENT) {
        true if !program => random.between(4_000, 40_000),
        _ => random.between(20, 900),
    };
    let body = body(&mut random, length as usize);
    let key = random.percent(50).then(|| format!("key-{}", random.between(0, 1_000)));
    Message {
        partition: random.between(0, partitions as u64) as i32,
        key,
        hash: hash(&body),
        value: json!({ "id": id(number), "body": body, "kind": kind }).to_string(),
        poison,
    }
}

/// A text that no other message has, with characters of one to four bytes and some that JSON has to escape.
fn body(random: &mut Random, length: usize) -> String {
    const LETTERS: [char; 16] =
        ['a', 'e', 'n', 'r', 't', ' ', '0', '7', '"', '\\', '\n', '\u{1}', 'ä', 'ß', '世', '🚢'];
    let mut body = format!("{:016x}{:016x} ", random.next(), random.next());
    while body.len() < length {
        let mut bits = random.next();
        for _ in 0..16 {
            body.push(LETTERS[bits as usize % LETTERS.len()]);
            bits >>= 4;
        }
    }
    body
}

/// The id of a message.
pub(crate) fn id(number: u64) -> String {
    format!("m-{number:08}")
}

/// The number in an id.
pub(crate) fn number(id: &str) -> Option<u64> {
    let number = id.strip_prefix("m-")?.parse().ok()?;
    // One form only: `m-1` is an id that nobody issued.
    (self::id(number) == id).then_some(number)
}

/// The hash of a body.
pub(crate) fn hash(body: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn messages_are_unique_and_of_every_kind() {
        let messages: Vec<_> = (0..5_000).map(|n| message(7, n, 8)).collect();
        assert_eq!(messages[42], message(7, 42, 8));
        let hashes: BTreeSet<_> = messages.iter().map(|m| m.hash).collect();
        assert_eq!(hashes.len(), messages.len());
        let some = |what: fn(&Message) -> bool| messages.iter().filter(|m| what(m)).count();
        assert!((1..100).contains(&some(|m| m.poison)), "{}", some(|m| m.poison));
        assert!((1_000..1_500).contains(&some(|m| m.value.contains("\"echo\""))));
        assert!((2_000..3_000).contains(&some(|m| m.key.is_some())));
        assert!(some(|m| m.value.len() > 4_000) > 20);
        let partitions: BTreeSet<_> = messages.iter().map(|m| m.partition).collect();
        assert_eq!(partitions, (0..8).collect());
    }

    #[test]
    fn ids_lead_back_to_numbers_in_one_form_only() {
        assert_eq!(number(&id(1_234_567)), Some(1_234_567));
        for wrong in ["", "m-1", "m-0000001x", "n-00000001", "m--0000001"] {
            assert_eq!(number(wrong), None, "{wrong}");
        }
    }
}
