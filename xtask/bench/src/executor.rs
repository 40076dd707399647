//! The executor alone, without a broker: small programs and resident children, next to bare loops.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::sync_channel,
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use drakkar_core::{
    executor::{Completion, Executor, Job, Priority},
    frames::{Protocol, Request},
    ids::{Assignment, Epoch, Offset, PartitionId},
    outcome::Report,
    task::{IoClass, Limits, Task},
};
use drakkar_executor::{Mode, ProcessPool, Resident, Settings};
use nix::sys::{
    resource::{UsageWho, getrusage},
    time::TimeValLike,
};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

use crate::{
    Outcome,
    cases::{CONCURRENCY, compare, median},
    process::{Program, Side, compiled},
};

const INPUT: [u8; 200] = [b'x'; 200];
const TASKS: usize = 6_000;
const REQUESTS: usize = 200_000;
/// Resident children, on both sides.
const CHILDREN: usize = 2;

/// One process per task, against a loop in C that spawns, feeds, reads and waits on as many threads.
pub(crate) fn one_shot(_brokers: &str, pairs: usize) -> Result<Outcome> {
    let child = Program::tiny_child()?;
    let bare = compiled("spawn_loop", include_str!("../spawn_loop.c"))?;
    compare("executor", "task/s", 0.95, pairs, |side| match side {
        Side::Ours => pool_rate(settings(&child), &task(), TASKS),
        Side::Reference => Ok(bare_spawn(&bare, &child)?.0),
    })
}

/// Processor time of the worker itself per task: at most 25 us above that of the loop in C.
pub(crate) fn cpu(_brokers: &str, pairs: usize) -> Result<Outcome> {
    const MORE: f64 = 25.0;
    let child = Program::tiny_child()?;
    let bare = compiled("spawn_loop", include_str!("../spawn_loop.c"))?;
    let (mut ours, mut reference, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for pair in 0..pairs.max(1) {
        let before = own_cpu()?;
        pool_rate(settings(&child), &task(), TASKS)?;
        let our = (own_cpu()? - before).as_secs_f64() * 1e6 / TASKS as f64;
        let their = bare_spawn(&bare, &child)?.1;
        eprintln!("executor-cpu: pair {} of {pairs}, {our:.1} us against {their:.1} us", pair + 1);
        ours.push(our);
        reference.push(their);
        ratios.push((their + MORE) / our);
    }
    let (ours, reference, ratio) = (median(&mut ours), median(&mut reference), median(&mut ratios));
    Ok(Outcome { case: "executor-cpu", ours, reference, ratio, unit: "us/task", floor: 1.0, pairs })
}

/// User and system time of this process, its children not counted.
fn own_cpu() -> Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let times = [usage.user_time(), usage.system_time()];
    Ok(times.iter().map(|time| Duration::from_micros(time.num_microseconds().unsigned_abs())).sum())
}

/// Tasks per second of a worker with 4 GiB of its own, against one with little: starting a program must not copy it.
pub(crate) fn large(_brokers: &str, pairs: usize) -> Result<Outcome> {
    const BALLAST: usize = 4 << 30;
    let child = Program::tiny_child()?;
    compare("executor-large", "task/s", 0.80, pairs, |side| {
        let ballast = if side == Side::Ours { vec![1u8; BALLAST] } else { Vec::new() };
        let rate = pool_rate(settings(&child), &task(), TASKS);
        // It was there all along.
        ensure!(ballast.iter().step_by(4096).all(|byte| *byte == 1), "the ballast changed");
        rate
    })
}

/// A task with limits against one without: it may cost 1.15 times as much.
pub(crate) fn limited(_brokers: &str, pairs: usize) -> Result<Outcome> {
    let child = Program::tiny_child()?;
    let limits = Limits {
        address_space_bytes: Some(1 << 30),
        cpu_seconds: Some(10),
        open_files: Some(64),
        file_size_bytes: Some(1 << 20),
        core_size_bytes: Some(0),
        nice: Some(1),
        io: Some(IoClass::Low),
    };
    compare("limited", "task/s", 1.0 / 1.15, pairs, |side| match side {
        Side::Ours => pool_rate(settings(&child), &task().limits(limits), TASKS),
        Side::Reference => pool_rate(settings(&child), &task(), TASKS),
    })
}

/// One request at a time with each of two children, against a bare loop on tokio.
pub(crate) fn resident(_brokers: &str, pairs: usize) -> Result<Outcome> {
    residents("resident", 1, pairs)
}

/// Eight at a time.
pub(crate) fn resident_deep(_brokers: &str, pairs: usize) -> Result<Outcome> {
    residents("resident-8", 8, pairs)
}

