//! Messages that the broker deleted before they were read are reported as lost, with their range; other gaps are not.

use std::time::Duration;

use drakkar_tests::{kafka, wait, worker::Worker};
use nix::sys::signal::Signal;

use crate::scene::{Scene, holds_for};

const LIMIT: Duration = Duration::from_secs(60);

/// The ranges that a worker reported as lost, in order.
fn lost(worker: &Worker) -> Vec<(i64, i64)> {
    let log = worker.log();
    let lines = log.lines().filter(|line| line.contains("offsets_lost"));
    lines
        .map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(line["level"], "error", "{line}");
            (line["from_offset"].as_i64().unwrap(), line["to_offset"].as_i64().unwrap())
        })
        .collect()
}

fn wait_lost(worker: &Worker) -> Vec<(i64, i64)> {
    let what = format!("`offsets_lost` in {}", worker.log_path().display());
    wait::until(&what, LIMIT, || Some(lost(worker)).filter(|lost| !lost.is_empty()))
}

/// A topic of which the first hundred messages are committed, and no worker.
fn half_done(name: &str) -> Scene {
    let mut scene = Scene::new(name, 1);
    scene.issue(100, "precomputed");
    let worker = scene.setup.start("before").unwrap();
    scene.wait_committed(LIMIT);
    assert_eq!(worker.stop(LIMIT).unwrap().status.code(), Some(0));
    scene
}

fn delete(scene: &Scene, before: i64) {
    kafka::delete_records(&scene.brokers, &scene.setup.topic, 0, before).unwrap();
}

#[test]
fn messages_deleted_while_no_worker_ran_are_reported_and_the_rest_is_processed() {
    let mut scene = half_done("lost-start");
    scene.issue(100, "precomputed");
    delete(&scene, 150);
    let worker = scene.setup.start("after").unwrap();
    scene.wait_committed(LIMIT);
    assert_eq!(wait_lost(&worker), [(100, 150)]);
    assert_eq!(worker.stop(LIMIT).unwrap().count("consumed"), 50);
    let judgement = scene.judgement();
    assert_eq!((judgement.missing, judgement.delivered), (50, 150), "{judgement}");
}

#[test]
fn a_partition_that_was_emptied_is_reported_without_waiting_for_a_message() {
    let mut scene = half_done("lost-all");
    scene.issue(100, "precomputed");
    delete(&scene, 200);
    let worker = scene.setup.start("after").unwrap();
    assert_eq!(wait_lost(&worker), [(100, 200)]);
    scene.issue(10, "precomputed");
    scene.wait_committed(LIMIT);
    assert_eq!(lost(&worker), [(100, 200)], "once");
    assert_eq!(worker.stop(LIMIT).unwrap().status.code(), Some(0));
}

#[test]
fn messages_deleted_before_a_slow_worker_came_to_them_are_reported() {
    let mut scene = Scene::new("lost-late", 1);
    scene.issue(100, "precomputed");
    let worker = scene.setup.start("slow").unwrap();
    scene.wait_committed(LIMIT);
    worker.signal(Signal::SIGSTOP).unwrap();
    // The fetch that it left behind at the broker ends within a tenth of a second.
    holds_for(Duration::from_millis(500), || {});
    scene.issue(100, "precomputed");
    delete(&scene, 130);
    worker.signal(Signal::SIGCONT).unwrap();
    scene.wait_committed(LIMIT);
    assert_eq!(wait_lost(&worker), [(100, 130)]);
    assert_eq!(worker.stop(LIMIT).unwrap().status.code(), Some(0));
    assert_eq!(scene.judgement().missing, 30);
}

#[test]
fn gaps_that_transactions_leave_are_no_loss() {
    let mut scene = Scene::new("gaps", 1);
    let records: Vec<_> = (0..20).map(|_| scene.judge.issue(0, "precomputed")).collect();
    kafka::produce_in_transactions(&scene.brokers, &scene.setup.topic, records).unwrap();
    assert_eq!(scene.ends(), [40], "void: no gaps");
    // A partition that does not begin at zero, for a group that begins.
    delete(&scene, 4);
    let worker = scene.setup.start("w").unwrap();
    wait::until("commit of the last message", LIMIT, || (scene.committed() == [39]).then_some(()));
    let records: Vec<_> = (0..20).map(|_| scene.judge.issue(0, "precomputed")).collect();
    kafka::produce_in_transactions(&scene.brokers, &scene.setup.topic, records).unwrap();
    wait::until("commit of the last message", LIMIT, || (scene.committed() == [79]).then_some(()));
    assert_eq!(lost(&worker), []);
    assert_eq!(worker.stop(LIMIT).unwrap().status.code(), Some(0));
    assert_eq!(scene.judgement().missing, 2, "deleted before the group began");
}
