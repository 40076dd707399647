//! Measures how many small tasks per second the pool runs, next to bare loops with the same number of threads.
//!
//! `spawn_rate [PROGRAM [TASKS [SLOTS...]]]`: 200 bytes of input each, 5 rounds in turns, the median of each. The loop
//! in C takes part where there is a C compiler.

use std::{
    env, fs,
    io::{Read, Write},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::sync_channel,
    },
    thread,
    time::{Duration, Instant},
};

use drakkar_core::{
    executor::{Completion, Executor, Job, Priority},
    ids::{Assignment, Epoch, Offset, PartitionId},
    task::Task,
};
use drakkar_executor::{ProcessPool, Settings};

const INPUT: [u8; 200] = [b'x'; 200];
const ROUNDS: usize = 5;

fn main() {
    let mut args = env::args().skip(1);
    let program = PathBuf::from(args.next().unwrap_or_else(|| "/bin/cat".into()));
    let tasks: usize = args.next().map_or(2000, |n| n.parse().expect("a number of tasks"));
    let mut slots: Vec<u32> = args.map(|n| n.parse().expect("a number of slots")).collect();
    if slots.is_empty() {
        slots = vec![2, 4, 8];
    }
    let bare = env::temp_dir().join(format!("spawn_loop-{}", std::process::id()));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/spawn_loop.c");
    let built = Command::new("cc").args(["-O2", "-pthread", "-o"]).arg(&bare).arg(source).status();
    let bare = built.is_ok_and(|status| status.success()).then_some(bare);

    println!("{tasks} tasks of {}, {ROUNDS} rounds, median per second", program.display());
    println!("slots    pool     std       C   pool/std  pool/C");
    for slots in slots {
        let (mut pool, mut std, mut c) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            pool.push(pool_rate(&program, tasks, slots));
            std.push(std_rate(&program, tasks, slots));
            c.extend(bare.as_ref().map(|bare| c_rate(bare, &program, tasks, slots)));
        }
        let (pool, std, c) = (median(pool), median(std), median(c));
        println!("{slots:>5} {pool:>7.0} {std:>7.0} {c:>7.0} {:>10.2} {:>7.2}", pool / std, pool / c);
    }
    if let Some(bare) = bare {
        fs::remove_file(bare).expect("our own file");
    }
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().unwrap_or(f64::NAN)
}

fn pool_rate(program: &Path, tasks: usize, slots: u32) -> f64 {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let settings =
            Settings { max_executors: slots, program: Some(program.to_owned()), ..Settings::default() };
        let pool = ProcessPool::start(settings).expect("a program");
        let task = Arc::new(Task::for_offsets(PartitionId(0), [Offset(0)]).stdin(INPUT.to_vec()));
        let owner = Assignment { partition: PartitionId(0), epoch: Epoch(1) };
        let (tx, rx) = sync_channel(tasks);
        let start = Instant::now();
        for _ in 0..tasks {
            let tx = tx.clone();
            let done = Completion::new(move |report| tx.send(report.success).expect("a receiver"));
            pool.submit(Job { owner, task: task.clone(), attempt: 1, priority: Priority::default(), done });
        }
        drop(tx);
        assert!(tokio::task::block_in_place(|| rx.iter().all(|success| success)), "a task failed");
        let rate = tasks as f64 / start.elapsed().as_secs_f64();
        pool.close(Duration::ZERO).await;
        rate
    })
}

fn std_rate(program: &Path, tasks: usize, threads: u32) -> f64 {
    let left = AtomicUsize::new(tasks);
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok() {
                    run_bare(program);
                }
            });
        }
    });
    tasks as f64 / start.elapsed().as_secs_f64()
}

/// Both outputs are far below the size of a pipe, so they can be read one after the other.
fn run_bare(program: &Path) {
    let mut child = Command::new(program)
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a program");
    child.stdin.take().expect("piped").write_all(&INPUT).expect("input");
    let mut output = Vec::new();
    child.stdout.take().expect("piped").read_to_end(&mut output).expect("output");
    child.stderr.take().expect("piped").read_to_end(&mut output).expect("output");
    assert!(child.wait().expect("an end").success());
}

fn c_rate(bare: &Path, program: &Path, tasks: usize, threads: u32) -> f64 {
    let output = Command::new(bare)
        .arg(program)
        .args([tasks.to_string(), threads.to_string()])
        .output()
        .expect("the loop just built");
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("a rate")
}
