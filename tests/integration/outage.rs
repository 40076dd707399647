//! A broker that goes away.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use drakkar_tests::{group, kafka, wait};
use xtask::services::kafka::Broker;

use crate::scene::{Scene, holds_for};

/// A broker of this test's own: stopping it disturbs nobody.
pub fn own_broker(name: &str) -> Broker {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(kafka::unique(name));
    Broker::start(&folder).expect("a broker of our own starts")
}

#[test]
fn a_broker_that_is_away_for_twenty_seconds_loses_nothing() {
    let mut broker = own_broker("outage");
    let mut scene = Scene::on(&broker.address(), "outage", 4);
    scene.issue(10_000, "echo");
    let mut worker = scene.setup.start("w1").unwrap();
    scene.wait_progress(1_500, Duration::from_secs(60));
    broker.stop().unwrap();
    holds_for(Duration::from_secs(20), || {
        assert!(worker.runs().unwrap(), "the worker ended: {}", worker.log())
    });
    broker.resume().unwrap();
    scene.wait_committed(Duration::from_secs(120));
    let ended = worker.stop(Duration::from_secs(35)).unwrap();
    assert_eq!(ended.status.code(), Some(0), "{:?}", ended.ledger);
    scene.assert_nothing_lost();
    group::check(&group::commits(&scene.brokers, &scene.setup.group, &scene.setup.topic).unwrap()).unwrap();
}

#[test]
fn a_broker_restart_causes_no_rebalance_and_loses_nothing() {
    let mut broker = own_broker("restart");
    let mut scene = Scene::on(&broker.address(), "restart", 4);
    let names = ["w1".to_owned(), "w2".to_owned()];
    let workers = names.each_ref().map(|name| scene.setup.start(name).unwrap());
    scene.issue(10_000, "echo");
    scene.wait_progress(500, Duration::from_secs(60));
    let mut follower = scene.follow_group();
    scene.wait_shares(&mut follower, &names);
    let released =
        || workers.iter().map(|w| w.log().matches("partitions_released").count()).collect::<Vec<_>>();
    let before = (follower.history().rebalances(), released());
    broker.stop().unwrap();
    broker.resume().unwrap();
    scene.wait_committed(Duration::from_secs(120));
    follower.catch_up().unwrap();
    assert_eq!((follower.history().rebalances(), released()), before, "{:?}", follower.history().shares());
    for worker in workers {
        let ended = worker.stop(Duration::from_secs(35)).unwrap();
        assert_eq!(ended.status.code(), Some(0), "{:?}", ended.ledger);
    }
    scene.assert_nothing_lost();
    follower.catch_up().unwrap();
    follower.history().check().unwrap();
}

#[test]
fn a_stop_with_the_broker_away_ends_within_the_grace() {
    let mut broker = own_broker("stop-outage");
    let mut scene = Scene::on(&broker.address(), "stop-outage", 4);
    scene.setup.executor.push("drain_timeout_seconds: 5".into());
    scene.setup.executor.push("kill_grace_seconds: 1".into());
    scene.issue(5_000, "echo");
    let worker = scene.setup.start("w1").unwrap();
    scene.wait_progress(500, Duration::from_secs(60));
    broker.kill().unwrap();
    wait::until("trouble in the log", Duration::from_secs(20), || {
        worker.log().contains("consumer_error").then_some(())
    });
    let asked = Instant::now();
    let ended = worker.stop(Duration::from_secs(20)).unwrap();
    assert!(asked.elapsed() <= Duration::from_secs(7), "took {:?}", ended.took);
    assert!(matches!(ended.status.code(), Some(0 | 4)), "{:?}", ended.status);
    let sum: u64 =
        ["delivered", "skipped", "dead", "returned", "in_flight"].iter().map(|n| ended.count(n)).sum();
    assert_eq!(ended.count("consumed"), sum, "{:?}", ended.ledger);
}
