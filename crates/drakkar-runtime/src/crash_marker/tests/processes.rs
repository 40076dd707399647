//! Tests with processes that really die: this test program, started again as the worker.

use std::{
    hint::black_box,
    io::{BufRead, BufReader, Write},
    os::unix::process::ExitStatusExt,
    process::{Child, Command, Stdio},
};

use super::*;

/// How a worker is told what to do: a word, then its folder, partition and offsets.
const ORDERS: &str = "DRAKKAR_TEST_MARKER_WORKER";

/// The worker, when this program is started as one; else a test that does nothing.
#[test]
fn worker() {
    let Ok(orders) = std::env::var(ORDERS) else { return };
    let [how, folder, partition, first, last] = orders.split('|').collect::<Vec<_>>()[..] else {
        panic!("orders: {orders}")
    };
    let (marker, suspects) = open(Path::new(folder));
    let partition: i32 = partition.parse().unwrap();
    let first: i64 = first.parse().unwrap();
    let seen = crashes(&suspects, partition, first);
    let _busy = enter(&marker, partition, first, last.parse().unwrap());
    let mut out = std::io::stdout();
    writeln!(out, "\nbusy {seen}").unwrap();
    out.flush().unwrap();
    match how {
        "abort" => std::process::abort(),
        "overflow" => assert_eq!(overflow(1), 0),
        "wait" => assert_ne!(std::io::stdin().read_line(&mut String::new()).unwrap(), usize::MAX),
        _ => panic!("orders: {orders}"),
    }
    marker.close().unwrap();
}

#[expect(unconditional_recursion, reason = "that is what it is for")]
fn overflow(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    overflow(depth + 1) + frame[(depth % 64) as usize]
}

struct Worker {
    child: Child,
    out: BufReader<std::process::ChildStdout>,
}

impl Worker {
    fn start(how: &str, folder: &Path, partition: i32, first: i64, last: i64) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["crash_marker::tests::processes::worker", "--exact", "--nocapture", "--test-threads=1"])
            .env(ORDERS, format!("{how}|{}|{partition}|{first}|{last}", folder.display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out }
    }

    /// Waits until its hook is busy; tells how many crashes it knew of.
    fn busy(&mut self) -> u32 {
        let mut line = String::new();
        while self.out.read_line(&mut line).unwrap() > 0 {
            if let Some(seen) = line.trim().strip_prefix("busy ") {
                return seen.parse().unwrap();
            }
            line.clear();
        }
        panic!("the worker ended: {:?}", self.child.wait());
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        assert_eq!(self.child.wait().unwrap().signal(), Some(9));
    }

    /// Lets a worker that waits stop in order.
    fn stop(mut self) {
        drop(self.child.stdin.take());
        // Its last lines go into the pipe, which is read so that it never blocks.
        std::io::copy(&mut self.out, &mut std::io::sink()).unwrap();
        assert!(self.child.wait().unwrap().success());
    }

    fn dies(mut self) {
        let status = self.child.wait().unwrap();
        assert!(status.signal().is_some(), "{status}");
    }
}

#[test]
fn whatever_kills_the_process_three_times_is_known_to_the_fourth_start() {
    for how in ["abort", "overflow", "wait"] {
        let dir = tempfile::tempdir().unwrap();
        for n in 0..3 {
            let mut worker = Worker::start(how, dir.path(), 5, 100, 100);
            assert_eq!(worker.busy(), n, "{how}");
            if how == "wait" { worker.kill() } else { worker.dies() }
        }
        let (marker, suspects) = open(dir.path());
        assert!(suspects.is_poison(PartitionId(5), Offset(100)), "{how}");
        assert!(!suspects.is_suspect(PartitionId(5), Offset(101)), "{how}");
        marker.settled(PartitionId(5), Offset(100));
        marker.close().unwrap();
        assert!(open(dir.path()).1.is_empty(), "{how}");
    }
}

#[test]
fn a_crash_with_another_message_of_the_partition_ends_the_row() {
    let dir = tempfile::tempdir().unwrap();
    for (first, last) in [(100, 199), (100, 100), (101, 101)] {
        Worker::start("abort", dir.path(), 5, first, last).dies();
    }
    let (_marker, suspects) = open(dir.path());
    assert_eq!((crashes(&suspects, 5, 100), crashes(&suspects, 5, 101)), (0, 1));
}

#[test]
fn two_workers_crash_each_for_itself() {
    let dir = tempfile::tempdir().unwrap();
    for n in 0..3 {
        let mut one = Worker::start("wait", dir.path(), 5, 100, 100);
        let mut two = Worker::start("wait", dir.path(), 6, 7, 7);
        assert_eq!((one.busy(), two.busy()), (n, n), "one of them starts while the other lives");
        one.kill();
        two.kill();
    }
    let (_marker, suspects) = open(dir.path());
    assert!(suspects.is_poison(PartitionId(5), Offset(100)) && suspects.is_poison(PartitionId(6), Offset(7)));
}

#[test]
fn a_crash_is_counted_once_however_many_start_at_once() {
    let dir = tempfile::tempdir().unwrap();
    Worker::start("abort", dir.path(), 5, 100, 100).dies();
    let mut workers: Vec<_> = (0..8).map(|_| Worker::start("wait", dir.path(), 5, 100, 100)).collect();
    let seen: Vec<_> = workers.iter_mut().map(Worker::busy).collect();
    assert_eq!(seen, [1; 8]);
    assert_eq!(files_in(dir.path(), ".marker").len(), 8, "each has its own");
    workers.into_iter().for_each(Worker::stop);
    assert!(files_in(dir.path(), ".marker").is_empty());
    assert_eq!(crashes(&open(dir.path()).1, 5, 100), 1);
}

#[test]
fn a_marker_of_a_process_that_lives_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let mut worker = Worker::start("wait", dir.path(), 5, 100, 100);
    worker.busy();
    let (marker, suspects) = open(dir.path());
    assert!(suspects.is_empty());
    marker.close().unwrap();
    assert_eq!(files_in(dir.path(), ".marker").len(), 1);
    worker.kill();
    assert_eq!(crashes(&open(dir.path()).1, 5, 100), 1);
}
