//! Starting a program without copying the worker: the one place that needs `unsafe` for it.
//!
//! `clone` with CLONE_VM and CLONE_VFORK, as `posix_spawn` does it, so that the cost does not grow with the worker's memory.
//! Unlike `posix_spawn` it gives a process descriptor at once and can set limits before the program's first instruction.
#![expect(
    unsafe_code,
    reason = "the child shares our memory until it runs the program; see the SAFETY comments"
)]

use std::{
    ffi::{CStr, CString, c_char, c_int, c_void},
    io,
    os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
    ptr,
};

use drakkar_core::task::IoClass;

/// The stack of the child until it runs the program. It makes a few system calls only.
const STACK: usize = 64 << 10;

/// Signals whose handlers must not run in the child, which shares our memory. All others are reset by the program's start.
const HANDLED: [c_int; 9] = [
    libc::SIGHUP,
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGTERM,
    libc::SIGCHLD,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGALRM,
    libc::SIGPIPE,
];

/// A list of texts in the form a program gets them. The pointers stay valid as long as the list.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    /// What the pointers point to.
    _owned: Vec<CString>,
    pointers: Vec<*const c_char>,
}

// SAFETY: the pointers point into the heap buffers of `_owned`, which are never changed after `push` and are only read.
unsafe impl Send for Texts {}
// SAFETY: as above: nothing is changed through a shared reference.
unsafe impl Sync for Texts {}

impl Texts {
    pub(crate) fn new(texts: impl IntoIterator<Item = CString>) -> Self {
        let owned: Vec<CString> = texts.into_iter().collect();
        let pointers = owned.iter().map(|text| text.as_ptr()).chain([ptr::null()]).collect();
        Self { _owned: owned, pointers }
    }
}

/// What is to be started.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    pub(crate) program: &'a CStr,
    pub(crate) args: &'a Texts,
    pub(crate) env: &'a Texts,
    pub(crate) dir: Option<&'a CStr>,
    pub(crate) stdin: BorrowedFd<'a>,
    pub(crate) stdout: BorrowedFd<'a>,
    pub(crate) stderr: BorrowedFd<'a>,
    pub(crate) limits: &'a [(Resource, u64)],
    pub(crate) nice: Option<i32>,
    pub(crate) io: Option<IoClass>,
}

/// A limit the kernel keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resource {
    AddressSpace,
    Cpu,
    OpenFiles,
    FileSize,
    CoreSize,
}

/// A program that was started, the leader of a process group of its own.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) pid: i32,
    /// Readable once the program has ended. Kernels before 5.2 have none.
    pub(crate) pidfd: Option<OwnedFd>,
}

/// What went wrong in the child before the program ran.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) step: &'static str,
    pub(crate) error: io::Error,
}

/// A stack to start children from, one at a time.
#[derive(Debug)]
pub(crate) struct Stack(Box<[u128]>);

impl Stack {
    pub(crate) fn new() -> Self {
        Self(vec![0; STACK / size_of::<u128>()].into())
    }
}

/// What parent and child share while the child gets ready.
struct Shared<'a> {
    plan: &'a Plan<'a>,
    step: Step,
    errno: c_int,
}

#[derive(Clone, Copy)]
#[repr(u8)]
enum Step {
    Group,
    Files,
    Dir,
    Limits,
    Exec,
}

