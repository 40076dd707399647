//! The memory of a worker before a large backlog.

use std::time::{Duration, Instant};

use drakkar_tests::{
    group,
    kafka::{self, Record},
};
use xtask::services::process::Process;

use crate::scene::{Scene, is_soak};

const MIB: f64 = (1 << 20) as f64;
const PARTITIONS: i32 = 8;
/// One message in so many is a slow task: its partition's offsets stay while thousands of others end behind it.
const SLOW_EVERY: usize = 499;
const SLOW_MS: usize = 200;
/// The byte budget that is configured.
const BUDGET: u64 = 64 << 20;

fn record(n: usize) -> Record {
    let kind = if n.is_multiple_of(SLOW_EVERY) { "wait" } else { "precomputed" };
    let value = format!(r#"{{"id":"m-{n:07}","body":"a small body","kind":"{kind}","millis":{SLOW_MS}}}"#)
        .into_bytes();
    Record { partition: n as i32 % PARTITIONS, key: None, value: Some(value), header: None }
}

#[test]
fn memory_does_not_grow_with_a_backlog_and_stays_near_its_budget() {
    let count: usize = if is_soak() { 2_000_000 } else { 300_000 };
    let mut scene = Scene::new("memory", PARTITIONS);
    scene.setup.executor.push(format!("max_in_hand_bytes: {BUDGET}"));
    scene.produce((0..count).map(record));
    let worker = scene.setup.start("w1").unwrap();
    let process = Process::find(worker.pid().as_raw() as u32).unwrap();

    // Resident memory and how much is done, until all is.
    let mut samples: Vec<(usize, f64)> = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(if is_soak() { 900 } else { 180 });
    let answers = kafka::Ends::new(&scene.brokers, &scene.setup.answers, 2).unwrap();
    loop {
        let done = answers.now().unwrap().iter().sum::<i64>() as usize;
        samples.push((done, process.memory().unwrap() as f64 / MIB));
        if done >= count {
            break;
        }
        assert!(Instant::now() < deadline, "only {done} of {count} came out: {}", worker.log());
        std::thread::park_timeout(Duration::from_millis(50));
    }
    scene.wait_committed(Duration::from_secs(30));
    let ended = worker.stop(Duration::from_secs(35)).unwrap();
    assert_eq!(
        (ended.status.code(), ended.count("delivered")),
        (Some(0), count as u64),
        "{:?}",
        ended.ledger
    );
    group::check(&group::commits(&scene.brokers, &scene.setup.group, &scene.setup.topic).unwrap()).unwrap();

    // The first quarter warms up: queues and allocator reach what they keep.
    let quarter = |from: usize| {
        let of: Vec<f64> =
            samples.iter().filter(|(done, _)| done * 4 / count == from).map(|(_, mib)| *mib).collect();
        assert!(of.len() >= 5, "void: quarter {from} was over before it could be measured");
        of.iter().sum::<f64>() / of.len() as f64
    };
    let quarters = [0, 1, 2, 3].map(quarter);
    let most = samples.iter().map(|(_, mib)| *mib).fold(0.0, f64::max);
    println!("{count} messages: {quarters:.1?} MiB by quarters, {most:.1} MiB at most");
    // Which partition's slow task holds the most behind it changes all the time: the middle quarters tell how much.
    let plateau = quarters[1].max(quarters[2]);
    assert!(quarters[3] - plateau < 5.0, "memory grows: {quarters:.1?} MiB by quarters");
    assert!(most < BUDGET as f64 / MIB + 40.0, "{most:.1} MiB with a budget of {} MiB", BUDGET >> 20);
}
