//! The ways to be a member of a group: eager, static, and by the newer protocol.

use std::{collections::BTreeSet, time::Duration};

use drakkar_tests::{group, wait, worker::Worker};

use crate::scene::{Scene, holds_for};

const LIMIT: Duration = Duration::from_secs(60);
const STOP: Duration = Duration::from_secs(35);

/// How often a worker logged an event.
fn count(worker: &Worker, event: &str) -> usize {
    worker.log().matches(&format!("\"{event}\"")).count()
}

fn wait_for(worker: &Worker, event: &str, times: usize) {
    let what = format!("`{event}` {times} times in {}", worker.log_path().display());
    wait::until(&what, LIMIT, || (count(worker, event) >= times).then_some(()));
}

/// How often partitions of a worker came or went.
fn moves(worker: &Worker) -> usize {
    ["partitions_assigned", "partitions_revoking", "partitions_released"]
        .map(|e| count(worker, e))
        .iter()
        .sum()
}

/// One worker begins, another joins and takes over, and nothing is lost. Returns what the first one logged.
fn hand_over(name: &str, kafka: &[&str]) -> String {
    let mut scene = Scene::new(name, 8);
    scene.setup.kafka = kafka.iter().map(|line| (*line).to_owned()).collect();
    scene.issue(12_000, "precomputed");
    let first = scene.setup.start("first").unwrap();
    scene.wait_progress(2_000, LIMIT);
    let second = scene.setup.start("second").unwrap();
    wait_for(&second, "partitions_assigned", 1);
    scene.issue(4_000, "precomputed");
    scene.wait_committed(LIMIT * 2);
    scene.issue(4_000, "precomputed");
    let log = first.log();
    let ended = first.stop(STOP).unwrap();
    assert_eq!(ended.status.code(), Some(0), "{:?}", ended.ledger);
    scene.wait_committed(LIMIT * 2);
    let ended = second.stop(STOP).unwrap();
    assert_eq!(ended.status.code(), Some(0), "{:?}", ended.ledger);
    let judgement = scene.assert_nothing_lost();
    assert_eq!(judgement.duplicates, 0, "every hand-over was an orderly one");
    let commits = group::commits(&scene.brokers, &scene.setup.group, &scene.setup.topic).unwrap();
    let workers: BTreeSet<_> = commits.iter().map(|c| c.worker.as_str()).collect();
    assert_eq!(workers, BTreeSet::from(["first", "second"]), "void: one worker did everything");
    group::check(&commits).unwrap();
    log
}

#[test]
fn an_eager_group_of_two_workers_loses_nothing() {
    let log = hand_over("eager", &["assignment: eager"]);
    let revoking = log.lines().find(|line| line.contains("\"partitions_revoking\"")).unwrap();
    assert!(revoking.contains("\"count\":8"), "an eager worker gives everything back: {revoking}");
}

#[test]
fn a_group_by_the_newer_protocol_loses_nothing() {
    let log = hand_over("newer-protocol", &["group_protocol: consumer"]);
    let revoking = log.lines().find(|line| line.contains("\"partitions_revoking\"")).unwrap();
    assert!(revoking.contains("\"count\":4"), "only what changes hands moves: {revoking}");
}

#[test]
fn a_static_member_that_restarts_in_time_causes_no_rebalance_of_the_other() {
    let mut scene = Scene::new("static", 4);
    scene.setup.kafka =
        vec!["group_instance_id: 'member-{worker_id}'".into(), "heartbeat_interval_ms: 500".into()];
    let staying = scene.setup.start("staying").unwrap();
    wait_for(&staying, "partitions_assigned", 1);
    let leaving = scene.setup.start("leaving").unwrap();
    wait_for(&leaving, "partitions_assigned", 1);
    scene.issue(400, "precomputed");
    scene.wait_committed(LIMIT);
    let before = moves(&staying);
    let ended = leaving.stop(STOP).unwrap();
    assert_eq!(ended.status.code(), Some(0), "{:?}", ended.ledger);
    // Its partitions wait for it.
    scene.issue(400, "precomputed");
    wait::until("the partitions of the member that stayed", LIMIT, || {
        let behind = scene.committed().iter().zip(scene.ends()).filter(|(c, e)| *c < e).count();
        (behind == 2).then_some(())
    });
    // Long enough for the other one to be told, were there anything to tell.
    holds_for(Duration::from_secs(5), || assert_eq!(moves(&staying), before, "{}", staying.log()));
    let back = scene.setup.start("leaving").unwrap();
    scene.wait_committed(LIMIT);
    assert_eq!(moves(&staying), before, "{}", staying.log());
    for worker in [staying, back] {
        assert_eq!(worker.stop(STOP).unwrap().status.code(), Some(0));
    }
    assert_eq!(scene.assert_nothing_lost().duplicates, 0);
}

#[test]
fn of_two_workers_with_one_name_the_broker_stops_one_which_says_so() {
    for protocol in ["classic", "consumer"] {
        let mut scene = Scene::new("fenced", 2);
        scene.setup.kafka = vec!["group_instance_id: twin".into(), format!("group_protocol: {protocol}")];
        let mut first = scene.setup.start("first").unwrap();
        wait_for(&first, "partitions_assigned", 1);
        let mut second = scene.setup.start("second").unwrap();
        let stopped = wait::until("the end of one of them", LIMIT, || {
            [&mut first, &mut second].into_iter().find_map(|w| (!w.runs().unwrap()).then(|| w.log()))
        });
        assert!(stopped.contains("the same `kafka.group_instance_id`"), "{protocol}: {stopped}");
        let (mut stopped, mut left) = match first.runs().unwrap() {
            false => (first, second),
            true => (second, first),
        };
        let ended = stopped.ended(std::time::Instant::now(), STOP).unwrap();
        assert_eq!(ended.status.code(), Some(5), "{protocol}: {}", stopped.log());
        // The other one works on.
        scene.issue(100, "precomputed");
        scene.wait_committed(LIMIT);
        holds_for(Duration::from_millis(500), || assert!(left.runs().unwrap()));
        assert_eq!(left.stop(STOP).unwrap().status.code(), Some(0));
    }
}
