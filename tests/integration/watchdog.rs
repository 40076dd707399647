//! What looks like a stall and is none: the watchdog leaves it alone.

use std::time::Duration;

use drakkar_tests::{kafka, wait, worker::Worker};

use crate::{
    outage::own_broker,
    scene::{Scene, holds_for},
};

const LIMIT: Duration = Duration::from_secs(60);

fn count(worker: &Worker, event: &str) -> usize {
    worker.log().matches(event).count()
}

fn assert_left_alone(worker: &Worker) {
    assert_eq!(count(worker, "source_stalled"), 0, "{}", worker.log());
    assert_eq!(count(worker, "\"partitions_assigned\""), 1, "{}", worker.log());
}

#[test]
fn an_end_that_is_the_mark_of_a_transaction_is_no_stall() {
    let mut scene = Scene::new("watchdog-transactions", 1);
    scene.setup.kafka.push("watchdog_seconds: 1".into());
    let records: Vec<_> = (0..5).map(|_| scene.judge.issue(0, "precomputed")).collect();
    kafka::produce_in_transactions(&scene.brokers, &scene.setup.topic, records).unwrap();
    let worker = scene.setup.start("w").unwrap();
    wait::until("commit of the last message", LIMIT, || (scene.committed() == [9]).then_some(()));
    assert_eq!(scene.ends(), [10], "void: nothing lies behind the last message");
    // It looks for a message there for five seconds before it gives up.
    holds_for(Duration::from_secs(10), || assert_left_alone(&worker));
    assert_eq!(worker.stop(LIMIT).unwrap().status.code(), Some(0));
    scene.assert_nothing_lost();
}

#[test]
fn a_partition_that_waits_for_slow_tasks_is_no_stall() {
    let mut scene = Scene::new("watchdog-paused", 1);
    scene.setup.kafka.extend(["watchdog_seconds: 1".into(), "queue_max_messages: 20".into()]);
    scene.setup.executor.extend(["window_size: 1".into(), "drain_timeout_seconds: 2".into()]);
    scene.issue(2_000, "hang_long");
    let worker = scene.setup.start("w").unwrap();
    wait::until("the first assignment", LIMIT, || {
        (count(&worker, "\"partitions_assigned\"") > 0).then_some(())
    });
    holds_for(Duration::from_secs(5), || assert_left_alone(&worker));
    assert_eq!(worker.stop(LIMIT).unwrap().status.code(), Some(4), "void: nothing was in flight");
}

#[test]
fn a_broker_that_does_not_answer_for_a_while_is_no_stall() {
    let broker = own_broker("watchdog-frozen");
    let mut scene = Scene::on(&broker.address(), "watchdog-frozen", 2);
    scene.setup.kafka.push("watchdog_seconds: 2".into());
    scene.issue(100, "precomputed");
    let worker = scene.setup.start("w").unwrap();
    scene.wait_committed(LIMIT);
    broker.freeze().unwrap();
    holds_for(Duration::from_secs(8), || assert_left_alone(&worker));
    broker.thaw().unwrap();
    scene.issue(100, "precomputed");
    scene.wait_committed(LIMIT);
    holds_for(Duration::from_secs(4), || assert_left_alone(&worker));
    assert_eq!(worker.stop(LIMIT).unwrap().status.code(), Some(0));
    assert_eq!(scene.assert_nothing_lost().duplicates, 0);
}
