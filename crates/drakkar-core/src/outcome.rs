//! How an attempt ended, and what hooks are told about it.

use std::{borrow::Cow, fmt, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;

use crate::{
    error::Class,
    ids::PartitionId,
    message::Message,
    payload::{Payload, SinkKind},
    task::{Precomputed, Task},
};

/// How one attempt of a task ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Ended {
    /// The program never ran; the text says why.
    NotStarted {
        /// What went wrong, naming the program.
        reason: String,
    },
    /// The program ended by itself.
    Exited {
        /// Its exit code.
        code: i32,
    },
    /// The program ended by itself, but something it started kept an output pipe open past the drain time.
    Leaked {
        /// Its exit code.
        code: i32,
    },
    /// A signal from outside ended the program.
    Signalled {
        /// The signal's number.
        signal: i32,
    },
    /// The program ran longer than allowed and was stopped.
    TimedOut {
        /// The time it was allowed.
        limit: Duration,
    },
    /// The worker stopped it: shut-down, or its partition went to another worker.
    Cancelled,
    /// It wrote more than a stream may hold and was stopped.
    OverLimit {
        /// Which stream.
        stream: Stream,
        /// The limit in bytes.
        limit: u64,
    },
    /// The resident child that held the request failed: it ended, was silent, or wrote what is no answer.
    ChildFailed {
        /// What went wrong.
        reason: String,
    },
    /// The attempt was dropped without an answer: a fault of the worker itself.
    Lost,
}

/// One of the two output streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stream::Stdout => "stdout",
            Stream::Stderr => "stderr",
        })
    }
}

impl Ended {
    /// The exit code, where the program ended by itself.
    pub fn exit_code(&self) -> Option<i32> {
        match self {
            Ended::Exited { code } | Ended::Leaked { code } => Some(*code),
            _ => None,
        }
    }

    /// The lower-case kind, for logs, events and dead letters.
    pub fn kind(&self) -> &'static str {
        match self {
            Ended::NotStarted { .. } => "not_started",
            Ended::Exited { .. } => "exited",
            Ended::Leaked { .. } => "leaked",
            Ended::Signalled { .. } => "signalled",
            Ended::TimedOut { .. } => "timed_out",
            Ended::Cancelled => "cancelled",
            Ended::OverLimit { .. } => "over_limit",
            Ended::ChildFailed { .. } => "child_failed",
            Ended::Lost => "lost",
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ended::NotStarted { reason } => write!(f, "not started: {reason}"),
            Ended::Exited { code } => write!(f, "exited with code {code}"),
            Ended::Leaked { code } => {
                write!(f, "exited with code {code}, leaving a process that held its output")
            }
            Ended::Signalled { signal } => match signal_name(*signal) {
                Some(name) => write!(f, "ended by signal {signal} ({name})"),
                None => write!(f, "ended by signal {signal}"),
            },
            Ended::TimedOut { limit } => write!(f, "timed out after {:.3} s", limit.as_secs_f64()),
            Ended::Cancelled => f.write_str("cancelled"),
            Ended::OverLimit { stream, limit } => write!(f, "wrote more than {limit} bytes to {stream}"),
            Ended::ChildFailed { reason } => write!(f, "its resident child failed: {reason}"),
            Ended::Lost => f.write_str("lost by the worker"),
        }
    }
}

/// What people call a signal, with what it tells about the end. The numbers are those of Linux on common machines.
fn signal_name(signal: i32) -> Option<&'static str> {
    Some(match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL: it ran what is no instruction",
        6 => "SIGABRT: it gave up by itself",
        7 => "SIGBUS: it touched memory that is not there",
        8 => "SIGFPE: it divided by zero, or the like",
        9 => "SIGKILL: by somebody, or by the system as memory ran out",
        11 => "SIGSEGV: it touched memory that is not its own",
        13 => "SIGPIPE",
        15 => "SIGTERM",
        24 => "SIGXCPU: its limit of processor time",
        25 => "SIGXFSZ: its limit of file size",
        31 => "SIGSYS: a system call that is forbidden",
        _ => return None,
    })
}