/// Starts a program. Returns once it runs, or could not be run.
///
/// # Errors
/// Names the step that failed. Nothing is left behind.
pub(crate) fn spawn(plan: &Plan<'_>, stack: &mut Stack) -> Result<Started, Failed> {
    let mut shared = Shared { plan, step: Step::Group, errno: 0 };
    let mut pidfd: c_int = -1;
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD | libc::SIGCHLD;
    let top = stack.0.as_mut_ptr_range().end.cast::<c_void>();
    let blocked = Blocked::all();
    // SAFETY: `top` is the aligned end of a stack that nothing else uses; CLONE_VFORK suspends this thread until the child
    // has run the program or exited, so `shared` and everything it borrows outlive the child's use of them. `run_child`
    // neither allocates, locks, panics nor returns. All signals are blocked, so no handler runs in the child.
    let pid = unsafe {
        libc::clone(run_child, top, flags, ptr::from_mut(&mut shared).cast(), ptr::from_mut(&mut pidfd))
    };
    let error = io::Error::last_os_error();
    drop(blocked);
    if pid < 0 {
        return Err(Failed { step: "start a process", error });
    }
    // SAFETY: the kernel made this descriptor for us.
    let pidfd = (pidfd >= 0).then(|| unsafe { OwnedFd::from_raw_fd(pidfd) });
    if shared.errno == 0 {
        return Ok(Started { pid, pidfd });
    }
    reap(pid);
    let step = match shared.step {
        Step::Group => "make a process group",
        Step::Files => "connect its input and output",
        Step::Dir => "enter its working directory",
        Step::Limits => "set its limits",
        Step::Exec => "execute it",
    };
    Err(Failed { step, error: io::Error::from_raw_os_error(shared.errno) })
}

/// Waits for a child that has exited, or is about to.
fn reap(pid: i32) {
    // SAFETY: a null status is allowed, and the child is ours.
    while unsafe { libc::waitpid(pid, ptr::null_mut(), 0) } < 0
        && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted
    {}
}

extern "C" fn run_child(shared: *mut c_void) -> c_int {
    // SAFETY: the parent passed a pointer to its `Shared` and is suspended.
    let shared = unsafe { &mut *shared.cast::<Shared<'_>>() };
    // SAFETY: only raw system calls on values the parent keeps alive.
    unsafe {
        shared.errno = match prepare(shared.plan, &mut shared.step) {
            Ok(()) => {
                shared.step = Step::Exec;
                libc::execve(
                    shared.plan.program.as_ptr(),
                    shared.plan.args.pointers.as_ptr(),
                    shared.plan.env.pointers.as_ptr(),
                );
                errno()
            }
            Err(errno) => errno,
        };
        libc::_exit(127)
    }
}

/// Everything between the new process and the program.
///
/// # Safety
/// Runs in the child on memory of the parent: it must not allocate, lock or panic.
unsafe fn prepare(plan: &Plan<'_>, step: &mut Step) -> Result<(), c_int> {
    // SAFETY: system calls on numbers and on pointers that the plan keeps valid.
    unsafe {
        check(libc::setpgid(0, 0))?;
        *step = Step::Files;
        for (target, fd) in [plan.stdin, plan.stdout, plan.stderr].into_iter().enumerate() {
            connect(fd.as_raw_fd(), target as RawFd)?;
        }
        *step = Step::Dir;
        if let Some(dir) = plan.dir {
            check(libc::chdir(dir.as_ptr()))?;
        }
        *step = Step::Limits;
        for (resource, limit) in plan.limits {
            // At the hard limit of processor time comes SIGKILL, which tells nothing: it lies a second further.
            let hard = limit.saturating_add(u64::from(matches!(resource, Resource::Cpu)));
            let limit = libc::rlimit { rlim_cur: *limit, rlim_max: hard };
            check(libc::setrlimit(resource.number(), &limit))?;
        }
        if let Some(nice) = plan.nice {
            check(libc::setpriority(libc::PRIO_PROCESS, 0, nice))?;
        }
        if let Some(io) = plan.io {
            // IOPRIO_WHO_PROCESS, and the class above thirteen bits of level: 2 is best effort, whose last level is 7.
            let priority: c_int = match io {
                IoClass::Low => 2 << 13 | 7,
                IoClass::Idle => 3 << 13,
            };
            check(libc::syscall(libc::SYS_ioprio_set, 1, 0, priority) as c_int)?;
        }
        for signal in HANDLED {
            let mut action: libc::sigaction = std::mem::zeroed();
            check(libc::sigaction(signal, ptr::null(), &mut action))?;
            // What is ignored stays so, as `nohup` wants it; but Rust ignores SIGPIPE, which no program expects.
            if action.sa_sigaction != libc::SIG_IGN || signal == libc::SIGPIPE {
                libc::signal(signal, libc::SIG_DFL);
            }
        }
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut none);
        check(libc::sigprocmask(libc::SIG_SETMASK, &none, ptr::null_mut()))
    }
}

