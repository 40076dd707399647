//! Messages that kill the whole process: a few crashes, one dead letter each, and the worker goes on.

use std::time::{Duration, Instant};

use drakkar_tests::kafka::Record;
use serde_json::Value;

use crate::scene::Scene;

#[test]
fn a_message_that_kills_the_process_is_dead_lettered_by_the_fourth_start() {
    for kind in ["abort_in_arrange", "abort_in_complete"] {
        killer(kind);
    }
}

fn killer(kind: &str) {
    let mut scene = Scene::new("killer", 1);
    let folder = scene.setup.folder.join("marker");
    std::fs::create_dir_all(&folder).unwrap();
    scene.setup.executor.push(format!("crash_marker_dir: {folder:?}"));
    // Small windows keep those few that crash with it apart from the rest.
    scene.setup.executor.push("window_size: 20".into());
    scene.setup.kafka.push("session_timeout_ms: 6000".into());
    scene.setup.kafka.push("heartbeat_interval_ms: 1000".into());
    scene.issue(50, "echo");
    let value = serde_json::json!({ "id": "killer", "body": "b", "kind": kind }).to_string();
    let key = Some(b"killer".to_vec());
    scene.produce([Record { partition: 0, key, value: Some(value.into_bytes()), header: None }]);
    scene.issue(50, "echo");

    let (mut crashes, ends) = (0, scene.ends());
    let ended = loop {
        let started = Instant::now();
        let mut worker = scene.setup.start(&format!("w{crashes}")).unwrap();
        let limit = started + Duration::from_secs(60);
        while worker.runs().unwrap() && scene.committed() != ends {
            assert!(
                Instant::now() < limit,
                "{kind}: neither a crash nor an end, see {}",
                worker.log_path().display()
            );
            std::thread::park_timeout(Duration::from_millis(50));
        }
        if worker.runs().unwrap() {
            break worker.stop(Duration::from_secs(35)).unwrap();
        }
        crashes += 1;
        assert!(crashes <= 3, "{kind}: a fourth crash");
    };
    assert_eq!((crashes, ended.count("dead")), (3, 1), "{kind}: {:?}", ended.ledger);
    let letters = scene.letters();
    assert_eq!(letters.len(), 1, "{kind}");
    let letter: Value = serde_json::from_slice(rdkafka::Message::payload(&letters[0]).unwrap()).unwrap();
    assert_eq!((&letter["stage"], &letter["offset"]), (&"crash".into(), &50.into()), "{kind}: {letter}");
    assert!(letter["error"].as_str().unwrap().contains("died 3 times in a row"), "{letter}");
    let judgement = scene.judge.judge(&scene.answers(), []);
    assert_eq!((judgement.missing, judgement.corrupted), (0, 0), "{kind}: {judgement}");
}
