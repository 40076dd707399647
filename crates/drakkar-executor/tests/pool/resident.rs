//! Resident children: requests, pipelining, replacement, and everything a child can do wrong.

use std::{
    collections::HashSet,
    time::{Duration, Instant, SystemTime},
};

use drakkar_core::{
    executor::Executor,
    frames::Protocol,
    outcome::{Ended, Report, Stream},
    task::Limits,
};
use drakkar_executor::{Mode, ProcessPool, Resident, Settings};

use crate::harness::*;

const SHORT: Duration = Duration::from_millis(500);
const PROTOCOLS: [Protocol; 2] = [Protocol::JsonLines, Protocol::LengthPrefixed];

fn resident(how: &[&str]) -> Resident {
    let args = ["serve"].iter().chain(how).map(|arg| (*arg).into()).collect();
    Resident { args, start_backoff_max: Duration::from_millis(200), ..Resident::default() }
}

fn settings_of(max_executors: u32, resident: Resident) -> Settings {
    Settings {
        max_executors,
        program: Some(drakkar_test_child::path().to_owned()),
        mode: Mode::Resident(resident),
        ..settings()
    }
}

fn pool_of(max_executors: u32, resident: Resident) -> ProcessPool {
    ProcessPool::start(settings_of(max_executors, resident)).unwrap()
}

fn one() -> ProcessPool {
    pool_of(1, resident(&[]))
}

fn reason(report: &Report) -> String {
    match &report.ended {
        Ended::ChildFailed { reason } | Ended::NotStarted { reason } => reason.clone(),
        other => panic!("{other}"),
    }
}

async fn pid(pool: &ProcessPool) -> String {
    let report = run(pool, task(["pid"])).await;
    assert!(report.success, "{report:?}");
    assert_eq!(report.pid.unwrap().to_string(), report.stdout_text());
    report.stdout_text().into_owned()
}

fn is_gone(pid: &str) -> bool {
    matches!(state(pid.parse().unwrap()), None | Some('Z' | 'X'))
}

#[tokio::test]
async fn one_child_answers_many_requests_in_both_forms() {
    for protocol in PROTOCOLS {
        let pool = pool_of(1, Resident { protocol, ..resident(&[]) });
        let first = pid(&pool).await;
        for n in 0..50 {
            let input = format!("input {n}\n\"é\"");
            let report = run(&pool, task(["echo"]).stdin(input.clone())).await;
            assert_eq!(
                (report.stdout_text().as_ref(), report.stdin_bytes),
                (input.as_str(), input.len() as u64)
            );
        }
        let failed = run(&pool, task(["exit", "3"])).await;
        assert_eq!(failed.ended, Ended::Exited { code: 3 });
        assert_eq!(
            (failed.success, failed.stdout_text().as_ref(), failed.stderr_text().as_ref()),
            (false, "out", "err")
        );
        assert!(run(&pool, task(["exit", "3"]).success_codes([3])).await.success);
        assert_eq!(pid(&pool).await, first, "{protocol}");
    }
}

#[tokio::test]
async fn bytes_that_are_no_text_come_back_as_they_were() {
    let pool = pool_of(1, Resident { protocol: Protocol::LengthPrefixed, ..resident(&[]) });
    let bytes: Vec<u8> = (0..1_000_000u32).map(|n| (n % 256) as u8).collect();
    let report = run(&pool, task(["echo"]).stdin(bytes.clone())).await;
    assert!(report.success && report.stdout == bytes, "{}", report.ended);
}

#[tokio::test]
async fn a_request_knows_its_deadline() {
    let before = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as u64;
    let report = run(&one(), task(["deadline"]).timeout(Duration::from_secs(50))).await;
    let deadline: u64 = report.stdout_text().parse().unwrap();
    assert!((before + 50_000..before + 50_000 + DEADLINE.as_millis() as u64).contains(&deadline));
}

