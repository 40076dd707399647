//! The `executor` section: the external program, how much of it runs at once and for how long.

use std::collections::BTreeMap;

use super::{
    rules::{above_zero, at_least, between, not_below, not_blank},
    secret::Secret,
    section::{choice, defaults, section},
    units::{Seconds, WholeSeconds},
};

section! {
    /// How tasks run.
    pub struct Executor {
        /// The program to run for tasks that name none.
        pub binary_path: Option<String> = None, not_blank();
        /// Environment variables for every child process.
        ///
        /// Values are never shown, as they may be secret. Through variables, keys keep their case.
        pub env: BTreeMap<String, Secret> = BTreeMap::new();
        /// Whether children get the worker's own environment, apart from what `env_inherit_deny` names.
        pub env_inherit_parent: bool = true;
        /// Patterns (`*` for any text) of variables that children never inherit.
        ///
        /// A list of your own replaces this one. An empty list hands every secret of the worker to its children.
        pub env_inherit_deny: Vec<String> = deny_list();
        /// The most children at once.
        ///
        /// About the number of cores suits programs that compute; more suits programs that wait.
        pub max_executors: usize = 4, between(1, 4_096);
        /// Wall clock for one attempt of a task, in seconds; then the child is ended.
        pub task_timeout_seconds: WholeSeconds = WholeSeconds(120), at_least(1);
        /// The most messages handed to one `arrange`.
        pub window_size: usize = 100, at_least(1);
        /// Attempts of a task beyond the first.
        ///
        /// Zero never tries again.
        pub max_retries: u32 = 3, at_least(0);
        /// Time for unfinished work at shutdown, in seconds after the signal.
        ///
        /// What is not finished by then is read again by the next owner of its partition.
        pub drain_timeout_seconds: WholeSeconds = WholeSeconds(30), at_least(1);
        /// Consumption pauses when `max_executors` times this many tasks wait.
        pub backpressure_high_multiplier: usize = 32, at_least(1);
        /// Consumption resumes when at most `max_executors` times this many tasks wait.
        ///
        /// At most `backpressure_high_multiplier`; when not set, it is lowered to fit.
        pub backpressure_low_multiplier: usize = 4, at_least(1);
        /// Time a child gets between TERM and KILL, in seconds.
        ///
        /// Zero kills at once.
        pub kill_grace_seconds: Seconds = Seconds::of(5.0), not_below(0.0);
        /// Bytes a child may write to its standard output; `on_output_limit` says what happens above.
        pub max_stdout_bytes: usize = 16 << 20, at_least(1);
        /// Bytes a child may write to its standard error; `on_output_limit` says what happens above.
        pub max_stderr_bytes: usize = 1 << 20, at_least(1);
        /// Bytes of output that are held for all running children together; what a stream cannot hold for that counts as above
        /// its limit.
        ///
        /// Each stream has its part of one half, whatever others write.
        pub max_running_output_bytes: usize = 128 << 20, at_least(1 << 20);
        /// Memory in bytes that must be left on the machine, or in the control group, for a child to be started beside others.
        ///
        /// Zero is none. Below it children run one at a time.
        pub min_available_memory_bytes: usize = 0, at_least(0);
        /// What happens to a child that writes more than that.
        pub on_output_limit: OutputLimit = OutputLimit::Fail;
        /// Time after which a task that still runs is logged, in seconds.
        ///
        /// Zero never does. Well below `task_timeout_seconds`, it tells of trouble before tasks fail.
        pub slow_task_seconds: Seconds = Seconds::of(0.0), not_below(0.0);
        /// The most messages of one partition that are started and not settled.
        ///
        /// It bounds what is repeated after a crash.
        pub max_in_flight_messages: usize = 10_000, at_least(1);
        /// Bytes of messages, outputs and payloads the worker may hold; consumption pauses above it.
        ///
        /// At least 1 MiB.
        pub max_in_hand_bytes: usize = 256 << 20, at_least(1 << 20);
        /// The longest wait before the second attempt of a task, in seconds; it doubles with each further attempt.
        ///
        /// The actual wait is random between zero and this. When not set, it is lowered to `retry_backoff_max_seconds`.
        pub retry_backoff_initial_seconds: Seconds = Seconds::of(0.1), not_below(0.0);
        /// What the wait between attempts grows to at most, in seconds.
        pub retry_backoff_max_seconds: Seconds = Seconds::of(30.0), not_below(0.0);
        /// No further attempt starts this many seconds after the first.
        pub retry_max_elapsed_seconds: Seconds = Seconds::of(600.0), above_zero();
        /// How often in a row `on_error` may replace a task by another.
        ///
        /// Zero allows no replacement; a task replaced too often fails.
        pub max_replacement_depth: u32 = 16, at_least(0);
        /// Time for one call of a hook, in seconds; then it counts as failed.
        ///
        /// Zero sets no limit. A hook that computes without ever waiting cannot be interrupted: hand long computations to
        /// `ctx.offload`.
        pub hook_timeout_seconds: Seconds = Seconds::of(120.0), not_below(0.0);
        /// The most threads for what hooks hand to `ctx.offload`.
        ///
        /// Zero for a quarter of `max_executors`, at least two.
        pub offload_max_threads: usize = 0, between(0, 1_024);
        /// The folder of the crash marker; empty for one in memory (`/dev/shm`) or for temporary files; `off` for none.
        ///
        /// It tells the next start which messages hooks were busy with when the process died; one that was there at three
        /// crashes in a row goes to the dead letter topic. Workers of one machine share it. It must outlive the process: in
        /// a container, a volume.
        pub crash_marker_dir: String = String::new();
        /// Where the folders of tasks that ask for one are made; empty for the system's folder for temporary files.
        ///
        /// What a killed worker leaves there is removed by the next start.
        pub scratch_dir: String = String::new();
        /// Exit codes that count as success.
        ///
        /// Some programs report findings through their exit code; `grep` exits with 1 when nothing matched.
        pub success_exit_codes: Vec<i32> = vec![0], between(0, 255);
        /// What one child may use, in force before its first instruction; a task can set its own.
        pub limits: ChildLimits = ChildLimits::new();
        /// Whether each task gets a process of its own, or is a request to a child that stays.
        pub mode: ExecutorMode = ExecutorMode::Oneshot;
        /// How resident children are run.
        pub resident: Resident = Resident::new();
        /// Programs that are run in another way than the above, by the name or path that tasks give.
        pub programs: BTreeMap<String, Program> = BTreeMap::new();
    }
}

