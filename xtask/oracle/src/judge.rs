//! The judge: what was issued, what came out and when, and nothing of what the workers say about it.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

use anyhow::{Result, ensure};
use drakkar_tests::group::Commit;
use serde::Deserialize;

use crate::message;

/// A message came out at no time.
const NEVER: i64 = i64::MAX;

/// What is known about every message.
#[derive(Debug, Default)]
pub(crate) struct Judge {
    topic: String,
    issued: Vec<Issued>,
    /// Which message lies at a partition and offset.
    places: HashMap<(i32, i64), usize>,
    /// Letters about places that no acknowledgement named yet.
    unplaced: Vec<Letter>,
    counts: Counts,
    /// Letters about messages that can be handled, by what they say.
    unasked: BTreeMap<String, usize>,
    /// The first messages that came out again.
    repeated: Vec<usize>,
}

/// A message that was issued.
#[derive(Debug)]
struct Issued {
    hash: u64,
    poison: bool,
    place: Option<(i32, i64)>,
    delivered: bool,
    dead: bool,
    /// When the broker took its first answer or letter, in milliseconds since 1970.
    out: i64,
}

/// What the judge counts while it reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Messages with an answer.
    pub(crate) delivered: usize,
    /// Messages with a letter and no answer.
    pub(crate) dead: usize,
    /// Answers and letters with another body than the one issued.
    pub(crate) corrupted: usize,
    /// Answers and letters about what nobody issued.
    pub(crate) invented: usize,
    /// Answers and letters beyond the first of each message.
    pub(crate) duplicates: usize,
}

/// Most messages that are named.
pub(crate) const NAMED: usize = 10;

/// A message, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) id: String,
    /// Its partition and offset.
    pub(crate) place: Option<(i32, i64)>,
}

#[derive(Deserialize)]
struct Answer {
    id: String,
    body: String,
}

/// What matters of a dead letter.
#[derive(Debug, Deserialize)]
struct Letter {
    topic: String,
    partition: i32,
    offset: i64,
    stage: String,
    error: String,
    /// The value of the message, which is a text for all that are issued here.
    value: String,
    #[serde(skip)]
    time: i64,
}

impl Judge {
    /// A judge of messages of this topic.
    pub(crate) fn new(topic: &str) -> Self {
        Self { topic: topic.to_owned(), ..Self::default() }
    }

    /// Takes note of a message before it is sent, and tells its number.
    pub(crate) fn issue(&mut self, hash: u64, poison: bool) -> usize {
        self.issued.push(Issued { hash, poison, place: None, delivered: false, dead: false, out: NEVER });
        self.issued.len() - 1
    }

    /// Takes note of where a message lies.
    pub(crate) fn placed(&mut self, number: usize, partition: i32, offset: i64) {
        self.issued[number].place = Some((partition, offset));
        self.places.insert((partition, offset), number);
    }

    /// Looks at a record of the topic of answers.
    pub(crate) fn answer(&mut self, value: &[u8], time: i64) {
        let answer: Option<Answer> = serde_json::from_slice(value).ok();
        let number = answer.as_ref().and_then(|a| message::number(&a.id));
        let number = number.and_then(|n| usize::try_from(n).ok()).filter(|n| *n < self.issued.len());
        let (Some(answer), Some(number)) = (answer, number) else {
            self.counts.invented += 1;
            return;
        };
        let issued = &mut self.issued[number];
        if message::hash(&answer.body) != issued.hash {
            self.counts.corrupted += 1;
            return;
        }
        if issued.delivered || issued.dead {
            self.counts.duplicates += 1;
            remember(&mut self.repeated, number);
        }
        if !issued.delivered {
            issued.delivered = true;
            self.counts.delivered += 1;
            self.counts.dead -= usize::from(issued.dead);
        }
        issued.out = issued.out.min(time);
    }

    /// Looks at a record of the dead letter topic.
    pub(crate) fn letter(&mut self, value: &[u8], time: i64) {
        match serde_json::from_slice::<Letter>(value) {
            Ok(letter) if letter.topic == self.topic => self.unplaced.push(Letter { time, ..letter }),
            _ => self.counts.invented += 1,
        }
    }

