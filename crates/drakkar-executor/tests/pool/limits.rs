//! What a program may use, what it used, and what becomes of it when its worker is killed.

use std::time::Duration;

use drakkar_core::{
    outcome::Ended,
    task::{IoClass, Limits},
};
use drakkar_executor::{ProcessPool, Settings};

use crate::harness::{child, gone, pool, ready, run, settings, state, task};

#[tokio::test]
async fn limits_are_in_force_before_the_program_starts() {
    let limits = Limits {
        address_space_bytes: Some(8 << 30),
        cpu_seconds: Some(7),
        open_files: Some(40),
        file_size_bytes: Some(1 << 20),
        core_size_bytes: Some(0),
        nice: Some(5),
        io: None,
    };
    let report = run(&pool(), task(["limits"]).limits(limits)).await;
    let text = report.stdout_text();
    let has = |name: &str, value: &str| {
        let line = text.lines().find(|l| l.starts_with(name)).unwrap_or_else(|| panic!("{name}: {text}"));
        assert_eq!(line[name.len()..].split_whitespace().next(), Some(value), "{line}");
    };
    has("Max address space", "8589934592");
    has("Max cpu time", "7");
    has("Max open files", "40");
    has("Max file size", "1048576");
    has("Max core file size", "0");
    has("nice", "5");
}

#[tokio::test]
async fn the_class_at_the_disk_is_that_of_the_task() {
    // `ionice` of util-linux, which every Linux has, tells its own class.
    for (io, expected) in [(IoClass::Idle, "idle"), (IoClass::Low, "best-effort: prio 7")] {
        let limits = Limits { io: Some(io), ..Limits::default() };
        let report = run(&pool(), task([]).program("ionice").limits(limits)).await;
        assert_eq!(report.stdout_text().trim(), expected, "{}", report.ended);
    }
}

#[tokio::test]
async fn a_task_says_more_than_the_settings_and_leaves_the_rest_to_them() {
    let limits = Limits { open_files: Some(50), cpu_seconds: Some(60), ..Limits::default() };
    let pool = ProcessPool::start(Settings { limits, ..settings() }).unwrap();
    let own = Limits { open_files: Some(33), ..Limits::default() };
    let text = run(&pool, task(["limits"]).limits(own)).await.stdout_text().into_owned();
    let line = |name: &str| text.lines().find(|l| l.starts_with(name)).unwrap().to_owned();
    assert!(line("Max open files").contains(" 33 ") && line("Max cpu time").contains(" 60 "), "{text}");
}

#[tokio::test]
async fn what_is_over_its_limit_is_told_apart_by_its_signal() {
    let (xcpu, xfsz) = (24, 25);
    let limits = Limits { cpu_seconds: Some(1), ..Limits::default() };
    assert_eq!(run(&pool(), task(["burn"]).limits(limits)).await.ended, Ended::Signalled { signal: xcpu });
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("big").display().to_string();
    let limits = Limits { file_size_bytes: Some(1000), ..Limits::default() };
    let report = run(&pool(), task(["write-file", &file, "5000"]).limits(limits)).await;
    assert_eq!(report.ended, Ended::Signalled { signal: xfsz });
}

#[tokio::test]
async fn a_limit_that_cannot_be_set_is_named() {
    let limits = Limits { open_files: Some(u64::MAX - 1), ..Limits::default() };
    let report = run(&pool(), task(["exit", "0"]).limits(limits)).await;
    let Ended::NotStarted { reason } = &report.ended else { panic!("{:?}", report.ended) };
    assert!(reason.contains("failed to set its limits"), "{reason}");
}

#[tokio::test]
async fn usage_is_in_the_report() {
    let report = run(&pool(), task(["cat"]).stdin(vec![b'x'; 200_000])).await;
    assert_eq!((report.stdin_bytes, report.stdout_bytes, report.stderr_bytes), (200_000, 200_000, 0));
    let limits = Limits { cpu_seconds: Some(1), ..Limits::default() };
    let report = run(&pool(), task(["burn"]).limits(limits)).await;
    assert!(report.cpu_user + report.cpu_system >= Duration::from_millis(700), "{report:?}");
    let report = run(&pool(), task(["use-memory", "60"])).await;
    let mib = report.peak_memory.expect("it ran long enough to be looked at") >> 20;
    assert!((60..75).contains(&mib), "{mib} MiB");
}

#[tokio::test]
async fn what_a_killed_worker_left_behind_is_ended_by_the_next_one() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ready");
    let mut worker = std::process::Command::new(child()).arg("worker").arg(&file).spawn().unwrap();
    let orphan = ready(&file).await;
    drop(pool());
    assert!(state(orphan).is_some(), "its worker lives");
    worker.kill().unwrap();
    worker.wait().unwrap();
    drop(pool());
    gone(orphan).await;
}
