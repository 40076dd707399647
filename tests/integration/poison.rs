//! Messages that cannot be handled: each ends as it should, and its neighbours flow.

use std::time::Duration;

use drakkar_tests::kafka::{Record, text};
use rdkafka::Message;
use serde_json::Value;

use crate::scene::Scene;

fn record(key: &str, value: Option<&[u8]>) -> Record {
    Record {
        partition: 0,
        key: Some(key.as_bytes().to_vec()),
        value: value.map(<[u8]>::to_vec),
        header: Some(("origin", b"poison".to_vec())),
    }
}

#[test]
fn poison_is_dead_lettered_and_its_neighbours_flow() {
    let mut scene = Scene::new("poison", 1);
    scene.setup.executor.push("max_retries: 1".into());
    scene.issue(200, "echo");
    let big = "x".repeat(900_000);
    let big_message = serde_json::json!({ "id": "big", "body": big, "kind": "precomputed" }).to_string();
    let mut garbage: Vec<u8> = (0..900_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    garbage[0] = 0xff;
    scene.produce([
        record("tombstone", None),
        record("not-utf8", Some(b"\xff\xfe\x00")),
        record("not-json", Some(b"{\"id\": \"x\"")),
        record("big", Some(big_message.as_bytes())),
        record("big-garbage", Some(&garbage)),
    ]);
    for (key, kind) in [("arrange", "panic_in_arrange"), ("complete", "panic_in_complete"), ("hang", "hang")]
    {
        let value = serde_json::json!({ "id": key, "body": "b", "kind": kind }).to_string();
        scene.produce([record(key, Some(value.as_bytes()))]);
    }
    scene.issue(200, "echo");
    let worker = scene.setup.start("w1").unwrap();
    scene.wait_committed(Duration::from_secs(60));
    let ended = worker.stop(Duration::from_secs(35)).unwrap();
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!((ended.count("delivered"), ended.count("dead")), (401, 7), "{:?}", ended.ledger);

    let letters = scene.letters();
    let of = |key: &str| -> Vec<Value> {
        let found = letters.iter().filter(|m| m.key() == Some(key.as_bytes()));
        found.map(|m| serde_json::from_slice(m.payload().unwrap()).unwrap()).collect()
    };
    for (key, stage, error) in [
        ("tombstone", "parse", "tombstone"),
        ("not-utf8", "parse", "not valid JSON"),
        ("not-json", "parse", "EOF while parsing"),
        ("arrange", "arrange", "panicked: asked to panic in arrange"),
        ("complete", "on_task_complete", "asked to panic in on_task_complete"),
        ("hang", "task", "timed out after 0.500 s"),
    ] {
        let found = of(key);
        assert_eq!(found.len(), 1, "letters of {key}");
        let letter = &found[0];
        assert_eq!(letter["stage"], stage, "{key}");
        assert!(letter["error"].as_str().unwrap().contains(error), "{key}: {}", letter["error"]);
        assert_eq!((&letter["partition"], &letter["key"]), (&0.into(), &key.into()), "{key}");
        assert_eq!(letter["headers"][0]["value"], "poison", "{key}");
        assert_eq!(letter["topic"], scene.setup.topic.as_str());
    }
    assert_eq!(of("tombstone")[0]["value"], Value::Null);
    assert_eq!(of("not-utf8")[0]["value_base64"], "//4A");
    assert_eq!(of("not-json")[0]["value"], "{\"id\": \"x\"");
    assert_eq!(of("hang")[0]["attempt_count"], 2);
    assert_eq!(of("big-garbage").len(), 2, "a long value is split over several records");

    let answers = scene.answers();
    let big_answer = answers.iter().find(|m| m.key() == Some(b"big")).expect("the big message has an answer");
    assert!(text(big_answer).contains(&big));
    let neighbours = answers.iter().filter(|m| m.key().is_some_and(|k| k.starts_with(b"m-")));
    assert_eq!(scene.judge.judge(neighbours, []).delivered, 400);

    // A restart reads nothing again: no crash loop, nothing left behind.
    let worker = scene.setup.start("w2").unwrap();
    drakkar_tests::wait::until("assignment", Duration::from_secs(30), || {
        worker.log().contains("partitions_assigned").then_some(())
    });
    let ended = worker.stop(Duration::from_secs(35)).unwrap();
    assert_eq!((ended.status.code(), ended.count("consumed")), (Some(0), 0));
}