    /// Finds the messages of the letters that were seen. Letters that stay are about messages nobody issued, unless an
    /// acknowledgement is on its way.
    pub(crate) fn match_letters(&mut self) {
        for letter in std::mem::take(&mut self.unplaced) {
            let Some(number) = self.places.get(&(letter.partition, letter.offset)) else {
                self.unplaced.push(letter);
                continue;
            };
            let issued = &mut self.issued[*number];
            let original: Option<Answer> = serde_json::from_str(&letter.value).ok();
            let of_this = |a: &Answer| message::number(&a.id) == Some(*number as u64);
            if original.filter(of_this).is_none_or(|a| message::hash(&a.body) != issued.hash) {
                self.counts.corrupted += 1;
                continue;
            }
            if issued.delivered || issued.dead {
                self.counts.duplicates += 1;
                remember(&mut self.repeated, *number);
            } else {
                self.counts.dead += 1;
            }
            if !issued.poison && !issued.dead {
                *self.unasked.entry(format!("{}: {}", letter.stage, letter.error)).or_default() += 1;
            }
            issued.dead = true;
            issued.out = issued.out.min(letter.time);
        }
    }

    pub(crate) fn issued(&self) -> usize {
        self.issued.len()
    }

    /// Messages that ended.
    pub(crate) fn settled(&self) -> usize {
        self.counts.delivered + self.counts.dead
    }

    /// What was counted. Before the end of a run, letters may still wait for an acknowledgement.
    pub(crate) fn counts(&self) -> Counts {
        Counts { invented: self.counts.invented + self.unplaced.len(), ..self.counts }
    }

    /// Letters about messages that can be handled: what they say, and how many there are.
    pub(crate) fn unasked(&self) -> impl Iterator<Item = (&str, usize)> {
        self.unasked.iter().map(|(what, count)| (what.as_str(), *count))
    }

    /// Messages that did not come out, the first ones first.
    pub(crate) fn missing(&self) -> impl Iterator<Item = Named> {
        let missing = self.issued.iter().enumerate().filter(|(_, m)| !m.delivered && !m.dead);
        missing.map(|(number, _)| self.named(number))
    }

    /// The first messages that came out again.
    pub(crate) fn repeated(&self) -> impl Iterator<Item = Named> {
        self.repeated.iter().map(|number| self.named(*number))
    }

    fn named(&self, number: usize) -> Named {
        Named { id: message::id(number as u64), place: self.issued[number].place }
    }

    /// Checks that nothing was committed before it came out.
    ///
    /// Whatever lies below a committed offset had an answer or a letter in the broker's log when the broker took the commit.
    /// The broker stamps both with its own clock.
    ///
    /// # Errors
    /// The first commit that did.
    pub(crate) fn check_commits<'a>(&self, commits: impl IntoIterator<Item = &'a Commit>) -> Result<()> {
        let latest = self.latest();
        for commit in commits {
            let Some(below) = commit.offset.checked_sub(1).filter(|o| *o >= 0) else { continue };
            let partition = latest.get(&commit.partition).map_or(&[][..], Vec::as_slice);
            let Some((out, number)) = usize::try_from(below).ok().and_then(|at| partition.get(at)) else {
                anyhow::bail!("a commit past the end of its partition: {commit:?}");
            };
            ensure!(
                *out <= commit.time,
                "a commit past a message that had not come out: {commit:?}, message {} {}",
                self.named(*number),
                match *out {
                    NEVER => "never came out".to_owned(),
                    out => format!("came out {} ms later", out - commit.time),
                }
            );
        }
        Ok(())
    }

    /// For each partition and offset, when the last message up to it came out, and which that is.
    fn latest(&self) -> BTreeMap<i32, Vec<(i64, usize)>> {
        let mut placed: Vec<_> = self.places.iter().collect();
        placed.sort_unstable();
        let mut latest: BTreeMap<i32, Vec<(i64, usize)>> = BTreeMap::new();
        for ((partition, offset), number) in placed {
            let partition = latest.entry(*partition).or_default();
            // An offset that no acknowledgement named would shift all that follow.
            let known = partition.len() as i64;
            let own = (self.issued[*number].out, *number);
            let until = partition.last().copied().filter(|last| last.0 >= own.0).unwrap_or(own);
            partition.extend((known..=*offset).map(|_| until));
        }
        latest
    }
}

