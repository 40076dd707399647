//! The sink against librdkafka's mock cluster.
#![expect(clippy::unwrap_used, reason = "a test panics on what it does not expect")]

use std::time::{Duration, Instant};

use bytes::Bytes;
use drakkar_core::{
    error::Class,
    message::Header,
    payload::{Content, OutputRecord, Payload},
    sink::{Sink, Verdict},
};
use drakkar_sinks_kafka::{KafkaSink, Settings};
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    message::{Headers, OwnedMessage},
    mocking::MockCluster,
    producer::DefaultProducerContext,
};

const LIMIT: Duration = Duration::from_secs(20);

fn cluster() -> MockCluster<'static, DefaultProducerContext> {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("out", 1, 1).unwrap();
    cluster
}

fn settings(brokers: &str) -> Settings {
    Settings {
        name: "results".into(),
        brokers: brokers.into(),
        topic: "out".into(),
        client_id: "test".into(),
        message_timeout: Duration::from_secs(2),
        compression: None,
        connect_timeout: Duration::from_secs(5),
        extra: Vec::new(),
    }
}

async fn connected(settings: Settings) -> KafkaSink {
    let sink = KafkaSink::new(settings).unwrap();
    sink.connect().await.unwrap();
    sink
}

fn payload(value: impl Into<Bytes>) -> Payload {
    let record = OutputRecord { value: Some(value.into()), ..OutputRecord::default() };
    Payload { route: 0, content: Content::Record(record) }
}

fn read(brokers: &str, count: usize) -> Vec<OwnedMessage> {
    let consumer: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", brokers).set("group.id", "reader").create().unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset("out", 0, Offset::Beginning).unwrap();
    consumer.assign(&list).unwrap();
    let until = Instant::now() + LIMIT;
    let mut messages = Vec::new();
    while messages.len() < count && Instant::now() < until {
        messages.extend(consumer.poll(Duration::from_millis(100)).map(|m| m.unwrap().detach()));
    }
    messages
}

fn class(verdict: &Verdict) -> Class {
    match verdict {
        Verdict::Delivered => panic!("delivered"),
        Verdict::Failed(failure) => failure.class,
    }
}

