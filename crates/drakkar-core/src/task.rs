//! Tasks: what `arrange` asks to be done for one or more messages.

use std::{
    borrow::Cow,
    ffi::OsString,
    path::{Path, PathBuf},
    sync::LazyLock,
    time::Duration,
};

use bytes::Bytes;
use smallvec::SmallVec;

use crate::{
    ids::{Offset, PartitionId},
    labels::Labels,
    message::{Message, Record},
};

/// One unit of work: a program to run, or a result that is known already.
///
/// ```
/// # use drakkar_core::{task::Task, ids::{Offset, PartitionId}};
/// let task = Task::for_offsets(PartitionId(0), [Offset(7)])
///     .program("/usr/bin/grep")
///     .args(["-c", "fn", "lib.rs"])
///     .success_codes([0, 1]);
/// assert_eq!(task.offsets(), [Offset(7)]);
/// ```
#[derive(Clone, Debug)]
pub struct Task {
    id: Option<Box<str>>,
    partition: PartitionId,
    offsets: SmallVec<[Offset; 1]>,
    work: Work,
    weight: u32,
    labels: Labels,
    parent: Option<Box<str>>,
}

/// How a task gets its result.
#[derive(Clone, Debug)]
pub enum Work {
    /// By running `executor.binary_path` without arguments.
    Default,
    /// By running a program.
    Run(Box<Command>),
    /// By taking the result given here: no slot, no process. The bytes of a success move into its report.
    Precomputed(Precomputed),
}

/// The program of a task and everything it is given.
#[derive(Clone, Debug, Default)]
pub struct Command {
    /// The program; `executor.binary_path` when absent.
    pub program: Option<PathBuf>,
    /// The arguments after the program, passed as they are: there is no shell.
    pub args: Vec<OsString>,
    /// Variables on top of the filtered environment and `executor.env`.
    pub env: Vec<(OsString, OsString)>,
    /// The working directory; the worker's own when absent.
    pub current_dir: Option<PathBuf>,
    /// What the program reads from its standard input; the null device when absent.
    pub stdin: Option<Bytes>,
    /// Time for one attempt; `executor.task_timeout_seconds` when absent.
    pub timeout: Option<Duration>,
    /// Exit codes that count as success; `executor.success_exit_codes` when empty.
    pub success_codes: SmallVec<[i32; 2]>,
    /// What the program may use; what is absent here comes from `executor.limits`.
    pub limits: Limits,
    /// Whether each attempt gets an empty folder of its own; `{scratch}` in arguments and variables is its path.
    pub scratch: bool,
}

/// What one process may use at most, in force before its first instruction. The kernel counts each process for itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Address space in bytes. Above it allocations fail. It is no cap on memory in use, which is far smaller for many
    /// programs.
    pub address_space_bytes: Option<u64>,
    /// Processor time in seconds. Above it the program is ended by SIGXCPU.
    pub cpu_seconds: Option<u64>,
    /// Open files.
    pub open_files: Option<u64>,
    /// Size in bytes of a file it writes. Above it the program is ended by SIGXFSZ.
    pub file_size_bytes: Option<u64>,
    /// Size in bytes of a core dump; zero for none.
    pub core_size_bytes: Option<u64>,
    /// Niceness, from -20 (most favoured, for privileged users) to 19.
    pub nice: Option<i32>,
    /// Who goes first at the disk.
    pub io: Option<IoClass>,
}

/// Who goes first where processes wait for the same disk, as far as its scheduler minds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IoClass {
    /// After all others of the usual class.
    Low,
    /// Only when nobody else wants the disk.
    Idle,
}

impl Limits {
    /// These limits, and the others where these say nothing.
    #[must_use]
    pub fn or(self, others: Limits) -> Limits {
        Limits {
            address_space_bytes: self.address_space_bytes.or(others.address_space_bytes),
            cpu_seconds: self.cpu_seconds.or(others.cpu_seconds),
            open_files: self.open_files.or(others.open_files),
            file_size_bytes: self.file_size_bytes.or(others.file_size_bytes),
            core_size_bytes: self.core_size_bytes.or(others.core_size_bytes),
            nice: self.nice.or(others.nice),
            io: self.io.or(others.io),
        }
    }
}

/// The result of a task that needs no program.
#[derive(Clone, Debug, Default)]
pub struct Precomputed {
    /// What the program would have written to its standard output.
    pub stdout: Bytes,
    /// What it would have written to its standard error.
    pub stderr: Bytes,
    /// The code it would have ended with; not 0 is a failure.
    pub exit_code: i32,
}

impl Task {
    /// A task that answers for one message.
    pub fn for_message<T>(message: &Message<T>) -> Self {
        Self::for_offsets(message.partition(), [message.offset()])
    }

    /// A task that answers for one record, decoded or not.
    pub fn for_record(record: &Record) -> Self {
        Self::for_offsets(record.partition, [record.offset])
    }

    /// A task that answers for several messages of one window: each waits for it.
    pub fn for_messages<'a, T: 'a>(messages: impl IntoIterator<Item = &'a Message<T>>) -> Self {
        let mut task = Self::for_offsets(PartitionId(0), []);
        for message in messages {
            task.partition = message.partition();
            task.offsets.push(message.offset());
        }
        task
    }

    /// A task that answers for these offsets of a partition.
    pub fn for_offsets(partition: PartitionId, offsets: impl IntoIterator<Item = Offset>) -> Self {
        Self {
            id: None,
            partition,
            offsets: offsets.into_iter().collect(),
            work: Work::Default,
            weight: 1,
            labels: Labels::default(),
            parent: None,
        }
    }

