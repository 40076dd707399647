//! What a pool is told when it starts.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use drakkar_core::{frames::Protocol, task::Limits};

/// Everything a [`ProcessPool`](crate::ProcessPool) needs to know.
#[derive(Clone)]
pub struct Settings {
    /// The most programs at once; at least one.
    pub max_executors: u32,
    /// The program of tasks that name none.
    pub program: Option<PathBuf>,
    /// Variables for every program. They are never filtered; a task's own ones win over them.
    pub env: Vec<(OsString, OsString)>,
    /// Whether programs get the worker's own variables, apart from what `env_deny` names.
    pub inherit_env: bool,
    /// Patterns of variables that are not inherited: `*`, `?` and `[set]`, whole name, any case.
    pub env_deny: Vec<String>,
    /// Time for one attempt, from the start to the end, of tasks that name none.
    pub timeout: Duration,
    /// Time between TERM and KILL. Zero kills at once.
    pub kill_grace: Duration,
    /// The most bytes of standard output. A program that writes more is stopped.
    pub max_stdout: u64,
    /// The most bytes of standard error. A program that writes more is stopped.
    pub max_stderr: u64,
    /// The most bytes of outputs that are held for all that runs together. What a stream cannot hold for that counts as above
    /// its limit. Each stream has its part of one half, whatever others write.
    pub max_running_output: u64,
    /// Memory in bytes that must be left for a program to be started beside others; zero is none.
    pub min_available_memory: u64,
    /// What happens to a program that writes more than that.
    pub on_output_limit: OnOutputLimit,
    /// Time after which a task that still runs is logged; zero never does.
    pub slow_after: Duration,
    /// Where folders of single attempts are made.
    pub scratch_dir: PathBuf,
    /// Exit codes that count as success for tasks that name none.
    pub success_codes: Vec<i32>,
    /// What one program may use, for tasks that say nothing else.
    pub limits: Limits,
    /// How tasks become processes.
    pub mode: Mode,
    /// Programs that are run in another way, by the name or path that tasks give.
    pub programs: Vec<(PathBuf, Mode)>,
}

/// What happens to a program that writes more than a stream may hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnOutputLimit {
    /// It is stopped and its attempt fails.
    #[default]
    Fail,
    /// It goes on; what is above the limit is read and dropped, and the report says so.
    Truncate,
}

/// How the tasks of a program become processes.
#[derive(Clone, Debug, Default)]
pub enum Mode {
    /// One process for each task.
    #[default]
    OneShot,
    /// Requests to children that stay.
    Resident(Resident),
}

/// How resident children are run. Limits are met a tenth earlier or later; zero is none.
#[derive(Clone, Debug)]
pub struct Resident {
    /// How requests and answers are written.
    pub protocol: Protocol,
    /// Arguments the program is started with.
    pub args: Vec<OsString>,
    /// Requests a child may hold at once; at least one.
    pub depth: usize,
    /// Children that are kept running, busy or not.
    pub min_ready: usize,
    /// Time a child has to say that it is ready; zero expects no such message.
    pub ready_timeout: Duration,
    /// Requests after which a child is replaced.
    pub max_requests: u64,
    /// Age at which a child is replaced.
    pub max_age: Duration,
    /// Resident memory in bytes above which a child is replaced.
    pub max_rss: u64,
    /// Whether a child is replaced after an answer that counts as a failure.
    pub replace_after_failure: bool,
    /// Time without a request after which a child above `min_ready` is ended.
    pub idle_timeout: Duration,
    /// Time in which a child with requests must be heard of.
    pub heartbeat: Duration,
    /// The longest wait before the next start of a program whose children end without an answer.
    pub start_backoff_max: Duration,
}

impl Default for Resident {
    /// The defaults of the configuration.
    fn default() -> Self {
        Self {
            protocol: Protocol::JsonLines,
            args: Vec::new(),
            depth: 1,
            min_ready: 0,
            ready_timeout: Duration::ZERO,
            max_requests: 0,
            max_age: Duration::ZERO,
            max_rss: 0,
            replace_after_failure: false,
            idle_timeout: Duration::ZERO,
            heartbeat: Duration::ZERO,
            start_backoff_max: Duration::from_secs(30),
        }
    }
}

impl Default for Settings {
    /// The defaults of the `executor` section of the configuration, without a deny list.
    fn default() -> Self {
        Self {
            max_executors: 4,
            program: None,
            env: Vec::new(),
            inherit_env: true,
            env_deny: Vec::new(),
            timeout: Duration::from_secs(120),
            kill_grace: Duration::from_secs(5),
            max_stdout: 16 << 20,
            max_stderr: 1 << 20,
            max_running_output: 128 << 20,
            min_available_memory: 0,
            on_output_limit: OnOutputLimit::Fail,
            slow_after: Duration::ZERO,
            scratch_dir: std::env::temp_dir(),
            success_codes: vec![0],
            limits: Limits::default(),
            mode: Mode::OneShot,
            programs: Vec::new(),
        }
    }
}

impl std::fmt::Debug for Settings {
    /// Shows the names of the variables only: values may be secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.env.iter().map(|(name, _)| name).collect();
        f.debug_struct("Settings")
            .field("max_executors", &self.max_executors)
            .field("program", &self.program)
            .field("env", &names)
            .field("inherit_env", &self.inherit_env)
            .field("env_deny", &self.env_deny)
            .field("timeout", &self.timeout)
            .field("kill_grace", &self.kill_grace)
            .field("max_stdout", &self.max_stdout)
            .field("max_stderr", &self.max_stderr)
            .field("max_running_output", &self.max_running_output)
            .field("min_available_memory", &self.min_available_memory)
            .field("on_output_limit", &self.on_output_limit)
            .field("slow_after", &self.slow_after)
            .field("scratch_dir", &self.scratch_dir)
            .field("success_codes", &self.success_codes)
            .field("limits", &self.limits)
            .field("mode", &self.mode)
            .field("programs", &self.programs)
            .finish()
    }
}