#[tokio::test]
async fn no_more_children_run_than_there_are_slots() {
    let pool = pool_of(3, resident(&[]));
    let jobs: Vec<_> = (0..30).map(|n| submit(&pool, owner(1), n, task(["sleep", "20"]))).collect();
    let mut pids = HashSet::new();
    for job in jobs {
        pids.insert(answer(job).await.pid.unwrap());
        assert!(pool.active() <= 3);
    }
    assert!((1..=3).contains(&pids.len()), "{pids:?}");
}

#[tokio::test]
async fn a_child_holds_as_many_requests_as_it_may_and_answers_in_any_order() {
    for protocol in PROTOCOLS {
        let pool = pool_of(1, Resident { protocol, depth: 3, ..resident(&[]) });
        let late = submit(&pool, owner(1), 0, task(["late", "300"]).stdin("late"));
        let quick = submit(&pool, owner(1), 1, task(["echo"]).stdin("quick"));
        let quick = answer(quick).await;
        assert_eq!(quick.stdout_text(), "quick");
        // It came after and was answered before.
        let late = answer(late).await;
        assert_eq!((late.stdout_text().as_ref(), late.pid), ("late", quick.pid), "{protocol}");
        assert!(late.run_time > quick.run_time);
    }
}

#[tokio::test]
async fn requests_go_out_by_priority() {
    let pool = one();
    let busy = submit(&pool, owner(1), 0, task(["sleep", "200"]));
    eventually("the first to run", || pool.active() == 1 && pool.waiting() == 0).await;
    let order = [30, 10, 20].map(|n| (n, submit(&pool, owner(1), n, task(["sleep", "20"]))));
    answer(busy).await;
    let mut waits = Vec::new();
    for (n, job) in order {
        waits.push((answer(job).await.queue_wait, n));
    }
    waits.sort();
    assert_eq!(waits.iter().map(|(_, n)| *n).collect::<Vec<_>>(), [10, 20, 30]);
}

#[tokio::test]
async fn a_late_answer_ends_the_child_and_fails_only_what_it_held() {
    let pool = pool_of(1, Resident { depth: 2, ..resident(&[]) });
    let before = pid(&pool).await;
    let (hang, other) = (
        submit(&pool, owner(1), 0, task(["hang"]).timeout(SHORT)),
        submit(&pool, owner(1), 1, task(["echo"])),
    );
    assert_eq!(answer(hang).await.ended, Ended::TimedOut { limit: SHORT });
    let other = answer(other).await;
    assert!(reason(&other).contains("was not answered within 0.500 s"), "{}", other.ended);
    assert!(is_gone(&before));
    assert_ne!(pid(&pool).await, before);
}

#[tokio::test]
async fn every_fault_of_a_child_is_named_and_the_next_request_gets_another() {
    for protocol in PROTOCOLS {
        let pool = ProcessPool::start(Settings {
            max_stdout: 1 << 20,
            max_stderr: 1 << 20,
            ..settings_of(1, Resident { protocol, ..resident(&[]) })
        })
        .unwrap();
        let mut faults = vec![
            (task(["die", "7"]), "it exited with code 7"),
            (task(["signal", "SIGABRT"]), "it ended by signal 6"),
            (task(["wrong-id"]), "which it does not hold"),
            (
                task(["half"]),
                if protocol == Protocol::JsonLines { "it exited with code 0" } else { "above the" },
            ),
        ];
        if protocol == Protocol::JsonLines {
            faults.push((task(["garbage"]), "a line that is no answer"));
            faults.push((task(["oversized"]), "above the"));
        } else {
            faults.push((task(["garbage"]), "above the"));
        }
        for (task, expected) in faults {
            let before = pid(&pool).await;
            let report = run(&pool, task).await;
            assert!(reason(&report).contains(expected), "{protocol}: {} for {expected}", reason(&report));
            assert!(is_gone(&before), "{protocol}: {expected}");
            assert_ne!(pid(&pool).await, before, "{protocol}: {expected}");
        }
        // An answer too many is found out with the next request, which another child gets.
        let before = pid(&pool).await;
        assert!(run(&pool, task(["twice"])).await.success);
        eventually("another child", || is_gone(&before)).await;
        let before = pid(&pool).await;
        assert!(run(&pool, task(["last"])).await.success);
        eventually("its end", || is_gone(&before)).await;
        assert!(run(&pool, task(["echo"])).await.success, "one that exits between requests fails none");
    }
}