choice! {
    /// How tasks become processes.
    pub enum ExecutorMode {
        /// One process for each task.
        Oneshot = "oneshot",
        /// A child that is started once and answers one request after the other over its pipes.
        Resident = "resident",
    }
}

choice! {
    /// What happens to a child that writes too much.
    pub enum OutputLimit {
        /// It is stopped, and its attempt fails.
        Fail = "fail",
        /// It goes on; the rest is dropped, and the result says so.
        Truncate = "truncate",
    }
}

choice! {
    /// How a resident child is talked to.
    pub enum ResidentProtocol {
        /// One JSON object in a line.
        JsonLines = "json_lines",
        /// Four bytes of length (big-endian), then that many bytes.
        LengthPrefixed = "length_prefixed",
    }
}

section! {
    /// One program that is run in its own way.
    pub struct Program {
        /// Whether each task gets a process of its own, or is a request to a child that stays.
        pub mode: ExecutorMode = ExecutorMode::Resident;
        /// How resident children of this program are run.
        pub resident: Resident = Resident::new();
    }
}

section! {
    /// How resident children are run.
    ///
    /// There are never more of one program than `max_executors`. Limits are met a tenth earlier or later, so that children
    /// are not all replaced at once.
    pub struct Resident {
        /// How requests and answers are written.
        pub protocol: ResidentProtocol = ResidentProtocol::JsonLines;
        /// Arguments the program is started with. Those of a task go into its request.
        pub args: Vec<String> = Vec::new();
        /// Requests a child may hold at once.
        ///
        /// A program that reads the next request only after its answer gains from two or more too: it never waits for one.
        pub pipeline_depth: usize = 1, between(1, 1_024);
        /// Children that are kept running, busy or not.
        ///
        /// More are started as they are needed.
        pub min_ready: usize = 0, at_least(0);
        /// Time a child has to say that it is ready, in seconds.
        ///
        /// Zero expects no such message.
        pub ready_timeout_seconds: Seconds = Seconds::of(0.0), not_below(0.0);
        /// Requests after which a child is replaced.
        ///
        /// Zero never does.
        pub max_requests: usize = 0, at_least(0);
        /// Age in seconds after which a child is replaced.
        ///
        /// Zero never does.
        pub max_age_seconds: Seconds = Seconds::of(0.0), not_below(0.0);
        /// Resident memory in bytes above which a child is replaced.
        ///
        /// Zero never does.
        pub max_rss_bytes: usize = 0, at_least(0);
        /// Whether a child is replaced after an answer that counts as a failure.
        pub replace_after_failure: bool = false;
        /// Time without a request after which a child above `min_ready` is ended, in seconds.
        ///
        /// Zero never does.
        pub idle_timeout_seconds: Seconds = Seconds::of(0.0), not_below(0.0);
        /// Time in which a child with requests must be heard of, by a heartbeat or an answer, in seconds.
        ///
        /// Zero expects no heartbeats.
        pub heartbeat_seconds: Seconds = Seconds::of(0.0), not_below(0.0);
        /// The longest wait before the next start of a program whose children end without an answer, in seconds.
        ///
        /// The wait starts at a tenth of a second and doubles.
        pub start_backoff_max_seconds: Seconds = Seconds::of(30.0), not_below(0.0);
    }
}

section! {
    /// What one child process may use. The kernel counts each process for itself, not a task's children together.
    pub struct ChildLimits {
        /// Address space in bytes; allocations above it fail. Many programs reserve far more than they use.
        pub address_space_bytes: Option<usize> = None, at_least(1);
        /// Processor time in seconds; above it SIGXCPU ends the child.
        pub cpu_seconds: Option<usize> = None, at_least(1);
        /// Open files.
        pub open_files: Option<usize> = None, at_least(3);
        /// Size in bytes of any file the child writes; above it SIGXFSZ ends the child.
        pub file_size_bytes: Option<usize> = None, at_least(0);
        /// Size in bytes of a core dump; zero for none.
        pub core_size_bytes: Option<usize> = None, at_least(0);
        /// Niceness: 19 yields to everything else on the machine. Below zero needs privileges.
        pub nice: Option<i32> = None, between(-20, 19);
        /// Who goes first at the disk, as far as its scheduler minds.
        pub io_class: Option<ChildIo> = None;
    }
}

choice! {
    /// Who goes first at the disk.
    pub enum ChildIo {
        /// After all others of the usual class.
        Low = "low",
        /// Only when nobody else wants the disk.
        Idle = "idle",
    }
}

fn deny_list() -> Vec<String> {
    ["DK_*", "*PASSWORD*", "*SECRET*", "*TOKEN*", "*_KEY", "*_DSN", "*CREDENTIAL*"]
        .map(str::to_owned)
        .to_vec()
}

defaults!(Executor, ChildLimits, Program, Resident);
