//! The stop ladder and the end of a task, where a group has more than its leader.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

#[path = "../pool/harness.rs"]
#[expect(dead_code, reason = "the other tests use the rest")]
mod harness;

use std::time::{Duration, Instant};

use drakkar_core::{executor::Executor, outcome::Ended};
use drakkar_executor::{ProcessPool, Settings};
use harness::{DEADLINE, answer, eventually, gone, in_time, owner, ready, state, submit};

const SHORT: Duration = Duration::from_millis(500);

fn settings() -> Settings {
    Settings { program: Some(drakkar_test_child::path().to_owned()), ..harness::settings() }
}

fn pool(settings: Settings) -> ProcessPool {
    ProcessPool::start(settings).unwrap()
}

fn file(dir: &tempfile::TempDir) -> String {
    dir.path().join("process").to_str().unwrap().to_owned()
}

async fn run(pool: &ProcessPool, task: drakkar_core::task::Task) -> drakkar_core::outcome::Report {
    answer(submit(pool, owner(1), 0, task)).await
}

use harness::task;

#[tokio::test]
async fn the_rest_of_the_group_keeps_its_grace_when_the_leader_dies_of_term() {
    let dir = tempfile::tempdir().unwrap();
    let pool = pool(Settings { kill_grace: SHORT * 4, ..settings() });
    // Like a shell in front of the real program: the leader dies at once, the other one is deaf to TERM.
    let report = run(&pool, task(["parent", "ignore-term", &file(&dir)]).timeout(SHORT)).await;
    assert_eq!(report.ended, Ended::TimedOut { limit: SHORT });
    assert!(report.run_time >= SHORT * 5, "killed after {:?}, before the grace was over", report.run_time);
    gone(ready(file(&dir).as_ref()).await).await;
}

#[tokio::test]
async fn a_process_behind_the_leader_may_clean_up() {
    let dir = tempfile::tempdir().unwrap();
    let report = run(&pool(settings()), task(["parent", "on-term", &file(&dir)]).timeout(SHORT)).await;
    assert_eq!(report.stdout_text(), "cleaned up\n");
    assert!(report.run_time < DEADLINE / 2, "the pipes were closed, so nothing had to be waited for");
}

#[tokio::test]
async fn a_stop_does_not_wait_for_pipes_that_somebody_else_holds() {
    let dir = tempfile::tempdir().unwrap();
    let pool = pool(settings());
    let job = submit(&pool, owner(1), 0, task(["leave", "endless", &file(&dir)]));
    let pid = ready(file(&dir).as_ref()).await;
    eventually("the leader to end", || leader_ended(pid)).await;
    let asked = Instant::now();
    in_time("the pool to close", pool.close(Duration::ZERO)).await;
    let took = asked.elapsed();
    assert!(took < SHORT, "closing took {took:?}");
    let _ = answer(job).await;
    gone(pid).await;
}

/// The leader's id is that of the group.
fn leader_ended(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let leader = stat.rsplit_once(") ").unwrap().1.split(' ').nth(2).unwrap().parse().unwrap();
    matches!(state(leader), None | Some('Z'))
}

#[tokio::test]
async fn output_after_the_exit_is_complete_while_it_keeps_coming() {
    let dir = tempfile::tempdir().unwrap();
    let report = run(&pool(settings()), task(["leave", "talking", &file(&dir), "4"])).await;
    assert_eq!(report.ended, Ended::Exited { code: 4 });
    assert_eq!(report.stdout_text(), "drop 0\ndrop 1\ndrop 2\n");
}

#[tokio::test]
async fn a_process_in_another_session_frees_the_slot_and_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let report = run(&pool(settings()), task(["leave", "away", &file(&dir), "0"])).await;
    assert_eq!(report.ended, Ended::Leaked { code: 0 });
    let pid = ready(file(&dir).as_ref()).await;
    assert!(!matches!(state(pid), None | Some('Z')), "documented: it escapes");
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

