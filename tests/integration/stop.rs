//! Stopping a worker whose programs do not end by themselves.

use std::{
    fs,
    time::{Duration, Instant},
};

use drakkar_tests::{kafka, wait};
use nix::sys::signal::Signal;

use crate::scene::Scene;

/// A scene with four programs that never end, and the text that tells them from all others.
fn stuck() -> (Scene, String) {
    let mut scene = Scene::new("stuck", 1);
    let mark = kafka::unique("never-ends");
    let order =
        |n: u32| serde_json::json!({ "id": n.to_string(), "body": mark, "kind": "hang_long" }).to_string();
    scene.produce((0..4).map(|n| kafka::Record {
        partition: 0,
        key: None,
        value: Some(order(n).into_bytes()),
        header: None,
    }));
    scene.setup.executor.push("drain_timeout_seconds: 4".into());
    scene.setup.executor.push("kill_grace_seconds: 2".into());
    (scene, mark)
}

/// How many processes have this text among their arguments.
fn processes(mark: &str) -> usize {
    let Ok(entries) = fs::read_dir("/proc") else { return 0 };
    let commands = entries.flatten().filter_map(|e| fs::read(e.path().join("cmdline")).ok());
    commands.filter(|c| String::from_utf8_lossy(c).contains(mark)).count()
}

#[test]
fn a_stop_ends_programs_that_do_not_end_by_themselves() {
    let (scene, mark) = stuck();
    let worker = scene.setup.start("w1").unwrap();
    wait::until("programs that never end", Duration::from_secs(30), || (processes(&mark) == 4).then_some(()));
    let ended = worker.stop(Duration::from_secs(10)).unwrap();
    assert!(ended.took <= Duration::from_secs(6), "took {:?}", ended.took);
    assert_eq!(ended.status.code(), Some(4));
    assert_eq!((ended.count("consumed"), ended.count("returned")), (4, 4), "{:?}", ended.ledger);
    assert_eq!(processes(&mark), 0, "programs outlived their worker");
    assert_eq!(scene.committed(), [-1], "nothing settled, so nothing was committed");
}

#[test]
fn a_second_signal_ends_the_worker_and_its_programs_at_once() {
    let (mut scene, mark) = stuck();
    scene.setup.executor = vec!["drain_timeout_seconds: 60".into()];
    let mut worker = scene.setup.start("w1").unwrap();
    wait::until("programs that never end", Duration::from_secs(30), || (processes(&mark) == 4).then_some(()));
    worker.signal(Signal::SIGTERM).unwrap();
    wait::until("the stop", Duration::from_secs(10), || {
        worker.log().contains("drakkar_shutting_down").then_some(())
    });
    let asked = Instant::now();
    worker.signal(Signal::SIGTERM).unwrap();
    let ended = worker.ended(asked, Duration::from_secs(10)).unwrap();
    assert!(ended.took <= Duration::from_secs(2), "took {:?}", ended.took);
    assert_eq!(ended.status.code(), Some(6));
    assert_eq!(processes(&mark), 0, "programs outlived their worker");
}
