//! How attempts end by themselves, and what is kept of their output.

use std::time::Duration;

use drakkar_core::{
    executor::Executor,
    outcome::{Ended, Stream},
    task::Precomputed,
};
use drakkar_executor::{OnOutputLimit, ProcessPool, Settings};

use crate::harness::*;

#[tokio::test]
async fn a_good_run_fills_the_whole_report() {
    let pool = pool();
    let report = run(&pool, task(["echo", "a", "b; c", "$HOME"])).await;
    assert_eq!(report.ended, Ended::Exited { code: 0 });
    assert!(report.success && !report.precomputed);
    assert_eq!(report.stdout_text(), "a b; c $HOME\n");
    assert_eq!(report.stderr_text(), "");
    assert!(!report.stdout_truncated && !report.stderr_truncated);
    assert!(report.pid.unwrap() > 0);
    assert!(report.spawn_time > Duration::ZERO && report.run_time > report.spawn_time, "{report:?}");
    assert_eq!((pool.active(), pool.waiting(), pool.slots()), (0, 0, 2));
}

#[tokio::test]
async fn another_code_is_a_failure_with_its_output() {
    let report = run(&pool(), task(["exit", "3"])).await;
    assert_eq!(report.ended, Ended::Exited { code: 3 });
    assert!(!report.success);
    assert_eq!((report.stdout_text().as_ref(), report.stderr_text().as_ref()), ("out\n", "err\n"));
}

#[tokio::test]
async fn the_task_names_the_codes_that_are_success_or_else_the_pool() {
    let pool = ProcessPool::start(Settings { success_codes: vec![0, 4], ..settings() }).unwrap();
    assert!(run(&pool, task(["exit", "4"])).await.success);
    assert!(run(&pool, task(["exit", "5"]).success_codes([5])).await.success);
    assert!(!run(&pool, task(["exit", "0"]).success_codes([5])).await.success);
}

#[tokio::test]
async fn a_signal_is_told_apart_from_an_exit() {
    let report = run(&pool(), task(["signal", "9"])).await;
    assert_eq!(report.ended, Ended::Signalled { signal: 9 });
    assert!(!report.success && report.pid.is_some());
    assert_eq!(run(&pool(), task(["signal", "1"])).await.ended, Ended::Signalled { signal: 1 });
}

#[tokio::test]
async fn a_precomputed_result_needs_no_slot() {
    let pool = ProcessPool::start(Settings { max_executors: 1, ..settings() }).unwrap();
    let busy = submit(&pool, owner(2), 0, task(["hang"]));
    let good = run(&pool, task([]).output("known")).await;
    assert!(good.success && good.precomputed && good.pid.is_none());
    assert_eq!(good.stdout_text(), "known");
    let bad = Precomputed { exit_code: 2, stderr: "why".into(), ..Precomputed::default() };
    let bad = run(&pool, task([]).precomputed(bad)).await;
    assert_eq!((bad.ended, bad.success), (Ended::Exited { code: 2 }, false));
    pool.close(Duration::ZERO).await;
    assert_eq!(answer(busy).await.ended, Ended::Cancelled);
}

#[tokio::test]
async fn bytes_that_are_no_text_arrive_unchanged() {
    let report = run(&pool(), task(["bytes"])).await;
    assert_eq!(&report.stdout[..], [0xff, 0xfe, b'x', 0]);
}

#[tokio::test]
async fn much_output_on_both_streams_at_once_is_complete() {
    let pool = ProcessPool::start(Settings { max_stderr: 16 << 20, ..settings() }).unwrap();
    let report = run(&pool, task(["flood", "3000000"])).await;
    assert_eq!(report.ended, Ended::Exited { code: 0 });
    assert_eq!((report.stdout.len(), report.stderr.len()), (3_000_000, 3_000_000));
}

#[tokio::test]
async fn large_input_comes_back_whole() {
    let input: Vec<u8> = (0..5_000_000u32).map(|n| (n % 253) as u8).collect();
    let report = run(&pool(), task(["cat"]).stdin(input.clone())).await;
    assert_eq!(report.ended, Ended::Exited { code: 0 });
    assert!(report.stdout == input, "{} bytes came back", report.stdout.len());
}