#[tokio::test]
async fn a_stopped_child_is_killed_too() {
    let report =
        run(&pool(Settings { kill_grace: SHORT, ..settings() }), task(["signal", "SIGSTOP"]).timeout(SHORT))
            .await;
    assert_eq!(report.ended, Ended::TimedOut { limit: SHORT });
    gone(report.pid.unwrap()).await;
}

#[tokio::test]
async fn standard_input_is_the_null_device_or_a_pipe() {
    let pool = pool(settings());
    assert_eq!(run(&pool, task(["stdin-kind"])).await.stdout_text(), "/dev/null\n");
    assert!(run(&pool, task(["stdin-kind"]).stdin("")).await.stdout_text().starts_with("pipe:"));
}

#[tokio::test]
async fn arguments_need_not_be_text() {
    use std::os::unix::ffi::OsStrExt;
    let odd = std::ffi::OsStr::from_bytes(b"\xff;$(x)");
    let report = run(&pool(settings()), task(["echo"]).arg(odd)).await;
    assert_eq!(&report.stdout[..], b"\xff;$(x)\n");
}

#[tokio::test]
async fn draining_lets_what_runs_end_and_stops_the_rest_at_the_deadline() {
    let dir = tempfile::tempdir().unwrap();
    let pool = pool(settings());
    let good = submit(&pool, owner(1), 0, task(["drip", "2", "50", "3"]));
    let hung = submit(&pool, owner(1), 0, task(["hang", &file(&dir)]));
    ready(file(&dir).as_ref()).await;
    let waiting = submit(&pool, owner(1), 1, task(["exit", "0"]));
    let usage = pool.usage();
    assert_eq!(usage.active + usage.waiting, 3, "{usage:?}");
    let drained = in_time("the pool to drain", pool.drain(tokio::time::Instant::now() + SHORT)).await;
    assert_eq!((drained.cancelled, drained.finished, drained.stopped), (1, 1, 1));
    assert_eq!(answer(good).await.ended, Ended::Exited { code: 3 });
    assert_eq!(answer(hung).await.ended, Ended::Cancelled);
    assert_eq!(answer(waiting).await.ended, Ended::Cancelled);
}

#[tokio::test]
async fn a_pool_without_slots_is_refused() {
    let error = ProcessPool::start(Settings { max_executors: 0, ..settings() }).unwrap_err();
    assert_eq!(error.to_string(), "`executor.max_executors` must be at least 1");
}

/// Runs itself once more, started by somebody who ignores SIGCHLD.
#[tokio::test]
async fn an_inherited_ignored_child_signal_loses_no_exit_code() {
    const AGAIN: &str = "DRAKKAR_TEST_WITHOUT_SIGCHLD";
    if std::env::var_os(AGAIN).is_some() {
        assert_eq!(run(&pool(settings()), task(["exit", "3"])).await.ended, Ended::Exited { code: 3 });
        return;
    }
    let again = std::process::Command::new(drakkar_test_child::path())
        .arg("without-sigchld")
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "an_inherited_ignored_child_signal_loses_no_exit_code"])
        // Cargo itself could not run in there.
        .env("DRAKKAR_TEST_CHILD", drakkar_test_child::path())
        .env(AGAIN, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&again.stdout);
    assert!(again.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_job_is_answered_once_while_assignments_come_and_go() {
    let pool = pool(Settings { max_executors: 4, kill_grace: SHORT, ..settings() });
    let jobs: Vec<_> = (0..300)
        .map(|n| {
            let job = submit(&pool, owner(n % 7), u64::from(n), task(["exit", "0"]));
            if n % 10 == 9 {
                pool.cancel(owner(n % 5));
            }
            job
        })
        .collect();
    for job in jobs {
        let ended = answer(job).await.ended;
        assert!(matches!(ended, Ended::Cancelled | Ended::Exited { code: 0 }), "{ended}");
    }
    eventually("all slots to be free", || pool.active() == 0 && pool.waiting() == 0).await;
}
