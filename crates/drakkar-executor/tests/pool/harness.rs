//! What the tests share: the pool, the child, and waiting with a deadline.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use drakkar_core::{
    executor::{Completion, Executor, Job, Priority},
    ids::{Assignment, Epoch, Offset, PartitionId},
    outcome::Report,
    task::Task,
};
use drakkar_executor::{ProcessPool, Settings};
use tokio::sync::oneshot;

/// Nothing here takes long; what takes this long hangs.
pub const DEADLINE: Duration = Duration::from_secs(60);

pub fn child() -> PathBuf {
    let exe = std::env::current_exe().unwrap();
    let path = exe.parent().unwrap().parent().unwrap().join("examples/executor_child");
    assert!(
        path.exists(),
        "{} is missing; `cargo build -p drakkar-executor --examples` makes it",
        path.display()
    );
    path
}

pub fn settings() -> Settings {
    Settings {
        max_executors: 2,
        program: Some(child()),
        timeout: DEADLINE,
        kill_grace: DEADLINE,
        ..Settings::default()
    }
}

pub fn pool() -> ProcessPool {
    ProcessPool::start(settings()).unwrap()
}

pub fn task<const N: usize>(args: [&str; N]) -> Task {
    Task::for_offsets(PartitionId(0), [Offset(0)]).args(args)
}

pub fn owner(epoch: u32) -> Assignment {
    Assignment { partition: PartitionId(0), epoch: Epoch(epoch) }
}

pub fn submit(pool: &ProcessPool, owner: Assignment, priority: u64, task: Task) -> oneshot::Receiver<Report> {
    let (tx, rx) = oneshot::channel();
    let done = Completion::new(move |report| drop(tx.send(report)));
    pool.submit(Job {
        owner,
        task: Arc::new(task),
        attempt: 1,
        priority: Priority { class: 0, age: priority },
        done,
    });
    rx
}

pub async fn answer(report: oneshot::Receiver<Report>) -> Report {
    in_time("an answer", report).await.expect("each job is answered")
}

pub async fn run(pool: &ProcessPool, task: Task) -> Report {
    answer(submit(pool, owner(1), 0, task)).await
}

pub async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

pub async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let mut look = tokio::time::interval(Duration::from_millis(2));
    in_time(what, async {
        while !condition() {
            look.tick().await;
        }
    })
    .await;
}

/// Waits until the child said it is ready, and returns its id.
pub async fn ready(file: &Path) -> u32 {
    eventually("the child to be ready", || file.exists()).await;
    std::fs::read_to_string(file).unwrap().parse().unwrap()
}

/// Waits until a process is gone. One that nobody reaps but that is dead counts as gone.
pub async fn gone(pid: u32) {
    eventually(&format!("process {pid} to end"), || matches!(state(pid), None | Some('Z' | 'X'))).await;
}

/// The state letter of a process, if there is one.
pub fn state(pid: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

/// The process id a child wrote to its standard output.
pub fn written_pid(report: &Report) -> u32 {
    report.stdout_text().lines().next().unwrap().parse().unwrap()
}