#[tokio::test]
async fn the_last_errors_of_a_child_stand_in_the_report_of_what_it_failed() {
    let pool = one();
    let fine = run(&pool, task(["mutter"])).await;
    assert!(fine.success && fine.stderr.is_empty());
    let report = run(&pool, task(["die", "1"])).await;
    let text = report.stderr_text();
    assert!(text.contains("muttering about 1") && text.contains("giving up on 2"), "{text}");
}

#[tokio::test]
async fn output_above_its_limit_fails_the_request_and_leaves_the_child() {
    let settings = Settings { max_stdout: 1000, max_stderr: 1 << 20, ..settings_of(1, resident(&[])) };
    let pool = ProcessPool::start(settings).unwrap();
    let before = pid(&pool).await;
    assert!(run(&pool, task(["long", "1000"])).await.success);
    let report = run(&pool, task(["long", "1001"])).await;
    assert_eq!(report.ended, Ended::OverLimit { stream: Stream::Stdout, limit: 1000 });
    assert_eq!((report.stdout.len(), report.stdout_bytes, report.stdout_truncated), (1000, 1001, true));
    assert_eq!(pid(&pool).await, before);
}

#[tokio::test]
async fn what_a_request_cannot_carry_is_refused_with_the_reason() {
    let pool = one();
    let limits = Limits { open_files: Some(10), ..Limits::default() };
    let report = run(&pool, task(["echo"]).limits(limits)).await;
    assert!(reason(&report).contains("limits of its own"), "{}", report.ended);
    use std::os::unix::ffi::OsStringExt;
    let report = run(&pool, task([]).arg(std::ffi::OsString::from_vec(vec![0xff]))).await;
    assert!(reason(&report).contains("argument 1 is not UTF-8"), "{}", report.ended);
    assert!(run(&pool, task(["echo"])).await.success);
}

#[tokio::test]
async fn a_child_is_replaced_after_its_requests_its_age_its_memory_or_a_failure() {
    let by_requests = pool_of(1, Resident { max_requests: 10, ..resident(&[]) });
    let mut pids = Vec::new();
    for _ in 0..40 {
        pids.push(pid(&by_requests).await);
    }
    pids.dedup();
    // Nine to eleven requests each.
    assert!((4..=5).contains(&pids.len()), "{pids:?}");
    eventually("the old ones to end", || pids[..pids.len() - 1].iter().all(|pid| is_gone(pid))).await;

    let by_age = pool_of(1, Resident { max_age: Duration::from_millis(300), ..resident(&[]) });
    let before = pid(&by_age).await;
    eventually("its end", || is_gone(&before)).await;
    assert_ne!(pid(&by_age).await, before);

    let by_memory = pool_of(1, Resident { max_rss: 100 << 20, ..resident(&[]) });
    let before = pid(&by_memory).await;
    assert_eq!(run(&by_memory, task(["eat", "200000000"])).await.stdout_text(), before);
    eventually("its end", || is_gone(&before)).await;

    let by_failure = pool_of(1, Resident { replace_after_failure: true, ..resident(&[]) });
    let before = pid(&by_failure).await;
    assert!(!run(&by_failure, task(["exit", "1"])).await.success);
    assert_ne!(pid(&by_failure).await, before);
}