/// Everything known about one attempt.
#[derive(Clone, Debug)]
pub struct Report {
    /// How it ended.
    pub ended: Ended,
    /// Whether that counts as success.
    pub success: bool,
    /// Whether the result was given by the handler and nothing ran.
    pub precomputed: bool,
    /// What was written to standard output, up to the cap.
    pub stdout: Bytes,
    /// What was written to standard error, up to the cap.
    pub stderr: Bytes,
    /// Whether standard output was cut at the cap.
    pub stdout_truncated: bool,
    /// Whether standard error was cut at the cap.
    pub stderr_truncated: bool,
    /// Bytes it was given on standard input.
    pub stdin_bytes: u64,
    /// Bytes it wrote to standard output, those above the cap included.
    pub stdout_bytes: u64,
    /// Bytes it wrote to standard error, those above the cap included.
    pub stderr_bytes: u64,
    /// The process id, if the program ran.
    pub pid: Option<u32>,
    /// Processor time in user mode, of the program and what it waited for.
    pub cpu_user: Duration,
    /// Processor time in kernel mode, of the program and what it waited for.
    pub cpu_system: Duration,
    /// The most resident memory in bytes; unknown where a short program stayed below the worker's own peak.
    pub peak_memory: Option<u64>,
    /// Time between asking for a slot and getting it.
    pub queue_wait: Duration,
    /// Time to start the program.
    pub spawn_time: Duration,
    /// Time from just before the start to the end.
    pub run_time: Duration,
    /// The folder of the attempt, if its task asked for one.
    pub folder: Option<Arc<dyn Folder>>,
}

/// A folder that is removed when nobody holds it any more.
pub trait Folder: fmt::Debug + Send + Sync {
    /// Where it is.
    fn path(&self) -> &Path;
}

impl Report {
    /// A report of an attempt that ended this way without any output.
    pub fn without_output(ended: Ended) -> Self {
        Self {
            ended,
            success: false,
            precomputed: false,
            stdout: Bytes::new(),
            stderr: Bytes::new(),
            stdout_truncated: false,
            stderr_truncated: false,
            stdin_bytes: 0,
            stdout_bytes: 0,
            stderr_bytes: 0,
            pid: None,
            cpu_user: Duration::ZERO,
            cpu_system: Duration::ZERO,
            peak_memory: None,
            queue_wait: Duration::ZERO,
            spawn_time: Duration::ZERO,
            run_time: Duration::ZERO,
            folder: None,
        }
    }

    /// The folder of the attempt, if its task asked for one with [`Task::with_scratch`].
    pub fn scratch(&self) -> Option<&Path> {
        self.folder.as_deref().map(Folder::path)
    }

    /// The report of a result that the handler knew already. Exit code 0 is a success.
    pub fn precomputed(result: Precomputed) -> Self {
        Self {
            success: result.exit_code == 0,
            precomputed: true,
            stdout_bytes: result.stdout.len() as u64,
            stderr_bytes: result.stderr.len() as u64,
            stdout: result.stdout,
            stderr: result.stderr,
            ..Self::without_output(Ended::Exited { code: result.exit_code })
        }
    }

    /// Standard output as text; invalid UTF-8 is replaced.
    pub fn stdout_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.stdout)
    }

    /// Standard error as text; invalid UTF-8 is replaced.
    pub fn stderr_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.stderr)
    }

    /// What holding this report costs.
    pub fn size(&self) -> usize {
        self.stdout.len() + self.stderr.len() + 256
    }
}

/// A task that succeeded: what `on_task_complete` gets.
#[derive(Clone, Debug)]
pub struct TaskResult {
    /// The task.
    pub task: Arc<Task>,
    /// The number of this attempt, from 1.
    pub attempt: u32,
    /// How it went.
    pub report: Report,
}

impl TaskResult {
    /// The exit code: a success code, 0 unless the task named others.
    pub fn exit_code(&self) -> i32 {
        self.report.ended.exit_code().unwrap_or_default()
    }

    /// Standard output.
    pub fn stdout(&self) -> &Bytes {
        &self.report.stdout
    }

    /// Standard output as text.
    pub fn stdout_text(&self) -> Cow<'_, str> {
        self.report.stdout_text()
    }
}

