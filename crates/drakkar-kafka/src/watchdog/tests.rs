//! The watchdog alone, and a consumer that is frozen behind its back.

use std::sync::Arc;

use drakkar_core::{
    bytes_in_hand::ByteLedger,
    message::Record,
    source::{AssignedPartition, Progress},
};
use rdkafka::{
    ClientConfig,
    mocking::MockCluster,
    producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer},
};

use super::*;
use crate::{Settings, control::Control, settings::for_tests};

const LIMIT: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(30);

fn seen(end: i64, lag: i64, readable: bool) -> Seen {
    Seen { end, lag, readable }
}

#[test]
fn only_a_partition_that_is_behind_all_along_is_stalled() {
    let start = Instant::now();
    let at = |seconds: u64| start + Duration::from_secs(seconds);
    let mut silence = Silence::begin(start);
    assert!(!silence.see(at(10), false, seen(5, 0, false)), "nothing waits");
    assert!(!silence.is_suspicious(at(100), PATIENCE));
    assert!(!silence.see(at(100), false, seen(6, 1, false)));
    assert!(!silence.is_suspicious(at(109), PATIENCE), "it may be on its way");
    assert!(silence.is_suspicious(at(110), PATIENCE));
    assert!(silence.see(at(110), true, seen(6, 1, true)));
    silence = Silence::begin(at(111));
    assert!(!silence.see(at(110), true, seen(6, 1, true)), "it came while that was looked at");
}

#[test]
fn an_end_behind_which_nothing_can_be_read_is_looked_at_once() {
    let start = Instant::now();
    let at = |seconds: u64| start + Duration::from_secs(seconds);
    let mut silence = Silence::begin(start);
    silence.see(at(10), false, seen(6, 1, false));
    assert!(silence.is_suspicious(at(30), PATIENCE));
    assert!(!silence.see(at(30), true, seen(6, 1, false)), "the mark of a transaction");
    assert!(!silence.see(at(40), false, seen(6, 1, false)));
    assert!(!silence.is_suspicious(at(500), PATIENCE));
    silence.see(at(500), false, seen(7, 2, false));
    assert!(silence.is_suspicious(at(510), PATIENCE), "now something new waits");
}

/// The thread of a source without the thread: the test takes its turns.
struct Scene {
    cluster: MockCluster<'static, DefaultProducerContext>,
    source: SourceThread,
    events: async_channel::Receiver<SourceEvent>,
    queue: Option<AssignedPartition>,
    stalls: usize,
    recoveries: usize,
}

impl Scene {
    fn new(watchdog: Duration) -> Self {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic("in", 1, 1).unwrap();
        let settings = Settings {
            brokers: cluster.bootstrap_servers(),
            watchdog,
            commit_interval: Duration::from_millis(50),
            ..for_tests()
        };
        let consumer = BaseConsumer::from_config_and_context(&settings.client(), Context::default()).unwrap();
        let (tx, events) = async_channel::bounded(1_000);
        let bytes = Arc::new(ByteLedger::new(1 << 30));
        let mut source = SourceThread::new(consumer, settings, bytes, tx, Arc::new(Control::default()));
        source.subscribe();
        Self { cluster, source, events, queue: None, stalls: 0, recoveries: 0 }
    }

    fn produce(&self, count: usize) {
        let brokers = self.cluster.bootstrap_servers();
        let producer: BaseProducer = ClientConfig::new().set("bootstrap.servers", brokers).create().unwrap();
        for _ in 0..count {
            producer.send(BaseRecord::<str, str>::to("in").payload("x")).map_err(|(e, _)| e).unwrap();
        }
        producer.flush(LIMIT).unwrap();
    }

    /// One turn, and what the runtime would do about it.
    fn turn(&mut self) -> Vec<Record> {
        self.source.turn();
        while let Ok(event) = self.events.try_recv() {
            match event {
                SourceEvent::Assigned(mut partitions) => self.queue = partitions.pop(),
                SourceEvent::Revoking(_) => self.progress().unwrap().set_drained(),
                SourceEvent::Stalled { partitions } => {
                    self.stalls += 1;
                    assert_eq!(partitions.len(), 1);
                }
                SourceEvent::Recovered => self.recoveries += 1,
                SourceEvent::Fatal(error) => panic!("{error}"),
                _ => {}
            }
        }
        let mut records = Vec::new();
        if let Some(queue) = &self.queue {
            while let Ok(batch) = queue.batches.try_recv() {
                queue.progress.dequeued(batch.len());
                records.extend(batch);
            }
            if let Some(last) = records.last() {
                queue.progress.advance(Offset(last.offset.0 + 1));
            }
        }
        records
    }

    fn progress(&self) -> Option<&Arc<Progress>> {
        self.queue.as_ref().map(|queue| &queue.progress)
    }

    /// Takes turns until so many records came.
    fn read(&mut self, count: usize) -> Vec<i64> {
        let mut offsets = Vec::new();
        let until = Instant::now() + LIMIT;
        while offsets.len() < count {
            assert!(Instant::now() < until, "only {offsets:?} came");
            offsets.extend(self.turn().iter().map(|record| record.offset.0));
        }
        offsets
    }

    fn turns_for(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until {
            assert!(self.turn().is_empty());
        }
    }

    /// Stops the client from fetching without anything here knowing of it.
    fn freeze(&self) {
        self.source.consumer.pause(&self.source.list([0])).unwrap();
    }
}

#[test]
fn a_consumer_that_is_stuck_is_replaced_and_reading_goes_on() {
    let mut scene = Scene::new(Duration::from_millis(1_500));
    scene.produce(10);
    assert_eq!(scene.read(10), (0..10).collect::<Vec<_>>());
    let epoch = scene.queue.as_ref().unwrap().assignment.epoch;
    scene.freeze();
    scene.produce(5);
    assert_eq!(scene.read(5), (10..15).collect::<Vec<_>>(), "where the last one had settled");
    assert_eq!((scene.stalls, scene.recoveries), (1, 1));
    assert!(scene.queue.as_ref().unwrap().assignment.epoch > epoch);
    scene.source.close();
}

#[test]
fn a_topic_without_messages_is_no_stall() {
    let mut scene = Scene::new(Duration::from_millis(300));
    scene.produce(3);
    scene.read(3);
    scene.turns_for(Duration::from_secs(3));
    assert_eq!((scene.stalls, scene.recoveries), (0, 0));
    assert!(scene.source.watchdog.asked.is_some(), "void: it never looked");
    scene.source.close();
}

#[test]
fn a_watchdog_that_is_off_looks_at_nothing() {
    let mut scene = Scene::new(Duration::ZERO);
    scene.produce(3);
    scene.read(3);
    scene.freeze();
    scene.produce(3);
    scene.turns_for(Duration::from_secs(2));
    assert!(scene.stalls == 0 && scene.source.watchdog.lookout.is_none());
    scene.source.close();
}
