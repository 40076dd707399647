//! The source against librdkafka's mock cluster: one small cluster per test.
#![expect(clippy::unwrap_used, reason = "a test panics on what it does not expect")]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use drakkar_core::{
    bytes_in_hand::ByteLedger,
    config::{AssignmentMode, GroupProtocol},
    error::Class,
    ids::{Assignment, Offset},
    message::Record,
    source::{AssignedPartition, SourceEvent, SourceHandle},
};
use drakkar_kafka::{KafkaSource, Settings};
use rdkafka::{
    ClientConfig, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    mocking::MockCluster,
    producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer},
};

const LIMIT: Duration = Duration::from_secs(60);

fn cluster(partitions: i32) -> MockCluster<'static, DefaultProducerContext> {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("in", partitions, 1).unwrap();
    cluster
}

fn settings(brokers: &str, worker: &str) -> Settings {
    Settings {
        brokers: brokers.to_owned(),
        topic: "in".to_owned(),
        group: "group".to_owned(),
        worker: worker.to_owned(),
        assignment: AssignmentMode::Cooperative,
        protocol: GroupProtocol::Classic,
        instance_id: None,
        max_poll_records: 100,
        session_timeout: Duration::from_secs(10),
        heartbeat_interval: Duration::from_millis(500),
        max_poll_interval: Duration::from_secs(60),
        queue_max_messages: 10_000,
        rebalance_drain: Duration::from_secs(5),
        commit_interval: Duration::from_millis(100),
        commit_timeout: Duration::from_secs(5),
        close_timeout: Duration::from_secs(5),
        connect_timeout: Duration::from_secs(5),
        watchdog: Duration::from_secs(30),
        extra: Vec::new(),
    }
}

fn produce(brokers: &str, partitions: i32, count: i32) {
    let producer: BaseProducer = ClientConfig::new().set("bootstrap.servers", brokers).create().unwrap();
    for n in 0..count {
        let value = n.to_string();
        let record = BaseRecord::to("in").partition(n % partitions).key("k").payload(&value);
        producer.send(record).map_err(|(e, _)| e).unwrap();
    }
    producer.flush(LIMIT).unwrap();
}

async fn open(settings: Settings) -> SourceHandle {
    open_with(settings, &Arc::new(ByteLedger::new(1 << 30))).await
}

async fn open_with(settings: Settings, bytes: &Arc<ByteLedger>) -> SourceHandle {
    let source = KafkaSource::open(settings, bytes.clone()).await.unwrap();
    source.control.subscribe();
    source
}

async fn next(source: &SourceHandle) -> SourceEvent {
    tokio::time::timeout(LIMIT, source.events.recv()).await.expect("an event").expect("the source runs")
}

async fn assigned(source: &SourceHandle) -> Vec<AssignedPartition> {
    loop {
        if let SourceEvent::Assigned(partitions) = next(source).await {
            return partitions;
        }
    }
}

/// Takes this many records out of a partition's queue, as a pipeline would.
async fn take(partition: &AssignedPartition, count: usize) -> Vec<Record> {
    let mut records = Vec::new();
    while records.len() < count {
        let batch = tokio::time::timeout(LIMIT, partition.batches.recv()).await.expect("a batch").unwrap();
        partition.progress.dequeued(batch.len());
        records.extend(batch);
    }
    records
}

async fn closed(source: &SourceHandle) -> bool {
    source.control.close();
    loop {
        if let SourceEvent::Closed { orderly } = next(source).await {
            return orderly;
        }
    }
}

fn committed(brokers: &str, partition: i32) -> (Option<i64>, String) {
    let consumer: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", brokers).set("group.id", "group").create().unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition("in", partition);
    let committed = consumer.committed_offsets(list, LIMIT).unwrap();
    let element = committed.find_partition("in", partition).unwrap();
    (element.offset().to_raw().filter(|o| *o >= 0), element.metadata().to_owned())
}

#[tokio::test]
async fn records_arrive_in_order_and_what_settled_is_committed_with_its_owner() {
    let cluster = cluster(2);
    let brokers = cluster.bootstrap_servers();
    produce(&brokers, 2, 1_000);
    let source = open(settings(&brokers, "w1")).await;
    let partitions = assigned(&source).await;
    assert_eq!(partitions.len(), 2);
    for partition in &partitions {
        let records = take(partition, 500).await;
        let offsets: Vec<_> = records.iter().map(|r| r.offset.0).collect();
        assert_eq!(offsets, (0..500).collect::<Vec<_>>());
        assert_eq!(records[0].key.as_deref(), Some(&b"k"[..]));
    }
    let first = &partitions[0];
    first.progress.advance(Offset(321));
    assert!(closed(&source).await);
    let number = first.assignment.partition.0;
    assert_eq!(committed(&brokers, number), (Some(321), "drakkar/1 worker=w1 epoch=1".to_owned()));
    assert_eq!(committed(&brokers, 1 - number).0, None, "nothing settled there");
}

