//! Who runs when not everyone can.

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use drakkar_core::{
    executor::{Completion, Executor, Job, Priority},
    outcome::Ended,
};
use drakkar_executor::{ProcessPool, Settings};

use crate::harness::*;

fn slots(max_executors: u32) -> ProcessPool {
    ProcessPool::start(Settings { max_executors, ..settings() }).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_never_runs_more_than_the_slots() {
    let dir = tempfile::tempdir().unwrap();
    let pool = slots(3);
    let jobs: Vec<_> = (0..100)
        .map(|n| submit(&pool, owner(1), n, task(["census", dir.path().to_str().unwrap()])))
        .collect();
    assert!(pool.active() <= 3);
    let mut most = 0;
    for job in jobs {
        let report = answer(job).await;
        assert!(report.success, "{report:?}");
        most = most.max(report.stdout_text().trim().parse().unwrap());
        assert!(pool.active() <= 3);
    }
    assert!((1..=3).contains(&most), "{most} programs at once");
    assert_eq!((pool.active(), pool.waiting()), (0, 0));
}

#[tokio::test]
async fn lower_priorities_go_first_and_equal_ones_in_order() {
    let pool = slots(1);
    let busy = submit(&pool, owner(2), 0, task(["hang"]));
    eventually("the slot to be taken", || pool.active() == 1).await;
    let order = Arc::new(Mutex::new(Vec::new()));
    for (priority, name) in [(30, "30"), (10, "10"), (20, "20 a"), (20, "20 b")] {
        let order = order.clone();
        let done = Completion::new(move |report| {
            assert!(report.queue_wait > std::time::Duration::ZERO);
            order.lock().unwrap().push(name);
        });
        pool.submit(Job {
            owner: owner(1),
            task: Arc::new(task(["exit", "0"])),
            attempt: 1,
            priority: Priority { class: 0, age: priority },
            done,
        });
    }
    assert_eq!(pool.waiting(), 4);
    pool.cancel(owner(2));
    assert_eq!(answer(busy).await.ended, Ended::Cancelled);
    eventually("all to run", || order.lock().unwrap().len() == 4).await;
    assert_eq!(*order.lock().unwrap(), ["10", "20 a", "20 b", "30"]);
}

#[tokio::test]
async fn a_cancelled_waiter_is_answered_at_once_and_costs_the_others_nothing() {
    let pool = slots(1);
    let busy = submit(&pool, owner(9), 0, task(["hang"]));
    eventually("the slot to be taken", || pool.active() == 1).await;
    let waiters: Vec<_> = (1..=5).map(|n| submit(&pool, owner(n), 1, task(["exit", "0"]))).collect();
    pool.cancel(owner(3));
    assert_eq!((pool.active(), pool.waiting()), (1, 4));
    pool.cancel(owner(9));
    assert_eq!(answer(busy).await.ended, Ended::Cancelled);
    for (n, waiter) in (1..).zip(waiters) {
        let report = answer(waiter).await;
        match n {
            3 => assert!(report.ended == Ended::Cancelled && report.pid.is_none(), "{report:?}"),
            _ => assert_eq!(report.ended, Ended::Exited { code: 0 }),
        }
    }
    assert_eq!((pool.active(), pool.waiting()), (0, 0));
    assert!(run(&pool, task(["exit", "0"])).await.success);
}

#[tokio::test]
async fn the_slot_is_free_when_the_answer_comes() {
    let pool = Arc::new(slots(1));
    let seen = Arc::new(Mutex::new(None));
    let done = {
        let (pool, seen) = (pool.clone(), seen.clone());
        Completion::new(move |_| *seen.lock().unwrap() = Some(pool.active()))
    };
    pool.submit(Job {
        owner: owner(1),
        task: Arc::new(task(["exit", "0"])),
        attempt: 1,
        priority: Priority::default(),
        done,
    });
    eventually("the answer", || seen.lock().unwrap().is_some()).await;
    assert_eq!(*seen.lock().unwrap(), Some(0));
}

#[tokio::test]
async fn a_receiver_that_panics_costs_no_slot() {
    let pool = slots(1);
    for _ in 0..3 {
        let done = Completion::new(|_| panic!("on purpose"));
        pool.submit(Job {
            owner: owner(1),
            task: Arc::new(task(["exit", "0"])),
            attempt: 1,
            priority: Priority::default(),
            done,
        });
    }
    assert!(run(&pool, task(["exit", "0"])).await.success);
    assert_eq!((pool.active(), pool.waiting()), (0, 0));
}

#[tokio::test]
async fn jobs_that_come_all_at_once_all_get_a_slot() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..20 {
        let pool = ProcessPool::start(Settings { max_executors: 6, ..settings() }).unwrap();
        let files: Vec<_> = (0..6).map(|n| dir.path().join(format!("{round}-{n}"))).collect();
        let jobs: Vec<_> =
            files.iter().map(|f| submit(&pool, owner(1), 0, task(["hang", f.to_str().unwrap()]))).collect();
        for file in &files {
            ready(file).await;
        }
        in_time("the pool to close", pool.close(Duration::ZERO)).await;
        for job in jobs {
            assert_eq!(answer(job).await.ended, Ended::Cancelled);
        }
    }
}

#[tokio::test]
async fn a_heavy_task_has_its_slots_for_itself_and_more_than_there_are_is_all() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let pool = slots(3);
    let light = submit(&pool, owner(1), 0, task(["hang", &file("light")]));
    ready(Path::new(&file("light"))).await;
    let heavy = submit(&pool, owner(2), 1, task(["hang", &file("heavy")]).with_weight(2));
    ready(Path::new(&file("heavy"))).await;
    assert_eq!(pool.active(), 3);
    // All slots are taken; what wants all of them waits for both, and what comes later waits behind it.
    let all = submit(&pool, owner(3), 2, task(["exit", "0"]).with_weight(99));
    let last = submit(&pool, owner(4), 3, task(["exit", "0"]));
    pool.cancel(owner(1));
    assert_eq!(answer(light).await.ended, Ended::Cancelled);
    eventually("a free slot", || pool.active() == 2).await;
    assert_eq!(pool.waiting(), 2);
    pool.cancel(owner(2));
    assert_eq!(answer(heavy).await.ended, Ended::Cancelled);
    assert!(answer(all).await.success && answer(last).await.success);
    assert_eq!((pool.active(), pool.waiting()), (0, 0));
}

#[tokio::test]
async fn four_hundred_programs_run_at_once_or_say_why_not() {
    let pool = slots(400);
    let jobs: Vec<_> = (0..400).map(|n| submit(&pool, owner(1), n, task(["hang"]))).collect();
    eventually("all to have a slot", || pool.active() == 400 || pool.waiting() == 0).await;
    pool.cancel(owner(1));
    for job in jobs {
        match answer(job).await.ended {
            Ended::Cancelled => {}
            Ended::NotStarted { reason } => assert!(reason.contains("executor.max_executors"), "{reason}"),
            other => panic!("{other}"),
        }
    }
}
