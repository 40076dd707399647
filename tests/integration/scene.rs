//! What most tests need: topics of their own, a judge, and a way to see that everything settled.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    time::{Duration, Instant},
};

use drakkar_tests::{
    group::Follower,
    judge::{Judge, Judgement},
    kafka::{self, Reader, Record},
    wait,
    worker::Setup,
};
use rdkafka::message::OwnedMessage;

/// Whether tests take their full length: `cargo xtask soak` sets `DRAKKAR_SOAK`.
pub fn is_soak() -> bool {
    std::env::var_os("DRAKKAR_SOAK").is_some()
}

/// How many times larger than usual a run is.
pub fn scale() -> usize {
    if is_soak() { 10 } else { 1 }
}

/// Random numbers whose seed is printed, and taken from `DRAKKAR_SEED` when that is set.
pub struct Seed(u64);

impl Seed {
    pub fn new() -> Self {
        let seed = match std::env::var("DRAKKAR_SEED") {
            Ok(seed) => seed.parse().expect("DRAKKAR_SEED is a number"),
            Err(_) => {
                kafka::unique("").bytes().fold(7, |sum: u64, b| sum.wrapping_mul(31).wrapping_add(b.into()))
            }
        };
        println!("seed {seed}");
        // Zero is the one state that xorshift never leaves.
        Self(seed | 1)
    }

    /// A number below this one.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit
    }
}

/// Topics, a judge and the settings of a worker.
pub struct Scene {
    pub brokers: String,
    pub partitions: i32,
    pub judge: Judge,
    pub setup: Setup,
}

impl Scene {
    pub fn new(name: &str, partitions: i32) -> Self {
        Self::on(&kafka::shared_broker(), name, partitions)
    }

    pub fn on(brokers: &str, name: &str, partitions: i32) -> Self {
        let name = kafka::unique(name);
        let (topic, answers) = (format!("{name}-in"), format!("{name}-out"));
        let letters = format!("{topic}_dlq");
        kafka::create_topics(brokers, &[(&topic, partitions), (&answers, 2), (&letters, 1)]).unwrap();
        let setup = Setup {
            brokers: brokers.to_owned(),
            topic,
            answers,
            group: format!("{name}-group"),
            kafka: Vec::new(),
            executor: Vec::new(),
            app: Vec::new(),
            folder: PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name),
            program: env!("CARGO_BIN_EXE_test-worker").into(),
            child: env!("CARGO_BIN_EXE_test-child").into(),
        };
        Self { brokers: brokers.to_owned(), partitions, judge: Judge::default(), setup }
    }

    /// Issues messages of this kind, evenly over the partitions.
    pub fn issue(&mut self, count: usize, kind: &str) {
        let records: Vec<_> =
            (0..count).map(|n| self.judge.issue(n as i32 % self.partitions, kind)).collect();
        self.produce(records);
    }

    pub fn produce(&self, records: impl IntoIterator<Item = Record>) {
        kafka::produce(&self.brokers, &self.setup.topic, records).unwrap();
    }

    pub fn committed(&self) -> Vec<i64> {
        // A coordinator that is just starting refuses for a moment.
        let ask =
            || kafka::committed(&self.brokers, &self.setup.group, &self.setup.topic, self.partitions).ok();
        wait::until("an answer about committed offsets", Duration::from_secs(60), ask)
    }

    pub fn ends(&self) -> Vec<i64> {
        // So does a broker that is just starting.
        let ask = || kafka::ends(&self.brokers, &self.setup.topic, self.partitions).ok();
        wait::until("an answer about the ends of a topic", Duration::from_secs(60), ask)
    }

    /// Waits until every message of the source topic is committed.
    pub fn wait_committed(&self, limit: Duration) {
        let ends = self.ends();
        wait::until("commit of the whole source topic", limit, || (self.committed() == ends).then_some(()));
    }

    /// Waits until this many messages are committed.
    pub fn wait_progress(&self, messages: i64, limit: Duration) {
        let what = format!("{messages} committed messages");
        wait::until(&what, limit, || {
            let sum: i64 = self.committed().iter().filter(|o| **o > 0).sum();
            (sum >= messages).then_some(())
        });
    }

    /// Follows what the broker stores about the group.
    pub fn follow_group(&self) -> Follower {
        Follower::new(&self.brokers, &self.setup.group, &self.setup.topic).unwrap()
    }

    /// Waits until these workers, and no others, are in the group with an even share of the partitions each.
    pub fn wait_shares(&self, follower: &mut Follower, workers: &[String]) {
        let share = self.partitions as usize / workers.len();
        let expected: BTreeMap<_, _> = workers.iter().map(|name| (name.clone(), share)).collect();
        wait::until("an even share for every worker", Duration::from_secs(60), || {
            follower.poll(Duration::from_millis(100)).unwrap();
            (follower.history().shares() == expected).then_some(())
        });
    }

    pub fn answers(&self) -> Vec<OwnedMessage> {
        Reader::new(&self.brokers, &self.setup.answers).unwrap().drain()
    }

    pub fn letters(&self) -> Vec<OwnedMessage> {
        Reader::new(&self.brokers, &format!("{}_dlq", self.setup.topic)).unwrap().drain()
    }

    pub fn judgement(&self) -> Judgement {
        let judgement = self.judge.judge(&self.answers(), &self.letters());
        println!("{judgement}");
        judgement
    }

    /// Asserts that nothing is missing, corrupted or invented.
    pub fn assert_nothing_lost(&self) -> Judgement {
        let judgement = self.judgement();
        assert_eq!((judgement.missing, judgement.corrupted, judgement.invented), (0, 0, 0), "{judgement}");
        judgement
    }
}

/// Runs `check` again and again until the limit, to show that something stays true.
pub fn holds_for(limit: Duration, mut check: impl FnMut()) {
    let until = Instant::now() + limit;
    while Instant::now() < until {
        check();
        std::thread::park_timeout(Duration::from_millis(50));
    }
}