#[tokio::test]
async fn a_partition_that_moves_is_drained_committed_and_fenced() {
    let cluster = cluster(4);
    let brokers = cluster.bootstrap_servers();
    produce(&brokers, 4, 400);
    let first = open(settings(&brokers, "first")).await;
    let partitions = assigned(&first).await;
    for partition in &partitions {
        take(partition, 100).await;
        partition.progress.advance(Offset(60));
    }
    let second = open(settings(&brokers, "second")).await;
    let going: Vec<Assignment> = loop {
        if let SourceEvent::Revoking(going) = next(&first).await {
            break going;
        }
    };
    assert_eq!(going.len(), 2);
    for partition in partitions.iter().filter(|p| going.contains(&p.assignment)) {
        partition.progress.advance(Offset(80));
        partition.progress.set_drained();
    }
    loop {
        if let SourceEvent::Released { assignments, lost } = next(&first).await {
            assert_eq!((assignments, lost), (going.clone(), false));
            break;
        }
    }
    let taken = assigned(&second).await;
    assert_eq!(taken.len(), 2);
    for partition in &taken {
        let number = partition.assignment.partition;
        assert!(going.iter().any(|a| a.partition == number));
        // The new owner starts where the old one had settled.
        assert_eq!(take(partition, 20).await[0].offset, Offset(80));
        partition.progress.advance(Offset(90));
    }
    // What the old owner's late work reports is read by nobody.
    for partition in partitions.iter().filter(|p| going.contains(&p.assignment)) {
        partition.progress.advance(Offset(100));
    }
    assert!(closed(&first).await);
    assert!(closed(&second).await);
    for assignment in &going {
        let (offset, metadata) = committed(&brokers, assignment.partition.0);
        assert_eq!(offset, Some(90));
        assert!(metadata.contains("worker=second"), "{metadata}");
    }
}

#[tokio::test]
async fn a_full_queue_pauses_and_nothing_is_lost_or_repeated() {
    let cluster = cluster(1);
    let brokers = cluster.bootstrap_servers();
    produce(&brokers, 1, 2_000);
    let source = open(Settings { queue_max_messages: 150, ..settings(&brokers, "w1") }).await;
    let partition = assigned(&source).await.remove(0);
    let mut paused;
    let mut edges = 0;
    // Nobody takes anything: it must pause by itself.
    loop {
        if let SourceEvent::Flow { paused: true, .. } = next(&source).await {
            paused = Some(true);
            break;
        }
    }
    let mut offsets: Vec<i64> = Vec::new();
    while offsets.len() < 2_000 {
        assert!(partition.progress.queued() <= 150 + 100, "{}", partition.progress.queued());
        offsets.extend(take(&partition, 1).await.iter().map(|r| r.offset.0));
        while let Ok(event) = source.events.try_recv() {
            if let SourceEvent::Flow { paused: now, .. } = event {
                assert_ne!(paused.replace(now), Some(now), "the same edge twice");
                edges += 1;
            }
        }
    }
    assert_eq!(offsets, (0..2_000).collect::<Vec<_>>());
    assert!(edges > 0, "void: it never resumed");
    assert!(closed(&source).await);
}

