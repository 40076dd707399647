//! Measures how many small tasks per second the pool runs: `/bin/true`-like programs with 200 bytes of input, 4 slots.

use std::{
    env,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use drakkar_core::{
    executor::{Completion, Executor, Job},
    ids::{Assignment, Epoch, Offset, PartitionId},
    task::Task,
};
use drakkar_executor::{ProcessPool, Settings};
use tokio::sync::oneshot;

#[tokio::main]
async fn main() {
    let program = env::args_os().nth(1).unwrap_or_else(|| "true".into());
    let tasks: usize = env::args().nth(2).and_then(|n| n.parse().ok()).unwrap_or(5000);
    let settings =
        Settings { max_executors: 4, program: Some(program.clone().into()), ..Settings::default() };
    let pool = ProcessPool::start(settings).expect("a program");
    let task = Arc::new(Task::for_offsets(PartitionId(0), [Offset(0)]).stdin(vec![b'x'; 200]));
    let owner = Assignment { partition: PartitionId(0), epoch: Epoch(1) };
    let (tx, rx) = oneshot::channel();
    let all = Arc::new((AtomicUsize::new(tasks), std::sync::Mutex::new(Some(tx))));
    let start = Instant::now();
    for _ in 0..tasks {
        let all = all.clone();
        let done = Completion::new(move |report| {
            assert!(report.success, "{report:?}");
            if all.0.fetch_sub(1, Ordering::Relaxed) == 1 {
                let tx = all.1.lock().expect("no panic").take();
                tx.map(|tx| tx.send(())).transpose().expect("a receiver");
            }
        });
        pool.submit(Job { owner, task: task.clone(), attempt: 1, priority: 0, done });
    }
    rx.await.expect("an end");
    let took = start.elapsed();
    pool.close(Duration::ZERO).await;
    println!(
        "{} of {program:?} in {:.2} s: {:.0} tasks/s",
        tasks,
        took.as_secs_f64(),
        tasks as f64 / took.as_secs_f64()
    );
}
