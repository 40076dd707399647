//! Head of line: one long task at the front of a partition, and what flows past it.

use std::{
    collections::BTreeMap,
    thread,
    time::{Duration, Instant},
};

use drakkar_tests::{
    group,
    kafka::{self, Reader, Record},
    wait,
};
use rdkafka::{Message, message::OwnedMessage};
use serde_json::{Value, json};

use crate::scene::{Scene, is_soak};

/// Four programs of 160 ms at once are 25 a second, so that time and not the machine is what there is too little of. Half of
/// that is fed.
const PROGRAM_MS: u64 = 160;
const EVERY: Duration = Duration::from_millis(80);

fn record(id: &str, millis: u64) -> Record {
    let value = json!({ "id": id, "body": "b", "kind": "wait", "millis": millis }).to_string();
    Record { partition: 0, key: None, value: Some(value.into_bytes()), header: None }
}

/// Feeds messages named `NAME-N` at the fixed rate.
fn feed(scene: &Scene, name: &str, count: u32) {
    let started = Instant::now();
    scene.produce((0..count).map(|n| {
        let due = started + EVERY * n;
        while let Some(left) = due.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            thread::park_timeout(left);
        }
        record(&format!("{name}-{n}"), PROGRAM_MS)
    }));
}

/// When each message of a topic was written, by id, in milliseconds.
fn times(messages: &[OwnedMessage]) -> BTreeMap<String, i64> {
    let id = |m: &OwnedMessage| {
        serde_json::from_slice::<Value>(m.payload()?).ok()?["id"].as_str().map(str::to_owned)
    };
    messages.iter().filter_map(|m| Some((id(m)?, m.timestamp().to_millis()?))).collect()
}

/// The rate of the messages with this name, per second.
fn rate(times: &BTreeMap<String, i64>, name: &str) -> f64 {
    let of: Vec<i64> = times.iter().filter(|(id, _)| id.starts_with(name)).map(|(_, time)| *time).collect();
    let (first, last) = (of.iter().min().unwrap(), of.iter().max().unwrap());
    (of.len() - 1) as f64 * 1_000.0 / (last - first) as f64
}

#[test]
fn a_long_task_does_not_slow_the_rest_of_its_partition_until_the_window_cap() {
    let long = Duration::from_secs(if is_soak() { 60 } else { 20 });
    // Past the long task so many are fed while it runs, then a burst beyond the cap.
    let count = (long.mul_f64(0.6).as_millis() / EVERY.as_millis()) as u32;
    let (cap, burst) = (count + 40, 80);
    let mut scene = Scene::new("head-of-line", 1);
    scene.setup.kafka.extend(["max_poll_interval_ms: 10000".into(), "session_timeout_ms: 6000".into()]);
    scene.setup.executor.push(format!("max_in_flight_messages: {cap}"));
    let worker = scene.setup.start("w1").unwrap();

    feed(&scene, "without", count);
    scene.wait_committed(Duration::from_secs(60));
    let joined = group::history(&scene.brokers, &scene.setup.group, &scene.setup.topic).unwrap();
    let settled = i64::from(count);
    assert_eq!(scene.committed(), [settled]);

    let started = Instant::now();
    scene.produce([record("long", long.as_millis() as u64)]);
    feed(&scene, "with", count);
    scene.produce((0..burst).map(|n| record(&format!("burst-{n}"), PROGRAM_MS)));
    wait::until("the cap to be reached", Duration::from_secs(30), || {
        let out = kafka::ends(&scene.brokers, &scene.setup.answers, 2).unwrap().iter().sum::<i64>();
        (out >= settled + i64::from(cap) - 1).then_some(())
    });
    assert!(started.elapsed() < long, "void: the long task was over before the cap was reached");
    assert_eq!(scene.committed(), [settled], "nothing is committed past a message that has not settled");
    scene.wait_committed(Duration::from_secs(60));

    let ended = worker.stop(Duration::from_secs(35)).unwrap();
    assert_eq!(ended.status.code(), Some(0));
    let all = u64::from(2 * count + burst) + 1;
    assert_eq!((ended.count("delivered"), scene.answers().len() as u64), (all, all), "{:?}", ended.ledger);
    let fed = times(&Reader::new(&scene.brokers, &scene.setup.topic).unwrap().drain());
    let out = times(&scene.answers());
    let share = |name: &str| rate(&out, name) / rate(&fed, name);
    let (without, with) = (share("without-"), share("with-"));
    println!(
        "out/in without {without:.4} ({:.1}/s), with a task of {long:?} {with:.4} ({:.1}/s)",
        rate(&out, "without-"),
        rate(&out, "with-")
    );
    assert!(with >= 0.95 * without, "the long task slowed its neighbours: {with:.4} of {without:.4}");
    // Those that the cap held back came out behind the long task.
    let passed = out.values().filter(|time| **time < out["long"]).count() as u32;
    assert_eq!(passed, count + cap - 1, "the cap is {cap}, the long task included");

    let history = group::history(&scene.brokers, &scene.setup.group, &scene.setup.topic).unwrap();
    history.check().unwrap();
    let members = |g: &&group::Generation| !g.assigned.is_empty();
    assert_eq!(
        history.generations().filter(members).count(),
        joined.generations().filter(members).count(),
        "there was a rebalance"
    );
}