    /// Gives the task an id of your own, for logs, events and de-duplication.
    ///
    /// Without one it is called `partition:first offset`.
    #[must_use]
    pub fn with_id(mut self, id: impl Into<Box<str>>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Sets the program. A bare name is looked up in the worker's `PATH` once.
    #[must_use]
    pub fn program(mut self, program: impl AsRef<Path>) -> Self {
        self.command_mut().program = Some(program.as_ref().to_owned());
        self
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.command_mut().args.push(arg.into());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command_mut().args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets a variable for this task only.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.command_mut().env.push((name.into(), value.into()));
        self
    }

    /// Sets the working directory.
    #[must_use]
    pub fn current_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.command_mut().current_dir = Some(dir.into());
        self
    }

    /// Gives the program these bytes on its standard input, then closes it.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Bytes>) -> Self {
        self.command_mut().stdin = Some(bytes.into());
        self
    }

    /// Bounds one attempt: start, input, output and exit together. Waiting for a slot does not count.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.command_mut().timeout = Some(timeout);
        self
    }

    /// Names the exit codes that count as success, instead of `executor.success_exit_codes`.
    #[must_use]
    pub fn success_codes(mut self, codes: impl IntoIterator<Item = i32>) -> Self {
        self.command_mut().success_codes = codes.into_iter().collect();
        self
    }

    /// Limits what the program may use; what is absent comes from `executor.limits`.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.command_mut().limits = limits;
        self
    }

    /// Gives each attempt an empty folder of its own. `{scratch}` in arguments and variables becomes its path.
    ///
    /// Hooks find the folder with `report.scratch()`. It is removed when the last hook that gets the result has ended.
    ///
    /// ```
    /// # use drakkar_core::{task::Task, ids::{Offset, PartitionId}};
    /// let task = Task::for_offsets(PartitionId(0), [Offset(7)])
    ///     .program("ffmpeg")
    ///     .args(["-i", "in.mkv", "{scratch}/out.mp4"])
    ///     .with_scratch();
    /// ```
    #[must_use]
    pub fn with_scratch(mut self) -> Self {
        self.command_mut().scratch = true;
        self
    }

    /// Takes this many slots of `executor.max_executors`, for a program that uses several cores or much memory.
    ///
    /// At least one; more than there are means all of them.
    #[must_use]
    pub fn with_weight(mut self, slots: u32) -> Self {
        self.weight = slots.max(1);
        self
    }

    /// The slots it takes while it runs.
    pub fn weight(&self) -> u32 {
        self.weight
    }

    /// Makes this a task whose result is known: nothing is run.
    #[must_use]
    pub fn precomputed(mut self, result: Precomputed) -> Self {
        self.work = Work::Precomputed(result);
        self
    }

    /// Makes this a precomputed success with this output.
    #[must_use]
    pub fn output(self, stdout: impl Into<Bytes>) -> Self {
        self.precomputed(Precomputed { stdout: stdout.into(), ..Precomputed::default() })
    }

    /// Attaches a label for people: shown and searchable, without effect on processing.
    #[must_use]
    pub fn label(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        self.labels.insert(name, value);
        self
    }

    /// Names the task this one stands in for. A replacement without one gets the id of the task that failed.
    #[must_use]
    pub fn with_parent(mut self, id: impl Into<Box<str>>) -> Self {
        self.parent = Some(id.into());
        self
    }

    /// The id of the task this one stands in for.
    pub fn parent(&self) -> Option<&str> {
        self.parent.as_deref()
    }

    /// The id given with [`Task::with_id`].
    pub fn own_id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The task's name: its own id, or `partition:first offset`.
    pub fn id(&self) -> String {
        match (&self.id, self.offsets.first()) {
            (Some(id), _) => id.to_string(),
            (None, Some(first)) => format!("{}:{first}", self.partition),
            (None, None) => format!("{}:-", self.partition),
        }
    }

    /// The offsets this task answers for, as given.
    pub fn offsets(&self) -> &[Offset] {
        &self.offsets
    }

    /// Replaces the offsets; the runtime gives replacements without any those of the task they stand for.
    pub fn set_offsets(&mut self, partition: PartitionId, offsets: impl IntoIterator<Item = Offset>) {
        self.partition = partition;
        self.offsets = offsets.into_iter().collect();
    }

    /// How the task gets its result.
    pub fn work(&self) -> &Work {
        &self.work
    }

    /// Takes a precomputed success out, for its report. A failure stays, as it may be tried again.
    pub fn take_precomputed(&mut self) -> Option<Precomputed> {
        match &mut self.work {
            Work::Precomputed(result) if result.exit_code == 0 => Some(std::mem::take(result)),
            _ => None,
        }
    }

    /// The program and its inputs, unless the task is precomputed.
    pub fn command(&self) -> Option<&Command> {
        static DEFAULT: LazyLock<Command> = LazyLock::new(Command::default);
        match &self.work {
            Work::Default => Some(&DEFAULT),
            Work::Run(command) => Some(command),
            Work::Precomputed(_) => None,
        }
    }

    /// The labels.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    fn command_mut(&mut self) -> &mut Command {
        if !matches!(self.work, Work::Run(_)) {
            self.work = Work::Run(Box::default());
        }
        match &mut self.work {
            Work::Run(command) => command,
            Work::Default | Work::Precomputed(_) => unreachable!("replaced above"),
        }
    }
}
