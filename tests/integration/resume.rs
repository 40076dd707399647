//! How quickly a partition that was paused flows again.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use drakkar_core::{
    bytes_in_hand::ByteLedger,
    config::{AssignmentMode, GroupProtocol},
    source::{AssignedPartition, SourceEvent, SourceHandle},
};
use drakkar_kafka::{KafkaSource, Settings};
use drakkar_tests::kafka::{self, Record};

const LIMIT: Duration = Duration::from_secs(30);
/// The most records that wait; reading goes on at half of it.
const MOST: usize = 1_000;
const ROUNDS: usize = 20;

fn settings(topic: &str) -> Settings {
    Settings {
        brokers: kafka::shared_broker(),
        topic: topic.to_owned(),
        group: format!("{topic}-group"),
        worker: "w".to_owned(),
        assignment: AssignmentMode::Cooperative,
        protocol: GroupProtocol::Classic,
        instance_id: None,
        max_poll_records: 100,
        session_timeout: Duration::from_secs(45),
        heartbeat_interval: Duration::from_secs(3),
        max_poll_interval: Duration::from_secs(300),
        queue_max_messages: MOST,
        rebalance_drain: Duration::from_secs(5),
        commit_interval: Duration::from_millis(500),
        commit_timeout: Duration::from_secs(10),
        close_timeout: Duration::from_secs(10),
        connect_timeout: Duration::from_secs(10),
        watchdog: Duration::from_secs(30),
        extra: Vec::new(),
    }
}

async fn event(source: &SourceHandle) -> SourceEvent {
    tokio::time::timeout(LIMIT, source.events.recv()).await.expect("an event").unwrap()
}

/// Waits for the edge; those in the other direction cannot come twice.
async fn edge(source: &SourceHandle, wanted: bool) {
    while !matches!(event(source).await, SourceEvent::Flow { paused, .. } if paused == wanted) {}
}

/// Takes what waits in the queue until at most this many are left.
fn take_down_to(partition: &AssignedPartition, left: u64) {
    while partition.progress.queued() > left {
        partition.progress.dequeued(partition.batches.try_recv().unwrap().len());
    }
}

/// Times of one round from the low mark on: to the edge, and to the first record.
async fn round(source: &SourceHandle, partition: &AssignedPartition) -> (Duration, Duration) {
    edge(source, true).await;
    take_down_to(partition, MOST as u64 / 2);
    let low = Instant::now();
    edge(source, false).await;
    let resumed = low.elapsed();
    // What was there before the pause is no sign of life.
    take_down_to(partition, 0);
    let batch = tokio::time::timeout(LIMIT, partition.batches.recv()).await.expect("a record").unwrap();
    let flowed = low.elapsed();
    partition.progress.dequeued(batch.len());
    (resumed, flowed)
}

#[tokio::test]
async fn reading_goes_on_within_a_blink_of_the_low_mark() {
    let topic = kafka::unique("resume");
    kafka_topic(&topic).await;
    let source = KafkaSource::open(settings(&topic), Arc::new(ByteLedger::new(1 << 30))).await.unwrap();
    source.control.subscribe();
    let partition = loop {
        if let SourceEvent::Assigned(mut partitions) = event(&source).await {
            break partitions.remove(0);
        }
    };
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        times.push(round(&source, &partition).await);
    }
    println!("to the resume and to the first record, from the low mark on: {times:?}");
    let (mut resumed, mut flowed): (Vec<_>, Vec<_>) = times.into_iter().unzip();
    resumed.sort_unstable();
    flowed.sort_unstable();
    // A busy machine may hold up a round or two; a wait of the client's own would show in all of them.
    let most = ROUNDS * 8 / 10;
    assert!(resumed[most] <= Duration::from_millis(50), "{resumed:?}");
    assert!(flowed[most] <= Duration::from_millis(150), "{flowed:?}");
    source.control.close();
    while !matches!(event(&source).await, SourceEvent::Closed { .. }) {}
}

async fn kafka_topic(topic: &str) {
    let topic = topic.to_owned();
    let made = tokio::task::spawn_blocking(move || {
        let brokers = kafka::shared_broker();
        kafka::create_topics(&brokers, &[(&topic, 1)]).unwrap();
        let record = Record { partition: 0, key: None, value: Some(vec![b'x'; 1_000]), header: None };
        kafka::produce(&brokers, &topic, std::iter::repeat_n(record, 100_000)).unwrap();
    });
    made.await.unwrap();
}
