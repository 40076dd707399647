//! What programs write does not fill the memory. A program of its own: it looks at the memory of its process.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

#[path = "pool/harness.rs"]
#[expect(dead_code, reason = "the other tests use the rest")]
mod harness;

use std::time::{Duration, Instant};

use drakkar_core::outcome::Ended;
use drakkar_executor::{OnOutputLimit, ProcessPool, Settings};
use harness::*;

const CHILDREN: u64 = 64;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn children_that_write_without_end_stay_within_the_memory_for_outputs() {
    // `cargo xtask soak` sets the variable.
    let time = Duration::from_secs(if std::env::var_os("DRAKKAR_SOAK").is_some() { 20 } else { 4 });
    let pool = ProcessPool::start(Settings {
        max_executors: CHILDREN as u32,
        program: Some(drakkar_test_child::path().to_owned()),
        on_output_limit: OnOutputLimit::Truncate,
        timeout: time,
        kill_grace: Duration::ZERO,
        ..settings()
    })
    .unwrap();
    let budget = Settings::default().max_running_output;
    // Threads and their buffers are there before it counts.
    let warm: Vec<_> =
        (0..CHILDREN).map(|n| submit(&pool, owner(1), n, task(["drip", "1", "300"]))).collect();
    for job in warm {
        assert!(answer(job).await.success);
    }
    let before = resident_memory();
    let started = Instant::now();
    let jobs: Vec<_> =
        (0..CHILDREN).map(|n| submit(&pool, owner(1), n, task(["flood", "endless", "both"]))).collect();
    let mut most = 0;
    let mut look = tokio::time::interval(Duration::from_millis(20));
    // What is answered is not of those that run any more.
    while started.elapsed() < time - Duration::from_millis(500) {
        look.tick().await;
        most = most.max(resident_memory());
    }
    let (mut kept, mut written) = (0, 0);
    for job in jobs {
        let report = answer(job).await;
        assert_eq!(report.ended, Ended::TimedOut { limit: time });
        kept += (report.stdout.len() + report.stderr.len()) as u64;
        written += report.stdout_bytes + report.stderr_bytes;
    }
    let grown = most.saturating_sub(before);
    println!("{written} bytes written, {kept} kept, memory grew by {grown}");
    assert!(written > 2 * budget, "void: they wrote {written} bytes only");
    assert!(grown < budget + budget / 10, "{grown} bytes for a budget of {budget}");
}

fn resident_memory() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}