/// # Safety
/// As [`prepare`].
unsafe fn connect(fd: RawFd, target: RawFd) -> Result<(), c_int> {
    // SAFETY: system calls on numbers.
    unsafe {
        if fd == target {
            // Nothing to copy, but it must stay open in the program.
            return check(libc::fcntl(fd, libc::F_SETFD, 0));
        }
        check(libc::dup2(fd, target))
    }
}

fn check(result: c_int) -> Result<(), c_int> {
    if result < 0 { Err(errno()) } else { Ok(()) }
}

fn errno() -> c_int {
    // SAFETY: the pointer is valid in every thread.
    unsafe { *libc::__errno_location() }
}

#[cfg(target_env = "musl")]
type ResourceNumber = c_int;
#[cfg(not(target_env = "musl"))]
type ResourceNumber = libc::__rlimit_resource_t;

impl Resource {
    fn number(self) -> ResourceNumber {
        match self {
            Self::AddressSpace => libc::RLIMIT_AS,
            Self::Cpu => libc::RLIMIT_CPU,
            Self::OpenFiles => libc::RLIMIT_NOFILE,
            Self::FileSize => libc::RLIMIT_FSIZE,
            Self::CoreSize => libc::RLIMIT_CORE,
        }
    }
}

/// Blocks all signals of this thread until it is dropped.
struct Blocked(libc::sigset_t);

impl Blocked {
    fn all() -> Self {
        // SAFETY: both sets are ours; the calls cannot fail with these arguments.
        unsafe {
            let mut all: libc::sigset_t = std::mem::zeroed();
            let mut before: libc::sigset_t = std::mem::zeroed();
            libc::sigfillset(&mut all);
            libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut before);
            Self(before)
        }
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        // SAFETY: the set is the one that was in force before.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.0, ptr::null_mut()) };
    }
}

/// How a child ended and what it used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reaped {
    pub(crate) status: c_int,
    pub(crate) user: std::time::Duration,
    pub(crate) system: std::time::Duration,
    /// The most resident memory in bytes. It starts at what this process used when it started the child.
    pub(crate) peak_memory: u64,
}

/// Reaps a child if it has ended. `None` when it has not.
///
/// # Errors
/// When there is no such child.
pub(crate) fn try_reap(pid: i32) -> io::Result<Option<Reaped>> {
    let mut status = 0;
    // SAFETY: zero is a valid value of this plain struct.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are valid for writes.
    match unsafe { libc::wait4(pid, &mut status, libc::WNOHANG, &mut usage) } {
        0 => Ok(None),
        ended if ended == pid => {
            let time = |t: libc::timeval| {
                std::time::Duration::new(u64::try_from(t.tv_sec).unwrap_or(0), 0)
                    + std::time::Duration::from_micros(u64::try_from(t.tv_usec).unwrap_or(0))
            };
            let peak_memory = u64::try_from(usage.ru_maxrss).unwrap_or(0) * 1024;
            Ok(Some(Reaped { status, user: time(usage.ru_utime), system: time(usage.ru_stime), peak_memory }))
        }
        _ => {
            let error = io::Error::last_os_error();
            if error.kind() == io::ErrorKind::Interrupted { Ok(None) } else { Err(error) }
        }
    }
}

/// The most resident memory this process ever used, in bytes.
pub(crate) fn own_peak_memory() -> u64 {
    // SAFETY: zero is a valid value of this plain struct.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is valid for writes; the call cannot fail with these arguments.
    unsafe { libc::getrusage(libc::RUSAGE_SELF, &mut usage) };
    u64::try_from(usage.ru_maxrss).unwrap_or(0) * 1024
}