#[tokio::test]
async fn ten_thousand_records_go_in_one_go() {
    let cluster = cluster();
    let sink = connected(settings(&cluster.bootstrap_servers())).await;
    let batch: Vec<_> = (0..10_000).map(|n| payload(n.to_string())).collect();
    let started = Instant::now();
    let verdicts = sink.deliver(&batch).await;
    assert_eq!(verdicts.len(), 10_000);
    assert!(verdicts.iter().all(Verdict::is_delivered));
    // Awaited one by one, each record would wait out the linger of 5 ms: 50 s.
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_record_that_is_too_large_fails_alone_and_for_good() {
    let cluster = cluster();
    let mut settings = settings(&cluster.bootstrap_servers());
    settings.extra.push(("message.max.bytes".into(), "5000".into()));
    let sink = connected(settings).await;
    let verdicts = sink.deliver(&[payload("a"), payload(vec![b'x'; 50_000]), payload("b")]).await;
    assert!(verdicts[0].is_delivered() && verdicts[2].is_delivered(), "{verdicts:?}");
    assert_eq!(class(&verdicts[1]), Class::Permanent);
}

#[tokio::test]
async fn a_broker_that_is_away_is_a_transient_failure_in_time() {
    let cluster = cluster();
    let sink = connected(settings(&cluster.bootstrap_servers())).await;
    assert!(sink.deliver(&[payload("a")]).await[0].is_delivered());
    cluster.broker_down(1).unwrap();
    let started = Instant::now();
    let verdicts = sink.deliver(&[payload("b"), payload("c")]).await;
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    assert_eq!(verdicts.iter().map(class).collect::<Vec<_>>(), [Class::Transient; 2]);
}

#[tokio::test]
async fn nothing_is_delivered_before_connect_or_after_close() {
    let cluster = cluster();
    let sink = KafkaSink::new(settings(&cluster.bootstrap_servers())).unwrap();
    assert_eq!(class(&sink.deliver(&[payload("a")]).await[0]), Class::Transient);
    sink.connect().await.unwrap();
    assert!(sink.deliver(&[payload("b")]).await[0].is_delivered());
    sink.close().await.unwrap();
    assert_eq!(class(&sink.deliver(&[payload("c")]).await[0]), Class::Transient);
}

#[tokio::test]
async fn keys_headers_and_tombstones_arrive_as_they_are() {
    let cluster = cluster();
    let brokers = cluster.bootstrap_servers();
    let sink = connected(settings(&brokers)).await;
    let record = OutputRecord {
        key: Some(Bytes::from_static(b"\xff\x00")),
        value: None,
        headers: vec![Header { name: "h".into(), value: Some(Bytes::from_static(b"v")) }],
    };
    let batch = [Payload { route: 0, content: Content::Record(record) }];
    assert!(sink.deliver(&batch).await[0].is_delivered());
    let message = read(&brokers, 1).remove(0);
    assert_eq!((message.key(), message.payload()), (Some(&b"\xff\x00"[..]), None));
    let header = message.headers().unwrap().get(0);
    assert_eq!((header.key, header.value), ("h", Some(&b"v"[..])));
}

#[tokio::test]
async fn a_missing_topic_and_an_unreachable_broker_are_named() {
    let cluster = cluster();
    let unknown = rdkafka::types::RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    cluster.topic_error("gone", unknown).unwrap();
    let sink =
        KafkaSink::new(Settings { topic: "gone".into(), ..settings(&cluster.bootstrap_servers()) }).unwrap();
    let failure = sink.connect().await.unwrap_err();
    assert_eq!(failure.class, Class::Config);
    assert!(failure.message.contains("topic `gone` does not exist"), "{failure}");
    let unreachable = Settings { connect_timeout: Duration::from_secs(1), ..settings("127.0.0.1:1") };
    let started = Instant::now();
    let failure = KafkaSink::new(unreachable).unwrap().connect().await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    assert_eq!(failure.class, Class::Transient);
    assert!(failure.message.contains("127.0.0.1:1"), "{failure}");
}

#[tokio::test]
async fn a_producer_that_stopped_for_good_is_replaced() {
    use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
    let cluster = cluster();
    let brokers = cluster.bootstrap_servers();
    let sink = connected(settings(&brokers)).await;
    assert!(sink.deliver(&[payload("a")]).await[0].is_delivered());
    let lost = RDKafkaRespErr::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER;
    cluster.request_errors(RDKafkaApiKey::Produce, &[lost]);
    assert_eq!(class(&sink.deliver(&[payload("b")]).await[0]), Class::Transient);
    assert!(sink.deliver(&[payload("b")]).await[0].is_delivered());
    let values: Vec<_> = read(&brokers, 2).iter().map(|m| m.payload().unwrap().to_vec()).collect();
    assert_eq!(values, [b"a", b"b"]);
}

#[tokio::test]
async fn a_full_queue_is_waited_for_and_big_letters_pass() {
    let cluster = cluster();
    let brokers = cluster.bootstrap_servers();
    let mut settings = settings(&brokers);
    settings.message_timeout = LIMIT;
    settings.extra.push(("queue.buffering.max.messages".into(), "100".into()));
    let sink = connected(settings).await;
    let mut batch: Vec<_> = (0..1_000).map(|n| payload(n.to_string())).collect();
    batch.push(payload(vec![b'x'; 2 << 20]));
    let verdicts = sink.deliver(&batch).await;
    assert_eq!(verdicts.len(), 1_001);
    assert!(verdicts.iter().all(Verdict::is_delivered));
    let read = read(&brokers, 1_001);
    let same = |(m, p): (&OwnedMessage, &Payload)| match &p.content {
        Content::Record(r) => m.payload() == r.value.as_deref(),
        _ => false,
    };
    assert!(read.len() == 1_001 && read.iter().zip(&batch).all(same), "not in order");
}

#[tokio::test]
async fn closing_with_the_broker_away_ends_and_what_was_under_way_failed() {
    let cluster = cluster();
    let sink = std::sync::Arc::new(connected(settings(&cluster.bootstrap_servers())).await);
    assert!(sink.deliver(&[payload("a")]).await[0].is_delivered());
    cluster.broker_down(1).unwrap();
    let (delivering, batch) = (sink.clone(), [payload("b")]);
    let under_way = tokio::spawn(async move { delivering.deliver(&batch).await });
    tokio::task::yield_now().await;
    let started = Instant::now();
    sink.close().await.unwrap_or_default();
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    assert_eq!(class(&under_way.await.unwrap()[0]), Class::Transient);
}

#[tokio::test]
async fn a_refused_setting_is_named_without_its_value() {
    for (setting, value) in [("no.such.setting", "hunter2"), ("linger.ms", "hunter2")] {
        let mut settings = settings("127.0.0.1:1");
        settings.extra.push((setting.into(), value.into()));
        let shown = format!("{settings:?}");
        assert!(shown.contains(setting) && !shown.contains("hunter2"), "{shown}");
        let failure = KafkaSink::new(settings).unwrap_err();
        assert_eq!(failure.class, Class::Config);
        assert!(
            failure.message.contains(setting) && !failure.message.contains("hunter2"),
            "{}",
            failure.message
        );
    }
}