#[tokio::test]
async fn a_missing_topic_is_named() {
    let cluster = cluster(1);
    cluster
        .topic_error("gone", rdkafka::types::RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        .unwrap();
    let settings = Settings { topic: "gone".to_owned(), ..settings(&cluster.bootstrap_servers(), "w1") };
    let error = KafkaSource::open(settings, Arc::new(ByteLedger::new(1))).await.unwrap_err();
    assert_eq!(error.class, Class::Config);
    assert!(error.message.contains("topic `gone` does not exist"), "{error}");
}

#[tokio::test]
async fn brokers_that_do_not_answer_are_named_in_time() {
    let started = Instant::now();
    let settings = Settings { connect_timeout: Duration::from_secs(2), ..settings("127.0.0.1:1", "w1") };
    let error = KafkaSource::open(settings, Arc::new(ByteLedger::new(1))).await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    assert_eq!(error.class, Class::Transient);
    assert!(error.message.contains("127.0.0.1:1") && error.message.contains("refused"), "{error}");
}

#[tokio::test]
async fn a_setting_that_the_client_does_not_know_is_a_mistake_in_the_configuration() {
    let extra = vec![("no.such.setting".into(), "1".into())];
    let settings = Settings { extra, ..settings("127.0.0.1:1", "w1") };
    let error = KafkaSource::open(settings, Arc::new(ByteLedger::new(1))).await.unwrap_err();
    assert_eq!(error.class, Class::Config);
    assert!(error.message.contains("no.such.setting"), "{error}");
}

#[tokio::test]
async fn closing_with_the_broker_away_ends_at_its_deadline() {
    let cluster = cluster(1);
    let brokers = cluster.bootstrap_servers();
    produce(&brokers, 1, 100);
    let settings = Settings {
        commit_timeout: Duration::from_secs(1),
        close_timeout: Duration::from_secs(2),
        ..settings(&brokers, "w1")
    };
    let source = open(settings).await;
    let partition = assigned(&source).await.remove(0);
    take(&partition, 100).await;
    cluster.broker_down(1).unwrap();
    partition.progress.advance(Offset(100));
    let asked = Instant::now();
    closed(&source).await;
    assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
}

#[tokio::test]
async fn a_full_byte_budget_holds_every_partition_and_all_is_given_back() {
    let cluster = cluster(2);
    let brokers = cluster.bootstrap_servers();
    produce(&brokers, 2, 4_000);
    let bytes = Arc::new(ByteLedger::new(64 * 1024));
    let source = open_with(settings(&brokers, "w1"), &bytes).await;
    let partitions = assigned(&source).await;
    let mut paused = 0;
    while paused < 2 {
        paused += usize::from(matches!(next(&source).await, SourceEvent::Flow { paused: true, .. }));
    }
    assert!(bytes.is_full());
    let mut offsets = [Vec::new(), Vec::new()];
    let mut largest = 0;
    let until = Instant::now() + LIMIT;
    while offsets.iter().any(|o| o.len() < 2_000) {
        assert!(Instant::now() < until, "stuck at {:?}", offsets.map(|o| o.len()));
        for (partition, offsets) in partitions.iter().zip(&mut offsets) {
            let batch = tokio::time::timeout(Duration::from_millis(20), partition.batches.recv()).await;
            for record in batch.into_iter().flatten().flatten() {
                partition.progress.dequeued(1);
                bytes.give(record.size());
                largest = largest.max(record.size());
                offsets.push(record.offset.0);
            }
        }
    }
    for offsets in offsets {
        assert_eq!(offsets, (0..2_000).collect::<Vec<_>>());
    }
    // Keys are not known before a message is taken: a little more than one message past the budget.
    assert!(
        bytes.peak() < 64 * 1024 + 3 * largest as u64,
        "past the budget by more than a message: {}",
        bytes.peak()
    );
    assert!(closed(&source).await);
    assert_eq!(bytes.held(), 0);
}

#[tokio::test]
async fn a_partition_that_was_paused_flows_when_it_comes_back() {
    let cluster = cluster(2);
    let brokers = cluster.bootstrap_servers();
    produce(&brokers, 2, 1_000);
    let small =
        Settings { queue_max_messages: 50, rebalance_drain: Duration::ZERO, ..settings(&brokers, "first") };
    let first = open(small).await;
    let before = assigned(&first).await;
    // Nobody takes anything: both partitions pause, and stay so until one of them goes.
    let mut paused = 0;
    while paused < 2 {
        paused += usize::from(matches!(next(&first).await, SourceEvent::Flow { paused: true, .. }));
    }
    let second = open(settings(&brokers, "second")).await;
    let moved = assigned(&second).await.remove(0).assignment.partition;
    assert!(closed(&second).await);
    let again = loop {
        match assigned(&first).await.remove(0) {
            back if back.assignment.partition == moved => break back,
            _ => {}
        }
    };
    assert!(again.assignment.epoch > before[0].assignment.epoch);
    let offsets: Vec<_> = take(&again, 500).await.iter().map(|r| r.offset.0).collect();
    assert_eq!(offsets, (0..500).collect::<Vec<_>>());
    assert!(closed(&first).await);
}

#[tokio::test]
async fn after_the_intake_stopped_nothing_more_comes_but_commits_go_on() {
    let cluster = cluster(1);
    let brokers = cluster.bootstrap_servers();
    produce(&brokers, 1, 10);
    let source = open(settings(&brokers, "w1")).await;
    let partition = assigned(&source).await.remove(0);
    take(&partition, 10).await;
    source.control.stop_intake();
    while !matches!(next(&source).await, SourceEvent::Flow { paused: true, .. }) {}
    produce(&brokers, 1, 10);
    partition.progress.advance(Offset(10));
    loop {
        if let SourceEvent::Committed(offsets) = next(&source).await {
            assert_eq!(offsets, [(partition.assignment.partition, Offset(10))]);
            break;
        }
    }
    assert!(partition.batches.is_empty());
    assert!(closed(&source).await);
    assert_eq!(committed(&brokers, 0).0, Some(10));
}

#[tokio::test]
async fn a_commit_that_the_group_or_the_broker_refuses_is_reported_and_made_up_for() {
    use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
    for (code, given_up) in [
        (RDKafkaRespErr::RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS, true),
        (RDKafkaRespErr::RD_KAFKA_RESP_ERR_INVALID_COMMIT_OFFSET_SIZE, false),
    ] {
        let cluster = cluster(1);
        let brokers = cluster.bootstrap_servers();
        produce(&brokers, 1, 10);
        let source = open(settings(&brokers, "w1")).await;
        let partition = assigned(&source).await.remove(0);
        take(&partition, 10).await;
        cluster.request_errors(RDKafkaApiKey::OffsetCommit, &[code; 2]);
        partition.progress.advance(Offset(4));
        loop {
            if let SourceEvent::CommitFailed { discarded, .. } = next(&source).await {
                assert_eq!(discarded, given_up, "{code:?}");
                break;
            }
        }
        partition.progress.advance(Offset(7));
        while !matches!(next(&source).await, SourceEvent::Committed(_)) {}
        assert_eq!(committed(&brokers, 0).0, Some(7));
        assert!(closed(&source).await);
    }
}