#[tokio::test]
async fn unread_input_is_no_error() {
    let pool = pool();
    let input = vec![b'x'; 2_000_000];
    for code in ["0", "6"] {
        let report = run(&pool, task(["exit", code]).stdin(input.clone())).await;
        assert_eq!(report.ended, Ended::Exited { code: code.parse().unwrap() });
        let report = run(&pool, task(["close-stdin", code]).stdin(input.clone())).await;
        assert_eq!(report.ended, Ended::Exited { code: code.parse().unwrap() });
    }
}

#[tokio::test]
async fn no_input_and_empty_input_both_end_at_once() {
    assert_eq!(run(&pool(), task(["count"])).await.stdout_text(), "0\n");
    assert_eq!(run(&pool(), task(["count"]).stdin("")).await.stdout_text(), "0\n");
}

#[tokio::test]
async fn output_of_exactly_the_cap_is_fine() {
    let pool =
        ProcessPool::start(Settings { max_stdout: 100_000, max_stderr: 100_000, ..settings() }).unwrap();
    let report = run(&pool, task(["flood", "100000"])).await;
    assert_eq!(report.ended, Ended::Exited { code: 0 });
    assert!(!report.stdout_truncated && !report.stderr_truncated);
}

#[tokio::test]
async fn output_above_the_cap_ends_the_program_and_keeps_the_first_bytes() {
    let pool = ProcessPool::start(Settings { max_stdout: 1000, ..settings() }).unwrap();
    let report = run(&pool, task(["write-for-ever"])).await;
    assert_eq!(report.ended, Ended::OverLimit { stream: Stream::Stdout, limit: 1000 });
    assert!(!report.success && report.stdout_truncated && !report.stderr_truncated);
    assert_eq!(report.stdout, vec![b'w'; 1000]);
}

#[tokio::test]
async fn output_above_the_cap_of_a_program_that_ended_already_is_over_it_too() {
    let pool = ProcessPool::start(Settings { max_stderr: 3, ..settings() }).unwrap();
    let report = run(&pool, task(["exit", "0"])).await;
    assert_eq!(report.ended, Ended::OverLimit { stream: Stream::Stderr, limit: 3 });
    assert_eq!(report.stderr_text(), "err");
}

#[tokio::test]
async fn a_grandchild_that_holds_the_pipes_is_reported_and_killed() {
    let pool = pool();
    for (code, success) in [("0", true), ("5", false)] {
        let report = run(&pool, task(["leak-pipes", code])).await;
        assert_eq!(report.ended, Ended::Leaked { code: code.parse().unwrap() });
        assert_eq!(report.success, success);
        assert!(report.run_time < Duration::from_secs(20), "{report:?}");
        gone(written_pid(&report)).await;
    }
}

#[tokio::test]
async fn a_grandchild_that_goes_on_writing_holds_the_slot_for_two_seconds_at_most() {
    let report = run(&pool(), task(["leak-writer"])).await;
    assert_eq!(report.ended, Ended::Leaked { code: 0 });
    assert!(report.run_time < Duration::from_secs(20), "{:?}", report.run_time);
    gone(written_pid(&report)).await;
}

#[tokio::test]
async fn a_quiet_grandchild_is_killed_and_delays_nothing() {
    let report = run(&pool(), task(["leak-quietly"])).await;
    assert_eq!(report.ended, Ended::Exited { code: 0 });
    gone(written_pid(&report)).await;
}

#[tokio::test]
async fn output_above_its_limit_can_be_cut_instead() {
    let on_output_limit = OnOutputLimit::Truncate;
    let pool = ProcessPool::start(Settings { on_output_limit, max_stdout: 1000, ..settings() }).unwrap();
    let report = run(&pool, task(["flood", "3000000"])).await;
    assert_eq!((report.ended, report.success), (Ended::Exited { code: 0 }, true));
    assert_eq!((report.stdout.len(), report.stdout_bytes, report.stdout_truncated), (1000, 3_000_000, true));
}
