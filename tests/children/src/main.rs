//! One program with a command for each thing that a child can do to a worker.
//!
//! Call it without arguments for the list. Files named by `FILE` appear whole or not at all, so a test can wait for them.

mod descendants;
mod serve;
mod streams;

use std::{
    env, fs,
    io::{self, Write},
    os::unix::{ffi::OsStrExt, process::CommandExt},
    process::{Command, ExitCode, id},
    str::FromStr,
    thread,
};

use nix::sys::signal::{SigHandler, SigSet, Signal, raise, signal};

const USAGE: &str = "\
echo ARG...            print each argument on a line of its own
env                    print the environment, sorted, one variable a line
cwd                    print the working directory
stdin-kind             print what standard input is
cat                    copy standard input to standard output
count                  read all of standard input and print how many bytes there were
close-stdin CODE       close standard input unread, then exit with CODE
exit CODE [OUT [ERR]]  print OUT and ERR and exit with CODE
signal NAME            die by a signal
hang [FILE]            write the process id to FILE and wait for ever
ignore-term [FILE]     the same, deaf to TERM
on-term CODE [FILE]    the same until TERM, then print `cleaned up` and exit with CODE
write-hang OUT ERR     print both and wait for ever
flood BYTES STREAM     write that many bytes to `stdout`, `stderr` or `both`; `endless` never stops
drip COUNT MS [CODE]   print a line every MS milliseconds, COUNT times
bytes                  print bytes that are not UTF-8
mark FILE              append `+` and, a little later, `-` to FILE
leave KIND FILE [CODE] start a process that outlives this one, write its id to FILE and exit with CODE:
                       `holding` keeps the pipes, `quiet` does not, `away` keeps them in a session of its own,
                       `talking` writes three lines and ends, `endless` never stops writing
without-sigchld PROGRAM ARG...
                       become that program, with SIGCHLD ignored
parent KIND FILE       start a process, `hang`, `ignore-term` or `on-term`, write its id to FILE and wait for ever;
                       this one dies of TERM at once
serve [HOW]            answer requests, each as its arguments say, in the form that DRAKKAR_PROTOCOL names;
                       `die CODE` and `die-while FILE` exit instead, `ready MS` says when it is ready, `deaf` never answers
";

fn main() -> ExitCode {
    match run() {
        Ok(code) => ExitCode::from(code),
        // Whoever read our output has gone, as after `head`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::from(141),
        Err(error) => {
            eprintln!("drakkar-test-child: {error}\n{USAGE}");
            ExitCode::from(64)
        }
    }
}

fn run() -> io::Result<u8> {
    let mut args = env::args_os().skip(1);
    let command = args.next().unwrap_or_default();
    // Arguments need not be text for `echo`; for all others they are.
    if command == "echo" {
        let mut out = io::stdout().lock();
        for arg in args {
            out.write_all(arg.as_bytes())?;
            out.write_all(b"\n")?;
        }
        return Ok(0);
    }
    let args: Vec<String> = args.map(|arg| arg.to_string_lossy().into_owned()).collect();
    let arg = |at: usize| args.get(at).map(String::as_str);
    let code = |at: usize| parse(arg(at).unwrap_or("0"));
    match command.to_string_lossy().as_ref() {
        "env" => streams::environment()?,
        "cwd" => println!("{}", env::current_dir()?.display()),
        "stdin-kind" => println!("{}", fs::read_link("/proc/self/fd/0")?.display()),
        "cat" => drop(io::copy(&mut io::stdin().lock(), &mut io::stdout().lock())?),
        "count" => println!("{}", io::copy(&mut io::stdin().lock(), &mut io::sink())?),
        "close-stdin" => {
            nix::unistd::close(0)?;
            return code(0);
        }
        "exit" => {
            print!("{}", arg(1).unwrap_or_default());
            eprint!("{}", arg(2).unwrap_or_default());
            io::stdout().flush()?;
            return code(0);
        }
        "signal" => raise(Signal::from_str(required(arg(0))?).map_err(io::Error::from)?)?,
        "hang" => hang(arg(0))?,
        "ignore-term" => {
            term().thread_block()?;
            hang(arg(0))?;
        }
        "on-term" => {
            term().thread_block()?;
            announce(arg(1), id())?;
            term().wait()?;
            println!("cleaned up");
            return code(0);
        }
        "write-hang" => {
            streams::print_both(required(arg(0))?, required(arg(1))?)?;
            hang(None)?;
        }
        "flood" => streams::flood(required(arg(0))?, required(arg(1))?)?,
        "drip" => {
            streams::drip(parse(required(arg(0))?)?, parse(required(arg(1))?)?)?;
            return code(2);
        }
        "bytes" => io::stdout().write_all(b"ok \xff\xfe\xc3 end")?,
        "mark" => streams::mark(required(arg(0))?)?,
        "leave" => {
            announce(arg(1), descendants::leave(required(arg(0))?)?)?;
            return code(2);
        }
        "parent" => {
            descendants::parent(required(arg(0))?, required(arg(1))?)?;
            hang(None)?;
        }
        "without-sigchld" => {
            ignore_sigchld()?;
            let mut program = Command::new(required(arg(0))?);
            return Err(program.args(&args[1..]).exec());
        }
        "serve" => return serve::serve(&args),
        // The second half of `leave away`.
        "away" => {
            nix::unistd::setsid()?;
            hang(arg(0))?;
        }
        other => return Err(io::Error::other(format!("no command `{other}`"))),
    }
    Ok(0)
}

/// Waits for ever, telling its id first.
fn hang(file: Option<&str>) -> io::Result<()> {
    announce(file, id())?;
    loop {
        thread::park();
    }
}

/// Writes a process id to a file that appears whole.
fn announce(file: Option<&str>, process: u32) -> io::Result<()> {
    let Some(file) = file else { return Ok(()) };
    let half = format!("{file}.half");
    fs::write(&half, process.to_string())?;
    fs::rename(half, file)
}

/// A blocked TERM waits until somebody asks for it, which is how this program is deaf without `unsafe`.
fn term() -> SigSet {
    SigSet::from(Signal::SIGTERM)
}

#[expect(unsafe_code, reason = "a disposition can be set in no other way")]
fn ignore_sigchld() -> io::Result<()> {
    // SAFETY: ignoring runs no code of ours, and this program waits for no child.
    unsafe { signal(Signal::SIGCHLD, SigHandler::SigIgn) }?;
    Ok(())
}

fn required(arg: Option<&str>) -> io::Result<&str> {
    arg.ok_or_else(|| io::Error::other("an argument is missing"))
}

fn parse<T: FromStr>(text: &str) -> io::Result<T> {
    text.parse().map_err(|_| io::Error::other(format!("`{text}` is no number that fits")))
}
