//! A client of its own that looks how much there is to read: the one that reads may be the one that is stuck.
//!
//! It lives on a thread of its own, since its questions wait for the brokers. It joins no group. Without questions for a
//! while it goes away.

use std::{
    sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use drakkar_core::ids::Epoch;
use rdkafka::{
    ClientConfig, ClientContext, Message, Offset, TopicPartitionList,
    config::{FromClientConfigAndContext, RDKafkaLogLevel},
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::{KafkaError, KafkaResult},
};

use crate::Settings;

/// Time for the brokers to answer one request.
const REQUEST: Duration = Duration::from_secs(5);
/// Time to read a message of each partition.
const READ: Duration = Duration::from_secs(5);
/// Between two looks at what the client has to say.
const SERVE: Duration = Duration::from_secs(1);
/// Time without questions after which it goes away.
const UNUSED: Duration = Duration::from_secs(120);

/// What to look at.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) asked: Instant,
    pub(crate) partitions: Vec<Position>,
    /// Whether to read a message of each partition that is behind, as proof that there is one.
    pub(crate) read: bool,
}

/// How far a partition was read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Position {
    pub(crate) partition: i32,
    pub(crate) epoch: Epoch,
    /// The next offset; without one, reading begins where the group committed, or at the beginning.
    pub(crate) next: Option<i64>,
}

/// What was seen. Of nothing else is anything known.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) question: Question,
    /// In the order of the question.
    pub(crate) seen: Vec<Seen>,
}

/// What was seen of one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The offset after the last message.
    pub(crate) end: i64,
    /// Offsets from the position to the end.
    pub(crate) lag: i64,
    /// Whether a message was read there.
    pub(crate) readable: bool,
}

/// The thread with the client.
#[derive(Debug)]
pub(crate) struct Lookout {
    questions: SyncSender<Question>,
    answers: Receiver<Option<Answer>>,
    thread: JoinHandle<()>,
    waiting: bool,
}

impl Lookout {
    /// Starts the thread. Connects nothing before the first question.
    pub(crate) fn start(settings: &Settings) -> std::io::Result<Self> {
        let (questions, asked) = mpsc::sync_channel(1);
        let (tx, answers) = mpsc::sync_channel(1);
        let (config, topic) = (client(settings), settings.topic.clone());
        let thread = thread::Builder::new()
            .name("drakkar-kafka-lookout".to_owned())
            .spawn(move || run(&config, &topic, &asked, &tx))?;
        Ok(Self { questions, answers, thread, waiting: false })
    }

    /// Whether the thread is gone, and another one has to be started.
    pub(crate) fn is_gone(&self) -> bool {
        self.thread.is_finished()
    }

    pub(crate) fn is_waiting(&self) -> bool {
        self.waiting
    }

    pub(crate) fn ask(&mut self, question: Question) {
        self.waiting = self.questions.try_send(question).is_ok();
    }

    /// The answer once it is there: what was seen, or nothing where the brokers did not answer.
    pub(crate) fn answer(&mut self) -> Option<Option<Answer>> {
        let answer = self.answers.try_recv().ok()?;
        self.waiting = false;
        Some(answer)
    }
}

/// The same connection as the source's, but no member of the group.
fn client(settings: &Settings) -> ClientConfig {
    let mut config = settings.client();
    for key in ["group.instance.id", "group.protocol", "debug"] {
        config.remove(key);
    }
    config
        .set("client.id", format!("{}-lookout", settings.worker))
        // One message is enough.
        .set("queued.min.messages", "1")
        .set("queued.max.messages.kbytes", "1024")
        .set_log_level(RDKafkaLogLevel::Emerg);
    config
}

/// Says nothing: the source's own client tells about the brokers.
struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, _: KafkaError, _: &str) {}
}

impl ConsumerContext for Quiet {}