fn remember(repeated: &mut Vec<usize>, number: usize) {
    if repeated.len() < NAMED {
        repeated.push(number);
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some((partition, offset)) => write!(f, "{} at partition {partition}, offset {offset}", self.id),
            None => write!(f, "{}, which the broker did not acknowledge", self.id),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A judge of so many messages with the body `body N`, all in partition 0, in order.
    fn judge(count: usize) -> Judge {
        let mut judge = Judge::new("in");
        for n in 0..count {
            assert_eq!(judge.issue(message::hash(&format!("body {n}")), false), n);
            judge.placed(n, 0, n as i64);
        }
        judge
    }

    fn answer(judge: &mut Judge, n: u64, body: &str, time: i64) {
        judge.answer(json!({ "id": message::id(n), "body": body }).to_string().as_bytes(), time);
    }

    fn letter(judge: &mut Judge, offset: i64, n: u64, body: &str) {
        let value = json!({ "id": message::id(n), "body": body }).to_string();
        let letter = json!({
            "topic": "in", "partition": 0, "offset": offset, "stage": "task", "error": "e", "value": value
        });
        judge.letter(letter.to_string().as_bytes(), 5);
    }

    fn counts(judge: &mut Judge) -> [usize; 6] {
        judge.match_letters();
        let c = judge.counts();
        [c.delivered, c.dead, judge.missing().count(), c.corrupted, c.invented, c.duplicates]
    }

    fn commit(offset: i64, time: i64) -> Commit {
        Commit { partition: 0, offset, worker: "w".into(), epoch: 1, time }
    }

    #[test]
    fn everything_that_came_out_is_counted_once() {
        let mut judge = judge(3);
        answer(&mut judge, 0, "body 0", 1);
        letter(&mut judge, 1, 1, "body 1");
        assert_eq!(counts(&mut judge), [1, 1, 1, 0, 0, 0]);
        assert_eq!(judge.missing().next(), Some(Named { id: message::id(2), place: Some((0, 2)) }));
        answer(&mut judge, 2, "body 2", 1);
        assert_eq!(counts(&mut judge), [2, 1, 0, 0, 0, 0]);
        assert_eq!(judge.unasked().collect::<Vec<_>>(), [("task: e", 1)]);
    }

    #[test]
    fn messages_that_came_out_again_are_named() {
        let mut judge = judge(2);
        answer(&mut judge, 1, "body 1", 1);
        assert_eq!(judge.repeated().count(), 0);
        answer(&mut judge, 1, "body 1", 2);
        let repeated: Vec<_> = judge.repeated().map(|m| m.to_string()).collect();
        assert_eq!(repeated, ["m-00000001 at partition 0, offset 1"]);
    }

    #[test]
    fn a_second_answer_or_letter_is_a_duplicate() {
        let mut judge = judge(2);
        answer(&mut judge, 0, "body 0", 1);
        answer(&mut judge, 0, "body 0", 2);
        letter(&mut judge, 0, 0, "body 0");
        letter(&mut judge, 1, 1, "body 1");
        letter(&mut judge, 1, 1, "body 1");
        assert_eq!(counts(&mut judge), [1, 1, 0, 0, 0, 3]);
        answer(&mut judge, 1, "body 1", 1);
        assert_eq!(counts(&mut judge), [2, 0, 0, 0, 0, 4]);
    }

    #[test]
    fn a_wrong_body_is_corrupted_and_delivers_nothing() {
        let mut judge = judge(2);
        answer(&mut judge, 0, "body 1", 1);
        letter(&mut judge, 1, 1, "body");
        letter(&mut judge, 1, 0, "body 0");
        assert_eq!(counts(&mut judge), [0, 0, 2, 3, 0, 0]);
    }

    #[test]
    fn what_nobody_issued_is_invented() {
        let mut judge = judge(1);
        answer(&mut judge, 1, "body 1", 1);
        judge.answer(b"not an answer", 1);
        judge.letter(b"not a letter", 1);
        letter(&mut judge, 7, 0, "body 0");
        assert_eq!(counts(&mut judge), [0, 0, 1, 0, 4, 0]);
    }

    #[test]
    fn a_letter_may_come_before_the_acknowledgement() {
        let mut judge = Judge::new("in");
        judge.issue(message::hash("body 0"), true);
        letter(&mut judge, 4, 0, "body 0");
        assert_eq!(counts(&mut judge), [0, 0, 1, 0, 1, 0]);
        judge.placed(0, 0, 4);
        assert_eq!(counts(&mut judge), [0, 1, 0, 0, 0, 0]);
        assert_eq!(judge.unasked().count(), 0, "it could not be handled");
    }

    #[test]
    fn a_commit_past_what_came_out_later_or_never_is_found() {
        let mut judge = judge(3);
        answer(&mut judge, 0, "body 0", 10);
        answer(&mut judge, 1, "body 1", 20);
        for (fine, offset, time) in [
            (true, 0, 0),
            (true, 1, 10),
            (false, 1, 9),
            (true, 2, 20),
            (false, 2, 19),
            (false, 3, 99),
            (false, 4, 99),
        ] {
            let found = judge.check_commits(&[commit(offset, time)]);
            assert_eq!(found.is_ok(), fine, "offset {offset} at {time}: {found:?}");
        }
        // An earlier message that came out late counts as well as the last one.
        answer(&mut judge, 2, "body 2", 5);
        assert!(judge.check_commits(&[commit(3, 19)]).is_err());
        judge.check_commits(&[commit(3, 20)]).unwrap();
    }
}
