//! Workers come and go in the middle of a run.

use std::{collections::BTreeSet, time::Duration};

use drakkar_tests::{group, wait};

use crate::scene::Scene;

#[test]
fn a_worker_that_joins_and_one_that_leaves_lose_nothing() {
    let mut scene = Scene::new("rebalance", 8);
    scene.issue(20_000, "echo");
    let first = scene.setup.start("first").unwrap();
    scene.wait_progress(2_000, Duration::from_secs(240));
    let second = scene.setup.start("second").unwrap();
    wait::until("partitions of the second worker", Duration::from_secs(60), || {
        second.log().contains("partitions_assigned").then_some(())
    });
    scene.wait_progress(8_000, Duration::from_secs(240));
    let ended = first.stop(Duration::from_secs(35)).unwrap();
    assert_eq!(ended.status.code(), Some(0), "{:?}", ended.ledger);
    scene.wait_committed(Duration::from_secs(180));
    let ended = second.stop(Duration::from_secs(35)).unwrap();
    assert_eq!(ended.status.code(), Some(0), "{:?}", ended.ledger);
    scene.assert_nothing_lost();
    let history = group::history(&scene.brokers, &scene.setup.group, &scene.setup.topic).unwrap();
    let workers: BTreeSet<_> = history.commits().map(|c| c.worker.as_str()).collect();
    assert_eq!(workers, BTreeSet::from(["first", "second"]), "void: one worker did everything");
    let members: BTreeSet<_> = history.generations().flat_map(|g| g.assigned.keys()).collect();
    assert_eq!(members.len(), 2, "the group's own records name both workers");
    history.check().unwrap();
}

#[test]
fn workers_that_are_replaced_one_by_one_repeat_nothing() {
    let mut scene = Scene::new("rolling", 12);
    // Work that is not finished in time is handed over unfinished: that is another promise.
    scene.setup.kafka.push("rebalance_drain_seconds: 20".into());
    let mut names: Vec<String> = (1..=3).map(|n| format!("w{n}")).collect();
    let mut workers: Vec<_> = names.iter().map(|name| scene.setup.start(name).unwrap()).collect();
    scene.issue(3_000, "echo");
    scene.wait_progress(500, Duration::from_secs(240));
    let mut follower = scene.follow_group();
    for replaced in 0..3 {
        scene.wait_shares(&mut follower, &names);
        // Work for all of them while one of them stops.
        scene.issue(3_000, if replaced == 1 { "precomputed" } else { "echo" });
        scene.wait_progress(scene.judge.issued() as i64 - 2_000, Duration::from_secs(240));
        let ended = workers.remove(0).stop(Duration::from_secs(35)).unwrap();
        assert_eq!(ended.status.code(), Some(0), "{:?}", ended.ledger);
        names.remove(0);
        names.push(format!("w{}", replaced + 4));
        workers.push(scene.setup.start(&names[2]).unwrap());
    }
    scene.wait_committed(Duration::from_secs(240));
    scene.wait_shares(&mut follower, &names);
    for worker in workers {
        assert_eq!(worker.stop(Duration::from_secs(35)).unwrap().status.code(), Some(0));
    }
    let judgement = scene.assert_nothing_lost();
    assert_eq!(judgement.duplicates, 0, "{judgement}");
    follower.catch_up().unwrap();
    assert!(follower.history().rebalances() >= 6, "void: each replacement is two rebalances at least");
    follower.history().check().unwrap();
}