fn residents(case: &'static str, depth: usize, pairs: usize) -> Result<Outcome> {
    let child = compiled("resident_child", include_str!("../resident_child.c"))?;
    compare(case, "req/s", 0.80, pairs, |side| match side {
        Side::Ours => {
            let resident = Resident { protocol: Protocol::LengthPrefixed, depth, ..Resident::default() };
            let max_executors = CHILDREN as u32;
            let settings = Settings { max_executors, mode: Mode::Resident(resident), ..settings(&child) };
            pool_rate(settings, &task(), REQUESTS)
        }
        Side::Reference => bare_pipe_rate(&child, depth),
    })
}

fn settings(program: &Path) -> Settings {
    Settings { max_executors: CONCURRENCY as u32, program: Some(program.to_owned()), ..Settings::default() }
}

fn task() -> Task {
    Task::for_offsets(PartitionId(0), [Offset(0)]).stdin(INPUT.to_vec())
}

/// Tasks per second of a pool that always has some waiting. They come in batches, as those of windows do.
fn pool_rate(settings: Settings, task: &Task, count: usize) -> Result<f64> {
    const BATCH: usize = 500;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let pool = ProcessPool::start(settings)?;
        let task = Arc::new(task.clone());
        let owner = Assignment { partition: PartitionId(0), epoch: Epoch(1) };
        let batches = count / BATCH;
        let (tx, rx) = sync_channel(batches);
        let (done, good) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let submit = || {
            for _ in 0..BATCH {
                let (tx, done, good) = (tx.clone(), done.clone(), good.clone());
                let answer = Completion::new(move |report: Report| {
                    good.fetch_add(usize::from(report.success), Ordering::Relaxed);
                    if (done.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(BATCH) {
                        tx.send(()).unwrap_or_default();
                    }
                });
                let (task, priority) = (task.clone(), Priority::default());
                pool.submit(Job { owner, task, attempt: 1, priority, done: answer });
            }
        };
        let start = Instant::now();
        submit();
        for batch in 0..batches {
            if batch + 1 < batches {
                submit();
            }
            rx.recv()?;
        }
        let rate = count as f64 / start.elapsed().as_secs_f64();
        let good = good.load(Ordering::Relaxed);
        ensure!(good == count, "{} of {count} tasks failed", count - good);
        pool.close(Duration::ZERO).await;
        Ok(rate)
    })
}

/// Tasks per second of the loop in C, and its own processor time per task in microseconds.
fn bare_spawn(bare: &Path, child: &Path) -> Result<(f64, f64)> {
    let output = Command::new(bare).arg(child).args([TASKS.to_string(), CONCURRENCY.to_string()]).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let (rate, cpu) = text.trim().split_once(' ').context("two figures of the loop in C")?;
    Ok((rate.parse()?, cpu.parse()?))
}

/// Requests per second of a loop that keeps `depth` requests with each child.
fn bare_pipe_rate(child: &Path, depth: usize) -> Result<f64> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let start = Instant::now();
        let mut loops = Vec::new();
        for _ in 0..CHILDREN {
            loops.push(tokio::spawn(bare_pipes(child.to_owned(), depth, REQUESTS / CHILDREN)));
        }
        for one in loops {
            one.await??;
        }
        Ok(REQUESTS as f64 / start.elapsed().as_secs_f64())
    })
}

async fn bare_pipes(child: PathBuf, depth: usize, count: usize) -> Result<()> {
    let mut child = tokio::process::Command::new(child)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()?;
    let mut stdin = child.stdin.take().context("piped")?;
    let mut stdout = BufReader::new(child.stdout.take().context("piped")?);
    let task = task();
    let command = task.command().context("a program")?;
    let (mut frame, mut answer) = (Vec::new(), Vec::new());
    let mut id = 0;
    let mut next = |frame: &mut Vec<u8>| {
        frame.clear();
        id += 1;
        Request { id, command, deadline: Duration::from_secs(2_000_000_000) }
            .encode(Protocol::LengthPrefixed, frame)
            .map_err(anyhow::Error::msg)
    };
    for _ in 0..depth {
        next(&mut frame)?;
        stdin.write_all(&frame).await?;
    }
    for done in 0..count {
        let length = stdout.read_u32().await?;
        answer.resize(length as usize, 0);
        stdout.read_exact(&mut answer).await?;
        if done + depth < count {
            next(&mut frame)?;
            stdin.write_all(&frame).await?;
        }
    }
    drop(stdin);
    ensure!(stdout.fill_buf().await?.is_empty() && child.wait().await?.success(), "the child failed");
    Ok(())
}
