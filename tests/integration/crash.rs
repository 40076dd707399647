//! A worker that is killed at any moment loses nothing.

use std::time::Duration;

use drakkar_tests::group;

use crate::scene::{Scene, Seed, scale};

#[test]
fn kills_at_random_moments_lose_nothing() {
    let kills = 3 * scale() as u64;
    let mut scene = Scene::new("killed", 8);
    // Seldom commits make it certain that a kill finds finished work that is not committed.
    scene.setup.kafka.push("commit_interval_seconds: 2".into());
    scene.setup.kafka.push("session_timeout_ms: 6000".into());
    scene.setup.kafka.push("heartbeat_interval_ms: 1000".into());
    scene.issue(20_000 * scale(), "echo");
    let mut seed = Seed::new();
    for kill in 0..kills {
        let worker = scene.setup.start(&format!("w{kill}")).unwrap();
        // Between 10 % and 80 % of the way, at a moment that no timer of the worker knows.
        let moment = 2_000 + 4_500 * kill as i64 + seed.below(2_000) as i64;
        scene.wait_progress(moment, Duration::from_secs(120));
        worker.crash().unwrap();
    }
    let worker = scene.setup.start("last").unwrap();
    scene.wait_committed(Duration::from_secs(180 * scale() as u64));
    worker.stop(Duration::from_secs(35)).unwrap();
    let judgement = scene.assert_nothing_lost();
    assert!(judgement.duplicates > 0, "void: no kill found unfinished work");
    // Per kill at most what was in hand: the window cap of each partition.
    assert!(judgement.duplicates <= kills as usize * 8 * 10_000, "{judgement}");
    group::check(&group::commits(&scene.brokers, &scene.setup.group, &scene.setup.topic).unwrap()).unwrap();
}