#[tokio::test]
async fn a_stock_is_kept_and_what_is_above_it_ends_when_it_is_idle() {
    let settings = Resident { min_ready: 2, idle_timeout: SHORT, ..resident(&[]) };
    let pool = pool_of(4, settings);
    let children = || children_of(std::process::id(), "serve");
    eventually("two children", || children().len() == 2).await;
    let jobs: Vec<_> = (0..4).map(|n| submit(&pool, owner(1), n, task(["sleep", "100"]))).collect();
    let mut pids = HashSet::new();
    for job in jobs {
        pids.insert(answer(job).await.pid.unwrap());
    }
    assert_eq!(pids.len(), 4);
    let left = || pids.iter().filter(|pid| !is_gone(&pid.to_string())).count();
    eventually("two of them to end", || left() == 2).await;
}

/// The children of a process that have this argument.
fn children_of(parent: u32, arg: &str) -> Vec<u32> {
    let parent = parent.to_string();
    let entries = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let pid: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let mut fields = stat.rsplit_once(") ")?.1.split(' ');
        let (state, its_parent) = (fields.next()?, fields.next()?);
        let has_arg = line.split(|byte| *byte == 0).any(|a| a == arg.as_bytes());
        (its_parent == parent && state != "Z" && has_arg).then_some(pid)
    });
    entries.collect()
}

#[tokio::test]
async fn a_child_is_given_requests_when_it_is_ready_and_not_before() {
    for protocol in PROTOCOLS {
        let ready_timeout = DEADLINE;
        let pool = pool_of(1, Resident { protocol, ready_timeout, ..resident(&["ready", "300"]) });
        let report = run(&pool, task(["echo"]).timeout(Duration::from_millis(250)).stdin("x")).await;
        assert!(report.success, "its own time began when the child was ready: {}", report.ended);
        assert!(report.queue_wait >= Duration::from_millis(200), "{:?}", report.queue_wait);
    }
    let settings = Resident { ready_timeout: SHORT, ..resident(&["ready", "60000"]) };
    let report = run(&pool_of(1, settings), task(["echo"])).await;
    assert!(reason(&report).contains("not ready within 0.5 s"), "{}", report.ended);
}

#[tokio::test]
async fn heartbeats_keep_a_long_request_alive_and_silence_ends_it() {
    for protocol in PROTOCOLS {
        let pool = pool_of(1, Resident { protocol, heartbeat: SHORT, ..resident(&[]) });
        assert_eq!(run(&pool, task(["heartbeats", "10"])).await.stdout_text(), "alive");
        let started = Instant::now();
        let report = run(&pool, task(["hang"])).await;
        assert!(reason(&report).contains("silent for 0.5 s"), "{}", report.ended);
        assert!(started.elapsed() < DEADLINE / 2);
    }
}

#[tokio::test]
async fn a_program_whose_children_die_at_once_is_started_ever_more_rarely_until_it_works() {
    let dir = tempfile::tempdir().unwrap();
    let flag = dir.path().join("broken");
    std::fs::write(&flag, "").unwrap();
    let settings = Resident {
        start_backoff_max: Duration::from_secs(2),
        ..resident(&["die-while", flag.to_str().unwrap()])
    };
    let pool = pool_of(1, settings);
    let started = Instant::now();
    for n in 0..5 {
        let report = run(&pool, task(["echo"])).await;
        assert!(reason(&report).contains("exited with code 3"), "{n}: {}", report.ended);
        assert!(report.stderr_text().contains("no model here"));
    }
    // At least half of 0.1 + 0.2 + 0.4 + 0.8 s.
    assert!(started.elapsed() >= Duration::from_millis(750), "{:?}", started.elapsed());
    let report = run(&pool, task(["echo"]).timeout(Duration::from_millis(1))).await;
    assert!(reason(&report).contains("they end without an answer"), "{}", report.ended);
    std::fs::remove_file(&flag).unwrap();
    assert!(run(&pool, task(["echo"])).await.success);
}

