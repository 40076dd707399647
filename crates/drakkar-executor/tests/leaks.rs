//! Many tasks leave nothing behind. A program of its own: it counts what belongs to its process.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

#[path = "pool/harness.rs"]
#[expect(dead_code, reason = "the other tests use the rest")]
mod harness;

use harness::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_tasks_leave_no_zombie_and_no_descriptor() {
    let pool = pool();
    let batch = async |count| {
        let jobs: Vec<_> = (0..count)
            .map(|n| match n % 3 {
                0 => task(["exit", "0"]),
                1 => task(["cat"]).stdin("input"),
                _ => task([]).program("/no/such/program"),
            })
            .map(|task| submit(&pool, owner(1), 0, task))
            .collect();
        for job in jobs {
            assert_ne!(answer(job).await.ended, drakkar_core::outcome::Ended::Lost);
        }
    };
    batch(10).await;
    let before = descriptors();
    batch(500).await;
    assert_eq!(descriptors(), before);
    assert_eq!(children(), Vec::<String>::new());
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn children() -> Vec<String> {
    let own = std::process::id().to_string();
    let stats = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let stat = std::fs::read_to_string(entry.ok()?.path().join("stat")).ok()?;
        let parent = stat.rsplit_once(") ")?.1.split(' ').nth(1)?.to_owned();
        (parent == own).then_some(stat)
    });
    stats.collect()
}
