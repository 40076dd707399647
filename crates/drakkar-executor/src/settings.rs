//! What a pool is told when it starts.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use drakkar_core::task::Limits;

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
    /// Exit codes that count as success for tasks that name none.
    pub success_codes: Vec<i32>,
    /// What one program may use, for tasks that say nothing else.
    pub limits: Limits,
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
            success_codes: vec![0],
            limits: Limits::default(),
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
            .field("success_codes", &self.success_codes)
            .field("limits", &self.limits)
            .finish()
    }
}
