//! Many tasks leave nothing behind. A program of its own: it counts what belongs to its process.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

#[path = "pool/harness.rs"]
#[expect(dead_code, reason = "the other tests use the rest")]
mod harness;

use drakkar_core::{executor::Executor, task::Task};
use drakkar_executor::{Mode, ProcessPool, Resident, Settings};
use harness::*;

/// `cargo xtask soak` sets the variable: 100,000 tasks and 1,000,000 requests.
fn scale() -> usize {
    if std::env::var_os("DRAKKAR_SOAK").is_some() { 10 } else { 1 }
}

/// Submits so many, a thousand at a time.
async fn submit_all(pool: &ProcessPool, count: usize, make: impl Fn(usize) -> Task) {
    for start in (0..count).step_by(1_000) {
        let jobs: Vec<_> =
            (start..count.min(start + 1_000)).map(|n| submit(pool, owner(1), n as u64, make(n))).collect();
        for job in jobs {
            assert_ne!(answer(job).await.ended, drakkar_core::outcome::Ended::Lost);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_tasks_and_requests_leave_no_zombie_no_descriptor_and_no_memory() {
    let once = pool();
    let mode = Mode::Resident(Resident { args: vec!["serve".into()], depth: 4, ..Resident::default() });
    let program = Some(drakkar_test_child::path().to_owned());
    let good = ProcessPool::start(Settings { program, mode, ..settings() }).unwrap();
    let tasks = async |count| {
        submit_all(&once, count, |n| match n % 3 {
            0 => task(["exit", "0"]),
            1 => task(["cat"]).stdin("input"),
            _ => task([]).program("/no/such/program"),
        })
        .await;
    };
    let requests = async |count| {
        // One in ten thousand kills its child.
        submit_all(&good, count, |n| {
            if n % 10_000 == 5_000 { task(["die", "1"]) } else { task(["echo"]).stdin("x") }
        })
        .await;
    };
    tasks(300).await;
    requests(3_000).await;
    let before = (descriptors(), threads(), children().len());
    let memory = resident_memory();
    tasks(10_000 * scale()).await;
    requests(100_000 * scale()).await;
    eventually("children to be as many as before", || children().len() <= before.2).await;
    assert_eq!((descriptors(), threads()), (before.0, before.1));
    let grown = resident_memory().saturating_sub(memory);
    assert!(grown < 16 << 20, "{grown} bytes more than before");
    once.close(DEADLINE).await;
    good.close(DEADLINE).await;
    assert_eq!(children(), Vec::<String>::new());
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

fn resident_memory() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
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