fn run(config: &ClientConfig, topic: &str, asked: &Receiver<Question>, answers: &SyncSender<Option<Answer>>) {
    // The source's client was made of the same settings, so this does not fail for them.
    let Ok(client) = BaseConsumer::from_config_and_context(config, Quiet) else { return };
    let mut used = Instant::now();
    while used.elapsed() < UNUSED {
        match asked.recv_timeout(SERVE) {
            Ok(question) => {
                used = Instant::now();
                let answer = look(&client, topic, &question).ok().map(|seen| Answer { question, seen });
                if answers.send(answer).is_err() {
                    return;
                }
            }
            // What the client has to say must not pile up.
            Err(RecvTimeoutError::Timeout) => drop(client.poll(Duration::ZERO)),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn look(client: &BaseConsumer<Quiet>, topic: &str, question: &Question) -> KafkaResult<Vec<Seen>> {
    let positions = positions(client, topic, &question.partitions)?;
    let ends = offsets_at(client, topic, positions.iter().map(|(p, _)| *p), Offset::End)?;
    let mut seen: Vec<Seen> = positions
        .iter()
        .zip(ends)
        .map(|((_, next), end)| Seen { end, lag: (end - next).max(0), readable: false })
        .collect();
    if question.read {
        read(client, topic, &positions, &mut seen)?;
    }
    Ok(seen)
}

/// Where each partition is read next.
fn positions(client: &BaseConsumer<Quiet>, topic: &str, asked: &[Position]) -> KafkaResult<Vec<(i32, i64)>> {
    let unknown: Vec<i32> = asked.iter().filter(|p| p.next.is_none()).map(|p| p.partition).collect();
    let mut begins = Vec::new();
    if !unknown.is_empty() {
        let mut list = TopicPartitionList::new();
        for partition in &unknown {
            list.add_partition(topic, *partition);
        }
        let committed = client.committed_offsets(list, REQUEST)?;
        let lows = offsets_at(client, topic, unknown.iter().copied(), Offset::Beginning)?;
        for (partition, low) in unknown.iter().zip(lows) {
            let offset = committed.find_partition(topic, *partition).and_then(|e| e.offset().to_raw());
            begins.push((*partition, offset.filter(|offset| *offset >= 0).unwrap_or(low).max(low)));
        }
    }
    let begin = |partition: i32| begins.iter().find(|(p, _)| *p == partition).map_or(0, |(_, next)| *next);
    Ok(asked.iter().map(|p| (p.partition, p.next.unwrap_or_else(|| begin(p.partition)))).collect())
}

/// The first or the last offset of each partition, all asked for at once.
fn offsets_at(
    client: &BaseConsumer<Quiet>,
    topic: &str,
    partitions: impl Iterator<Item = i32>,
    place: Offset,
) -> KafkaResult<Vec<i64>> {
    let mut list = TopicPartitionList::new();
    for partition in partitions {
        // In this request offsets are points in time; these two mean the first and the last.
        list.add_partition_offset(topic, partition, place)?;
    }
    let answer = client.offsets_for_times(list, REQUEST)?;
    answer
        .elements()
        .iter()
        .map(|element| {
            element.error()?;
            let offset = element.offset().to_raw().filter(|offset| *offset >= 0);
            offset.ok_or(KafkaError::OffsetFetch(rdkafka::error::RDKafkaErrorCode::NoOffset))
        })
        .collect()
}

/// Reads a message of each partition that is behind.
///
/// An end beyond the position is no proof: the last offsets may be marks of transactions, or compacted away.
fn read(
    client: &BaseConsumer<Quiet>,
    topic: &str,
    positions: &[(i32, i64)],
    seen: &mut [Seen],
) -> KafkaResult<()> {
    let mut list = TopicPartitionList::new();
    let mut left = 0;
    for ((partition, next), _) in positions.iter().zip(seen.iter()).filter(|(_, seen)| seen.lag > 0) {
        list.add_partition_offset(topic, *partition, Offset::Offset(*next))?;
        left += 1;
    }
    client.assign(&list)?;
    let until = Instant::now() + READ;
    while left > 0 && Instant::now() < until {
        let Some(Ok(message)) = client.poll(until.saturating_duration_since(Instant::now())) else {
            continue;
        };
        let index = positions.iter().position(|(partition, _)| *partition == message.partition());
        if let Some(seen) = index.and_then(|index| seen.get_mut(index)).filter(|seen| !seen.readable) {
            seen.readable = true;
            left -= 1;
        }
    }
    client.unassign()
}
