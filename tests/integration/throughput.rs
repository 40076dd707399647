//! Many messages through real processes: all of them, and the offsets tell the truth.

use std::time::Duration;

use drakkar_tests::group;

use crate::scene::{Scene, scale};

#[test]
fn twenty_thousand_messages_through_real_processes_all_arrive() {
    let count = 20_000 * scale();
    let mut scene = Scene::new("all-arrive", 8);
    scene.issue(count, "echo");
    let worker = scene.setup.start("w1").unwrap();
    scene.wait_committed(Duration::from_secs(180 * scale() as u64));
    let ended = worker.stop(Duration::from_secs(35)).unwrap();
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(scene.committed(), scene.ends());
    let judgement = scene.assert_nothing_lost();
    assert_eq!((judgement.delivered, judgement.duplicates, judgement.dead), (count, 0, 0));
    for (name, count) in [("consumed", count), ("delivered", count), ("skipped", 0), ("dead", 0)] {
        assert_eq!(ended.count(name), count as u64, "{name} of {:?}", ended.ledger);
    }
    assert_eq!((ended.count("returned"), ended.count("in_flight")), (0, 0));
    let commits = group::commits(&scene.brokers, &scene.setup.group, &scene.setup.topic).unwrap();
    assert!(!commits.is_empty());
    group::check(&commits).unwrap();
}

#[test]
fn an_orderly_stop_in_the_middle_repeats_nothing() {
    let mut scene = Scene::new("orderly-stop", 4);
    scene.issue(3_000, "echo");
    let worker = scene.setup.start("w1").unwrap();
    scene.wait_progress(500, Duration::from_secs(240));
    let ended = worker.stop(Duration::from_secs(35)).unwrap();
    assert_eq!(ended.status.code(), Some(0), "{:?}", ended.ledger);
    assert_eq!(ended.count("in_flight"), 0);
    let worker = scene.setup.start("w2").unwrap();
    scene.wait_committed(Duration::from_secs(240));
    worker.stop(Duration::from_secs(35)).unwrap();
    let judgement = scene.assert_nothing_lost();
    assert_eq!(judgement.duplicates, 0);
}
