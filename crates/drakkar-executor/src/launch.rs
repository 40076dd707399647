//! From a command to a running program: its path, its variables, its pipes.

use std::{
    borrow::Cow,
    ffi::{CString, OsStr},
    fs::File,
    os::{
        fd::{AsFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use drakkar_core::task::{Command, Limits};
use rustix::{
    fs::{OFlags, fcntl_setfl},
    pipe::{PipeFlags, pipe_with},
};

use crate::{
    environment::{self, Environment},
    error::StartError,
    folders::{Folder, Folders},
    init::Known,
    pipes::{Capture, Input, Output},
    program::Programs,
    resident::Roster,
    room::Room,
    settings::{OnOutputLimit, Resident, Settings},
    spawn::{self, Plan, Resource, Stack, Started, Texts},
};

/// What all attempts share.
#[derive(Debug)]
pub(crate) struct Launcher {
    pub(crate) settings: Settings,
    programs: Programs,
    environment: Environment,
    /// The variables of tasks that set none of their own.
    base: Texts,
    /// What programs without input read.
    null: OwnedFd,
    folders: Folders,
    /// Memory for what programs write.
    pub(crate) room: Arc<Room>,
    /// What is known of our children where orphans come to us.
    pub(crate) init: Option<Arc<Known>>,
    /// Programs that could not be reaped when their attempt ended.
    stuck: Mutex<Vec<i32>>,
}

/// A program that runs, and our ends of its pipes.
#[derive(Debug)]
pub(crate) struct Launched {
    pub(crate) program: Started,
    pub(crate) output: Output,
    pub(crate) input: Input,
}

/// A resident child that runs, and our ends of its pipes; none of them ever waits.
#[derive(Debug)]
pub(crate) struct Connected {
    pub(crate) program: Started,
    pub(crate) stdin: OwnedFd,
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
}

impl Launcher {
    pub(crate) fn new(
        settings: Settings,
        programs: Programs,
        environment: Environment,
    ) -> Result<Self, StartError> {
        let null = File::open("/dev/null").map_err(StartError::Null)?.into();
        let base = variables(environment.base().iter().map(|(name, value)| (&**name, &**value)));
        let folders = Folders::below(&settings.scratch_dir).map_err(StartError::Identity)?;
        let streams = 2 * u64::from(settings.max_executors);
        let room = Arc::new(Room::new(settings.max_running_output, streams));
        let init = Known::if_init();
        Ok(Self { settings, programs, environment, base, null, folders, room, init, stuck: Mutex::default() })
    }

    /// Starts the program, or tells why that is impossible.
    pub(crate) fn launch(&self, command: &Command, stack: &mut Stack) -> Result<Launched, String> {
        self.reap_stuck();
        let path = self.programs.resolve(command.program.as_deref())?;
        let refuse = |what: String| format!("cannot run `{}`: {what}", path.display());
        let program =
            text(path.as_os_str().as_bytes()).ok_or_else(|| refuse("its path has a NUL byte".into()))?;
        let mut args = vec![program.clone()];
        for (index, arg) in command.args.iter().enumerate() {
            let arg = text(arg.as_bytes());
            args.push(arg.ok_or_else(|| refuse(format!("argument {} has a NUL byte", index + 1)))?);
        }
        if let Err((name, reason)) = environment::check(&command.env) {
            return Err(refuse(format!("the variable `{name}` cannot be set: {reason}")));
        }
        let own = (!command.env.is_empty()).then(|| {
            let mut all: Vec<(&OsStr, &OsStr)> =
                self.environment.base().iter().map(|(name, value)| (&**name, &**value)).collect();
            // A task's own variable replaces one of the same name, its last one the ones before.
            for (name, value) in &command.env {
                all.retain(|(known, _)| known != name);
                all.push((name, value));
            }
            variables(all)
        });
        let dir = command.current_dir.as_deref().map(|dir| directory(dir).map_err(refuse)).transpose()?;

        let pipe = |error: std::io::Error| {
            refuse(format!(
                "no pipe for it: {error}; raise the limit of open files (`ulimit -n`), or lower `executor.max_executors`"
            ))
        };
        let (stdout, out) = Capture::new(self.settings.max_stdout, &self.room).map_err(pipe)?;
        let (stderr, err) = Capture::new(self.settings.max_stderr, &self.room).map_err(pipe)?;
        let (input, read) = match &command.stdin {
            Some(bytes) => {
                Input::new(bytes.clone()).map(|(input, read)| (input, Some(read))).map_err(pipe)?
            }
            None => (Input::none(), None),
        };
        let limits = command.limits.or(self.settings.limits);
        let started = spawn::spawn(
            &Plan {
                program: &program,
                args: &Texts::new(args),
                env: own.as_ref().unwrap_or(&self.base),
                dir: dir.as_deref(),
                stdin: read.as_ref().map_or(self.null.as_fd(), AsFd::as_fd),
                stdout: out.as_fd(),
                stderr: err.as_fd(),
                limits: &resources(&limits),
                nice: limits.nice,
                io: limits.io,
            },
            stack,
        );
        match started {
            Ok(program) => {
                self.note(program.pid);
                let may_truncate = self.settings.on_output_limit == OnOutputLimit::Truncate;
                Ok(Launched { program, output: Output { stdout, stderr, may_truncate }, input })
            }
            Err(spawn::Failed { step, error }) => {
                self.programs.forget(&path);
                Err(refuse(format!("failed to {step}: {error}")))
            }
        }
    }

    /// Starts a resident child of this program: input, output and errors are pipes.
    pub(crate) fn launch_resident(&self, roster: &Roster, stack: &mut Stack) -> Result<Connected, String> {
        self.reap_stuck();
        let refuse = |what: String| format!("cannot run `{}`: {what}", roster.path().display());
        let pipe = || {
            pipe_with(PipeFlags::CLOEXEC).map_err(|error| {
                refuse(format!(
                    "no pipe for it: {error}; raise the limit of open files (`ulimit -n`), or lower `executor.max_executors`"
                ))
            })
        };
        let (their_stdin, stdin) = pipe()?;
        let (stdout, their_stdout) = pipe()?;
        let (stderr, their_stderr) = pipe()?;
        fcntl_setfl(&stdin, OFlags::NONBLOCK)
            .and_then(|()| fcntl_setfl(&stdout, OFlags::NONBLOCK))
            .and_then(|()| fcntl_setfl(&stderr, OFlags::NONBLOCK))
            .map_err(|error| refuse(error.to_string()))?;
        let limits = self.settings.limits;
        let (program, args, env) = roster.start_with();
        let plan = Plan {
            program,
            args,
            env,
            dir: None,
            stdin: their_stdin.as_fd(),
            stdout: their_stdout.as_fd(),
            stderr: their_stderr.as_fd(),
            limits: &resources(&limits),
            nice: limits.nice,
            io: limits.io,
        };
        let program = spawn::spawn(&plan, stack)
            .map_err(|spawn::Failed { step, error }| refuse(format!("failed to {step}: {error}")))?;
        self.note(program.pid);
        Ok(Connected { program, stdin, stdout, stderr })
    }

    /// The program, the arguments and the variables of resident children.
    pub(crate) fn resident_texts(
        &self,
        path: &Path,
        settings: &Resident,
    ) -> Result<(CString, Texts, Texts), StartError> {
        let bad = || StartError::ResidentArgs { program: path.to_owned() };
        let program = text(path.as_os_str().as_bytes()).ok_or_else(bad)?;
        let mut args = vec![program.clone()];
        for arg in &settings.args {
            args.push(text(arg.as_bytes()).ok_or_else(bad)?);
        }
        let protocol = (OsStr::new(environment::PROTOCOL), OsStr::new(settings.protocol.as_str()));
        let base = self.environment.base().iter().map(|(name, value)| (&**name, &**value));
        Ok((program, Texts::new(args), variables(base.chain([protocol]))))
    }

    /// The absolute path of the program of a task.
    pub(crate) fn resolve(&self, wanted: Option<&Path>) -> Result<Arc<Path>, String> {
        self.programs.resolve(wanted)
    }

    fn note(&self, pid: i32) {
        if let Some(init) = &self.init {
            init.add(pid);
        }
    }

    /// A child of ours was reaped.
    pub(crate) fn forget_child(&self, pid: i32) {
        if let Some(init) = &self.init {
            init.remove(pid);
        }
    }

    /// The command with a folder of its own, if it asks for one.
    pub(crate) fn with_folder<'a>(
        &self,
        command: &'a Command,
    ) -> Result<(Cow<'a, Command>, Option<Arc<Folder>>), String> {
        if !command.scratch {
            return Ok((Cow::Borrowed(command), None));
        }
        let folder = self.folders.make()?;
        let mut filled = command.clone();
        filled.args.iter_mut().for_each(|arg| *arg = folder.fill(arg));
        filled.env.iter_mut().for_each(|(_, value)| *value = folder.fill(value));
        Ok((Cow::Owned(filled), Some(folder)))
    }

    /// Keeps a program that does not go in mind, so that it is reaped when it does.
    pub(crate) fn leave_for_later(&self, pid: i32) {
        self.stuck().push(pid);
    }

    fn reap_stuck(&self) {
        self.stuck().retain(|pid| {
            let stuck = matches!(spawn::try_reap(*pid), Ok(None));
            if !stuck {
                self.forget_child(*pid);
            }
            stuck
        });
    }

    fn stuck(&self) -> std::sync::MutexGuard<'_, Vec<i32>> {
        self.stuck.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn text(bytes: &[u8]) -> Option<CString> {
    CString::new(bytes).ok()
}

fn directory(dir: &Path) -> Result<CString, String> {
    if !dir.is_dir() {
        return Err(format!("`{}` is no directory to run it in", dir.display()));
    }
    text(dir.as_os_str().as_bytes()).ok_or_else(|| "its working directory has a NUL byte".to_owned())
}

/// The limits the kernel keeps. Allocates nothing where there are none.
fn resources(limits: &Limits) -> Vec<(Resource, u64)> {
    let all = [
        (Resource::AddressSpace, limits.address_space_bytes),
        (Resource::Cpu, limits.cpu_seconds),
        (Resource::OpenFiles, limits.open_files),
        (Resource::FileSize, limits.file_size_bytes),
        (Resource::CoreSize, limits.core_size_bytes),
    ];
    all.into_iter().filter_map(|(resource, limit)| Some((resource, limit?))).collect()
}

/// `NAME=value` for each; what holds a NUL byte was refused before.
fn variables<'a>(variables: impl IntoIterator<Item = (&'a OsStr, &'a OsStr)>) -> Texts {
    let line = |(name, value): (&OsStr, &OsStr)| text(&[name.as_bytes(), b"=", value.as_bytes()].concat());
    Texts::new(variables.into_iter().filter_map(line))
}
