//! A storm of restarts: many workers, many partitions, and hardly a moment without a rebalance.

use std::{
    thread,
    time::{Duration, Instant},
};

use drakkar_tests::worker::Worker;
use nix::sys::signal::Signal;

use crate::scene::{Scene, Seed, is_soak};

const WORKERS: usize = 8;
const PARTITIONS: i32 = 32;
/// Messages that are issued with each restart.
const BATCH: usize = 400;

#[test]
fn a_storm_of_restarts_leaves_no_gap_and_every_worker_its_share() {
    let mut scene = Scene::new("storm", PARTITIONS);
    scene.setup.kafka.push("session_timeout_ms: 6000".into());
    scene.setup.kafka.push("heartbeat_interval_ms: 1000".into());
    let mut seed = Seed::new();
    scene.issue(BATCH, "echo");
    let mut workers: Vec<Worker> =
        (0..WORKERS).map(|n| scene.setup.start(&format!("w{n}")).unwrap()).collect();
    let mut names: Vec<String> = (0..WORKERS).map(|n| format!("w{n}")).collect();
    scene.wait_progress(BATCH as i64 / 2, Duration::from_secs(60));

    let (mut stopping, mut kills) = (Vec::new(), 0);
    let until = Instant::now() + Duration::from_secs(if is_soak() { 180 } else { 45 });
    while Instant::now() < until {
        scene.issue(BATCH, if seed.below(2) == 0 { "echo" } else { "precomputed" });
        let hit = seed.below(WORKERS as u64) as usize;
        names[hit] = format!("w{hit}.{}", stopping.len() + kills + 1);
        // The next one starts at once: it joins while the group still knows the one before.
        let before = std::mem::replace(&mut workers[hit], scene.setup.start(&names[hit]).unwrap());
        if seed.below(2) == 0 {
            before.crash().unwrap();
            kills += 1;
        } else {
            before.signal(Signal::SIGTERM).unwrap();
            stopping.push((before, Instant::now()));
        }
        thread::park_timeout(Duration::from_millis(200 + seed.below(1_500)));
    }
    println!("{kills} killed, {} stopped", stopping.len());
    assert!(kills >= 5 && stopping.len() >= 5, "void: too little happened");
    for (mut worker, asked) in stopping {
        let ended = worker.ended(asked, Duration::from_secs(45)).unwrap();
        // One that had not come to listen for signals yet dies of it.
        assert!(ended.status.success() || worker.log().is_empty(), "{:?}: {}", ended.status, worker.log());
    }

    scene.wait_committed(Duration::from_secs(120));
    let mut follower = scene.follow_group();
    scene.wait_shares(&mut follower, &names);
    for worker in workers {
        assert_eq!(worker.stop(Duration::from_secs(35)).unwrap().status.code(), Some(0));
    }
    scene.assert_nothing_lost();
    follower.catch_up().unwrap();
    println!("{} rebalances", follower.history().rebalances());
    // Those that a kill leaves behind hold a rebalance open for a session timeout, and many restarts become one.
    assert!(follower.history().rebalances() >= 4, "void: the group hardly changed");
    follower.history().check().unwrap();
}