#[tokio::test]
async fn a_cancelled_request_may_be_answered_within_its_grace_and_then_ends_the_child() {
    let pool = ProcessPool::start(Settings {
        kill_grace: Duration::from_secs(10),
        ..settings_of(1, Resident { depth: 2, ..resident(&[]) })
    })
    .unwrap();
    let before = pid(&pool).await;
    let quick = submit(&pool, owner(2), 0, task(["late", "300"]));
    eventually("it to run", || pool.active() == 1).await;
    pool.cancel(owner(2));
    assert!(answer(quick).await.success);
    assert_eq!(pid(&pool).await, before);
    let (hang, other) =
        (submit(&pool, owner(3), 0, task(["hang"])), submit(&pool, owner(4), 1, task(["echo"])));
    eventually("both to be held", || pool.waiting() == 0).await;
    pool.cancel(owner(3));
    assert_eq!(answer(hang).await.ended, Ended::Cancelled);
    assert!(reason(&answer(other).await).contains("was cancelled"));
    assert!(is_gone(&before));
    // What waits is answered at once.
    let busy = submit(&pool, owner(5), 0, task(["sleep", "300"]));
    let second = submit(&pool, owner(5), 1, task(["sleep", "300"]));
    let third = submit(&pool, owner(6), 2, task(["echo"]));
    eventually("the child to be full", || pool.waiting() == 1).await;
    pool.cancel(owner(6));
    assert_eq!(answer(third).await.ended, Ended::Cancelled);
    assert!(answer(busy).await.success && answer(second).await.success);
}

#[tokio::test]
async fn closing_ends_every_child_the_deaf_ones_too() {
    let pool = pool_of(2, Resident { min_ready: 1, ..resident(&[]) });
    let idle = pid(&pool).await;
    in_time("the end", pool.close(DEADLINE)).await;
    assert!(is_gone(&idle));

    let pool = pool_of(1, resident(&["deaf"]));
    let job = submit(&pool, owner(1), 0, task(["echo"]));
    eventually("it to run", || pool.active() == 1).await;
    in_time("the end", pool.close(SHORT)).await;
    let report = answer(job).await;
    assert_eq!(report.ended, Ended::Cancelled);
    gone(report.pid.unwrap()).await;
    assert_eq!(run(&pool, task(["echo"])).await.ended, Ended::Cancelled);
}

#[tokio::test]
async fn dropping_the_pool_kills_its_children() {
    let pool = pool_of(1, resident(&[]));
    let pid = pid(&pool).await;
    let job = submit(&pool, owner(1), 0, task(["hang"]));
    eventually("it to run", || pool.active() == 1).await;
    tokio::task::spawn_blocking(move || drop(pool)).await.unwrap();
    assert_eq!(answer(job).await.ended, Ended::Cancelled);
    assert!(is_gone(&pid));
}

#[tokio::test]
async fn one_pool_runs_some_programs_once_and_others_for_good() {
    let program = drakkar_test_child::path().to_owned();
    let mode = Mode::Resident(resident(&[]));
    let pool =
        ProcessPool::start(Settings { programs: vec![(program.clone(), mode)], ..settings() }).unwrap();
    let resident = |args: [&str; 1]| task(args).program(&program);
    let first = run(&pool, resident(["pid"])).await;
    let once = run(&pool, task(["exit", "0"])).await;
    let second = run(&pool, resident(["pid"])).await;
    assert!(first.success && once.success);
    assert_eq!(first.stdout, second.stdout);
    assert_ne!(once.pid, first.pid);
}

#[test]
fn a_named_program_that_is_missing_stops_the_start() {
    let missing = ("/no/such/program".into(), Mode::Resident(resident(&[])));
    let error = ProcessPool::start(Settings { programs: vec![missing], ..settings() }).unwrap_err();
    assert!(error.to_string().contains("/no/such/program"), "{error}");
}
