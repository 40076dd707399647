//! The program that the tests of this crate run. The first argument says what it does.

use std::{
    env, fs,
    io::{self, Read, Write},
    path::Path,
    process::{Command, Stdio, exit},
    thread,
};

fn main() {
    let args: Vec<_> = env::args_os().skip(1).collect();
    let text = |n: usize| args.get(n).and_then(|arg| arg.to_str()).unwrap_or_default();
    let number = |n: usize| text(n).parse::<usize>().expect("a number");
    match text(0) {
        "" => {}
        // Writes its arguments.
        "echo" => {
            let words: Vec<_> = args[1..].iter().map(|arg| arg.to_string_lossy()).collect();
            println!("{}", words.join(" "));
        }
        // Writes what it reads.
        "cat" => drop(io::copy(&mut io::stdin(), &mut io::stdout())),
        // Writes how many bytes it read.
        "count" => {
            let mut input = Vec::new();
            io::stdin().read_to_end(&mut input).expect("input");
            println!("{}", input.len());
        }
        // Writes one line and ends with a code.
        "exit" => {
            println!("out");
            eprintln!("err");
            exit(number(1) as i32);
        }
        // Tells a file that it started and does nothing more.
        "hang" => {
            ready(text(1));
            hang();
        }
        // Writes, tells a file, and does nothing more.
        "write-then-hang" => {
            print!("partial");
            eprint!("partly");
            io::stdout().flush().expect("output");
            ready(text(1));
            hang();
        }
        // Takes no notice of TERM.
        "ignore-term" => on_term(text(1), || {}),
        // Writes a last word on TERM and ends with a code.
        "clean-up" => on_term(text(1), || {
            println!("cleaned up");
            exit(7);
        }),
        // Writes this many bytes on TERM and ends.
        "flood-on-term" => on_term(text(1), || {
            flood(&mut io::stdout(), b'o', number(2));
            exit(0);
        }),
        // Writes this many bytes to each stream.
        "flood" => {
            let bytes = number(1);
            let err = thread::spawn(move || flood(&mut io::stderr(), b'e', bytes));
            flood(&mut io::stdout(), b'o', bytes);
            err.join().expect("no panic");
        }
        // Closes its input unread and ends.
        "close-stdin" => {
            drop(close_stdin());
            exit(number(1) as i32);
        }
        // Ends, but leaves a process that holds its output open.
        "leak-pipes" => {
            grandchild(&["hang", ""], false);
            exit(number(1) as i32);
        }
        // Ends, but leaves a process that goes on writing.
        "leak-writer" => {
            grandchild(&["trickle"], false);
        }
        // Ends, but leaves a process that has no part in its output.
        "leak-quietly" => {
            grandchild(&["hang", ""], true);
        }
        // Leaves nothing, but does not end itself.
        "hang-with-grandchild" => {
            grandchild(&["hang", ""], true);
            ready(text(1));
            hang();
        }
        "write-for-ever" => while io::stdout().write_all(&[b'w'; 4096]).is_ok() {},
        "trickle" => {
            while io::stderr().write_all(b"t").is_ok() {
                thread::park_timeout(std::time::Duration::from_millis(10));
            }
        }
        // Ends itself by a signal.
        "signal" => {
            let signal = rustix::process::Signal::from_named_raw(number(1) as i32).expect("a signal");
            rustix::process::kill_process(rustix::process::getpid(), signal).expect("signalled");
            hang();
        }
        // Writes its variables, sorted.
        "env" => {
            let mut variables: Vec<_> = env::vars().map(|(name, value)| format!("{name}={value}")).collect();
            variables.sort();
            println!("{}", variables.join("\n"));
        }
        "cwd" => println!("{}", env::current_dir().expect("a directory").display()),
        "bytes" => io::stdout().write_all(&[0xff, 0xfe, b'x', 0]).expect("output"),
        // Writes the most processes it ever saw at work in a directory.
        "census" => {
            let dir = Path::new(text(1));
            let own = dir.join(std::process::id().to_string());
            fs::write(&own, "").expect("a file");
            let most = (0..50).map(|_| fs::read_dir(dir).expect("a directory").count()).max();
            fs::remove_file(&own).expect("a file");
            println!("{}", most.expect("at least one"));
        }
        // Writes its limits and its niceness as the system has them.
        "limits" => println!(
            "{}nice {}",
            fs::read_to_string("/proc/self/limits").expect("limits"),
            fs::read_to_string("/proc/self/stat").expect("stat").split(' ').nth(18).expect("a number"),
        ),
        // Uses processor time for ever.
        "burn" => loop {
            std::hint::spin_loop();
        },
        // Uses this many MiB for a while.
        "use-memory" => {
            let memory = vec![1u8; number(1) << 20];
            thread::park_timeout(std::time::Duration::from_millis(300));
            println!("{}", memory.iter().map(|byte| u64::from(*byte)).sum::<u64>());
        }
        // Writes a file of this many bytes.
        "write-file" => fs::write(text(1), vec![0; number(2)]).expect("a file"),
        // Is a worker itself: runs a program that hangs, and does nothing more.
        "worker" => run_worker(text(1)),
        other => panic!("unknown command {other:?}"),
    }
}

fn run_worker(file: &str) {
    use drakkar_core::{
        executor::{Completion, Executor, Job, Priority},
        ids::{Assignment, Epoch, Offset, PartitionId},
        task::Task,
    };
    let program = Some(env::current_exe().expect("a path"));
    let settings = drakkar_executor::Settings { program, ..Default::default() };
    let pool = drakkar_executor::ProcessPool::start(settings).expect("a pool");
    pool.submit(Job {
        owner: Assignment { partition: PartitionId(0), epoch: Epoch(1) },
        task: std::sync::Arc::new(
            Task::for_offsets(PartitionId(0), [Offset(0)]).args(["hang-with-grandchild", file]),
        ),
        attempt: 1,
        priority: Priority::default(),
        done: Completion::new(drop),
    });
    hang();
}

fn ready(file: &str) {
    if !file.is_empty() {
        // Appears whole.
        let draft = format!("{file}.draft");
        fs::write(&draft, std::process::id().to_string()).expect("a file");
        fs::rename(draft, file).expect("a file");
    }
}

fn hang() -> ! {
    loop {
        thread::park();
    }
}

fn on_term(file: &str, mut react: impl FnMut()) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut term =
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).expect("a signal");
        ready(file);
        loop {
            term.recv().await;
            react();
        }
    });
}

fn flood(to: &mut impl Write, byte: u8, mut bytes: usize) {
    while bytes > 0 {
        let chunk = bytes.min(1 << 16);
        if to.write_all(&vec![byte; chunk]).is_err() {
            return;
        }
        bytes -= chunk;
    }
}

/// Starts a process in the group of this one and writes its id.
#[expect(clippy::zombie_processes, reason = "it is meant to outlive this process")]
fn grandchild(args: &[&str], quiet: bool) {
    let stdio = || if quiet { Stdio::null() } else { Stdio::inherit() };
    let child = Command::new(env::current_exe().expect("a path"))
        .args(args)
        .stdin(Stdio::null())
        .stdout(stdio())
        .stderr(stdio())
        .spawn()
        .expect("a process");
    println!("{}", child.id());
}

fn close_stdin() -> io::Result<()> {
    // Replaces the input by the null device: the reading end of the pipe is closed.
    let null = fs::File::open("/dev/null")?;
    rustix::stdio::dup2_stdin(null)?;
    Ok(())
}