/// An attempt that failed: what `on_error` gets, and what a message group lists.
#[derive(Clone, Debug)]
pub struct TaskFailure {
    /// The task.
    pub task: Arc<Task>,
    /// The number of this attempt, from 1.
    pub attempt: u32,
    /// How it went.
    pub report: Report,
}

impl TaskFailure {
    /// How the attempt ended.
    pub fn ended(&self) -> &Ended {
        &self.report.ended
    }
}

impl fmt::Display for TaskFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {} {}", self.task.id(), self.report.ended)
    }
}

/// What `on_error` answers.
#[derive(Clone, Debug)]
#[must_use]
pub enum ErrorAction {
    /// Run the same task again, after a backoff, while the retry bounds allow; past them the message is dead-lettered.
    Retry,
    /// Give the task up on purpose. The message is not dead-lettered for it.
    Skip,
    /// Give the task up and dead-letter its messages.
    DeadLetter,
    /// Run these instead. A replacement without offsets answers for those of the failed task.
    Replace(Vec<Task>),
}

/// A message with everything that was done for it: what `on_message_complete` gets.
#[derive(Debug)]
pub struct MessageGroup<T> {
    /// The message.
    pub message: Arc<Message<T>>,
    /// Successful tasks in the order they completed.
    pub results: Vec<Arc<TaskResult>>,
    /// Tasks that failed for good, in order.
    pub failures: Vec<Arc<TaskFailure>>,
    /// Tasks that were replaced by others, in order.
    pub replaced: Vec<Arc<Task>>,
    /// Time from before `arrange` to the last task's end.
    pub duration: Duration,
}

impl<T> MessageGroup<T> {
    /// All tasks ever scheduled for the message: succeeded, failed and replaced.
    pub fn total(&self) -> usize {
        self.results.len() + self.failures.len() + self.replaced.len()
    }

    /// Whether `arrange` gave the message no task.
    pub fn is_empty(&self) -> bool {
        self.total() == 0
    }

    /// Whether at least one task succeeded and none failed.
    pub fn all_succeeded(&self) -> bool {
        self.failures.is_empty() && !self.results.is_empty()
    }

    /// Whether a task failed for good.
    pub fn any_failed(&self) -> bool {
        !self.failures.is_empty()
    }
}

/// A window with everything that was done for its messages: what `on_window_complete` gets.
#[derive(Debug)]
pub struct WindowGroup<T> {
    /// The messages that `arrange` got, in offset order.
    pub messages: Vec<Arc<Message<T>>>,
    /// Successful tasks in the order they completed.
    pub results: Vec<Arc<TaskResult>>,
    /// Tasks that failed for good, in order.
    pub failures: Vec<Arc<TaskFailure>>,
    /// Tasks that were replaced by others, in order.
    pub replaced: Vec<Arc<Task>>,
    /// Time from before `arrange` to the last task's end.
    pub duration: Duration,
}

impl<T> WindowGroup<T> {
    /// All tasks ever scheduled for the window: succeeded, failed and replaced.
    pub fn total(&self) -> usize {
        self.results.len() + self.failures.len() + self.replaced.len()
    }
}

/// Outputs of one hook that one sink did not take: what `on_delivery_error` gets.
#[derive(Clone, Debug)]
pub struct DeliveryFailure {
    /// The type of the sink.
    pub kind: SinkKind,
    /// Its name in the configuration.
    pub sink: Arc<str>,
    /// Whether trying again can help.
    pub class: Class,
    /// What went wrong, free of secrets.
    pub error: Arc<str>,
    /// Times these outputs were given to the sink, its own retries not counted; from 1.
    pub attempt: u32,
    /// The outputs that failed.
    pub payloads: Vec<Payload>,
    /// The partition they belong to.
    pub partition: PartitionId,
}

/// What `on_delivery_error` answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum DeliveryAction {
    /// Deliver them again, after a backoff, while the retry bounds allow; past them they are dead-lettered.
    Retry,
    /// Dead-letter them.
    DeadLetter,
    /// Drop them on purpose.
    Skip,
}
