//! Stopping programs: the time limit, cancelling, closing, dropping.

use std::time::Duration;

use drakkar_core::{executor::Executor, outcome::Ended};
use drakkar_executor::{ProcessPool, Settings};

use crate::harness::*;

/// Short, but long enough for a child to start on a busy machine.
const SHORT: Duration = Duration::from_secs(1);

fn grace(kill_grace: Duration) -> ProcessPool {
    ProcessPool::start(Settings { kill_grace, ..settings() }).unwrap()
}

fn file(dir: &tempfile::TempDir) -> String {
    dir.path().join("ready").to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_time_out_names_the_limit_and_keeps_the_partial_output() {
    let report = run(&pool(), task(["write-then-hang"]).timeout(SHORT)).await;
    assert_eq!(report.ended, Ended::TimedOut { limit: SHORT });
    assert!(!report.success && report.pid.is_some() && report.run_time >= SHORT);
    assert_eq!((report.stdout_text().as_ref(), report.stderr_text().as_ref()), ("partial", "partly"));
}

#[tokio::test]
async fn the_limit_of_the_pool_counts_for_tasks_without_one() {
    let pool = ProcessPool::start(Settings { timeout: SHORT, ..settings() }).unwrap();
    assert_eq!(run(&pool, task(["hang"])).await.ended, Ended::TimedOut { limit: SHORT });
}

#[tokio::test]
async fn a_limit_without_end_is_no_limit() {
    assert!(run(&pool(), task(["exit", "0"]).timeout(Duration::MAX)).await.success);
}

#[tokio::test]
async fn input_that_nobody_reads_does_not_outlast_the_limit() {
    let report = run(&pool(), task(["hang"]).stdin(vec![0; 1 << 20]).timeout(SHORT)).await;
    assert_eq!(report.ended, Ended::TimedOut { limit: SHORT });
}

#[tokio::test]
async fn a_program_may_clean_up_after_term_and_what_it_writes_is_kept() {
    let report = run(&pool(), task(["clean-up"]).timeout(SHORT)).await;
    assert_eq!(report.ended, Ended::TimedOut { limit: SHORT });
    assert_eq!(report.stdout_text(), "cleaned up\n");
}

#[tokio::test]
async fn a_program_that_ignores_term_is_killed_after_the_grace() {
    let report = run(&grace(SHORT), task(["ignore-term"]).timeout(SHORT)).await;
    assert_eq!(report.ended, Ended::TimedOut { limit: SHORT });
    assert!(report.run_time >= SHORT * 2, "{:?}", report.run_time);
    gone(report.pid.unwrap()).await;
}

#[tokio::test]
async fn without_grace_a_program_is_killed_at_once() {
    let report = run(&grace(Duration::ZERO), task(["ignore-term"]).timeout(SHORT)).await;
    assert_eq!(report.ended, Ended::TimedOut { limit: SHORT });
    assert!(report.run_time < Duration::from_secs(20), "{:?}", report.run_time);
}

#[tokio::test]
async fn a_time_out_takes_the_grandchildren_along() {
    let report = run(&pool(), task(["hang-with-grandchild"]).timeout(SHORT)).await;
    assert_eq!(report.ended, Ended::TimedOut { limit: SHORT });
    gone(report.pid.unwrap()).await;
    gone(written_pid(&report)).await;
}

#[tokio::test]
async fn cancelling_stops_what_runs_for_that_assignment_only() {
    let dir = tempfile::tempdir().unwrap();
    let (pool, file) = (pool(), file(&dir));
    let stopped = submit(&pool, owner(1), 0, task(["hang-with-grandchild", &file]));
    let other = submit(&pool, owner(2), 0, task(["hang"]));
    let pid = ready(file.as_ref()).await;
    pool.cancel(owner(1));
    let report = answer(stopped).await;
    assert_eq!((report.ended.clone(), report.success, report.pid), (Ended::Cancelled, false, Some(pid)));
    gone(pid).await;
    gone(written_pid(&report)).await;
    assert_eq!(pool.active(), 1);
    pool.cancel(owner(2));
    assert_eq!(answer(other).await.ended, Ended::Cancelled);
}

#[tokio::test]
async fn output_is_read_on_while_a_program_ends() {
    let dir = tempfile::tempdir().unwrap();
    let (pool, file) = (pool(), file(&dir));
    let job = submit(&pool, owner(1), 0, task(["flood-on-term", &file, "1000000"]));
    ready(file.as_ref()).await;
    pool.cancel(owner(1));
    let report = answer(job).await;
    assert_eq!((report.ended, report.stdout.len()), (Ended::Cancelled, 1_000_000));
    assert!(report.run_time < DEADLINE / 2, "{:?}", report.run_time);
}

#[tokio::test]
async fn cancelling_kills_what_ignores_term() {
    let dir = tempfile::tempdir().unwrap();
    let (pool, file) = (grace(Duration::from_millis(100)), file(&dir));
    let job = submit(&pool, owner(1), 0, task(["ignore-term", &file]));
    let pid = ready(file.as_ref()).await;
    pool.cancel(owner(1));
    assert_eq!(answer(job).await.ended, Ended::Cancelled);
    gone(pid).await;
}

#[tokio::test]
async fn a_slot_is_good_again_after_a_cancelled_task() {
    let dir = tempfile::tempdir().unwrap();
    let pool = ProcessPool::start(Settings { max_executors: 1, ..settings() }).unwrap();
    let job = submit(&pool, owner(1), 0, task(["hang", &file(&dir)]));
    ready(file(&dir).as_ref()).await;
    pool.cancel(owner(1));
    assert_eq!(answer(job).await.ended, Ended::Cancelled);
    assert!(run(&pool, task(["exit", "0"])).await.success);
}

#[tokio::test]
async fn closing_answers_the_waiting_and_ends_the_running() {
    let dir = tempfile::tempdir().unwrap();
    let file = file(&dir);
    let pool = ProcessPool::start(Settings { max_executors: 1, ..settings() }).unwrap();
    let running = submit(&pool, owner(1), 0, task(["clean-up", &file]));
    ready(file.as_ref()).await;
    let waiting = submit(&pool, owner(2), 0, task(["hang"]));
    in_time("the pool to close", pool.close(DEADLINE)).await;
    let report = answer(running).await;
    assert_eq!((report.ended.clone(), report.stdout_text().as_ref()), (Ended::Cancelled, "cleaned up\n"));
    let report = answer(waiting).await;
    assert_eq!((report.ended, report.pid), (Ended::Cancelled, None));
    assert_eq!((pool.active(), pool.waiting()), (0, 0));
    let late = run(&pool, task(["exit", "0"])).await;
    assert_eq!((late.ended, late.pid), (Ended::Cancelled, None));
    in_time("a second close", pool.close(DEADLINE)).await;
}

#[tokio::test]
async fn closing_kills_what_ignores_term() {
    let dir = tempfile::tempdir().unwrap();
    let (pool, file) = (pool(), file(&dir));
    let job = submit(&pool, owner(1), 0, task(["ignore-term", &file]));
    let pid = ready(file.as_ref()).await;
    in_time("the pool to close", pool.close(Duration::from_millis(100))).await;
    assert_eq!(answer(job).await.ended, Ended::Cancelled);
    gone(pid).await;
}

#[tokio::test]
async fn closing_shortens_a_stop_that_is_under_way() {
    let dir = tempfile::tempdir().unwrap();
    let (pool, file) = (grace(Duration::MAX), file(&dir));
    let job = submit(&pool, owner(1), 0, task(["ignore-term", &file]));
    ready(file.as_ref()).await;
    pool.cancel(owner(1));
    in_time("the pool to close", pool.close(Duration::ZERO)).await;
    assert_eq!(answer(job).await.ended, Ended::Cancelled);
}

#[tokio::test]
async fn a_dropped_pool_leaves_no_process_and_no_job_unanswered() {
    let dir = tempfile::tempdir().unwrap();
    let file = file(&dir);
    let pool = ProcessPool::start(Settings { max_executors: 1, ..settings() }).unwrap();
    let running = submit(&pool, owner(1), 0, task(["hang-with-grandchild", &file]));
    let pid = ready(file.as_ref()).await;
    let waiting = submit(&pool, owner(1), 0, task(["hang"]));
    drop(pool);
    assert_eq!(answer(running).await.ended, Ended::Cancelled);
    assert_eq!(answer(waiting).await.ended, Ended::Cancelled);
    gone(pid).await;
}
