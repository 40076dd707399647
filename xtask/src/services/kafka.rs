//! Apache Kafka as one process (KRaft), from its Maven jars.

mod certificates;
mod ready;
mod settings;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::Signal;

pub use self::certificates::{Certificates, KEY_PASSWORD};
use self::settings::Settings;
use super::{
    install, orphans, ports,
    process::{self, Process},
    recipe::Kind,
};

/// The user of the secure listener, for PLAIN and for SCRAM.
pub const USER: &str = "drakkar";
/// That user's password.
pub const PASSWORD: &str = "drakkar-password";

/// Time for a broker to answer after its start, on a busy machine.
const START: Duration = Duration::from_secs(90);
/// Time for a broker to stop by itself.
pub(crate) const STOP: Duration = Duration::from_secs(10);
/// Starts with other ports when a neighbour took the ones that were free.
const ATTEMPTS: usize = 3;

/// A broker with its own folder and port.
///
/// It is killed when dropped; if its test is killed, the next start of a broker, the end of `cargo xtask test` or
/// `cargo xtask services down` ends it.
///
/// ```no_run
/// # fn main() -> anyhow::Result<()> {
/// use xtask::services::kafka::Broker;
///
/// let mut broker = Broker::start("target/tmp/my-broker".as_ref())?;
/// println!("{}", broker.address());
/// broker.stop()?; // data and port are kept
/// broker.resume()?;
/// broker.freeze()?; // connections stay open, nothing answers
/// broker.thaw()?;
/// broker.kill()?; // as a crash would
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Broker {
    folder: PathBuf,
    port: u16,
    /// The process while it runs, and the child when it is one of ours: it must be reaped.
    running: Option<(Process, Option<Child>)>,
}

impl Broker {
    /// Makes an empty broker in this folder, starts it and waits until it answers.
    ///
    /// What an earlier broker left in the folder is deleted.
    ///
    /// # Errors
    /// When Java or the jars cannot be had, or the broker does not answer in time.
    pub fn start(folder: &Path) -> Result<Self> {
        orphans::sweep()?;
        fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        let folder = folder.canonicalize()?;
        let mut attempt = 1;
        loop {
            let [port, controller, secure, mutual] = ports::free()?;
            let mut broker = Self { folder: folder.clone(), port, running: None };
            let certificates = broker.certificates();
            let data = folder.join("data");
            broker.format(&Settings { port, controller, secure, mutual, data, certificates })?;
            match broker.resume() {
                Ok(()) => return Ok(broker),
                Err(_) if attempt < ATTEMPTS && broker.log().contains("Address already in use") => {
                    attempt += 1
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The broker that an earlier start left in this folder, not running.
    ///
    /// # Errors
    /// When there is none.
    pub fn reopen(folder: &Path) -> Result<Self> {
        let folder = folder.canonicalize().with_context(|| format!("no broker in {}", folder.display()))?;
        let port = port_of(&folder, settings::PLAIN)?;
        Ok(Self { folder, port, running: None })
    }

    /// The bootstrap address.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The bootstrap address for TLS with a login as [`USER`].
    ///
    /// # Errors
    /// When the broker has no such listener: an older one may have none.
    pub fn secure_address(&self) -> Result<String> {
        Ok(format!("127.0.0.1:{}", port_of(&self.folder, settings::SECURE)?))
    }

    /// The bootstrap address for TLS where the client shows a certificate.
    ///
    /// # Errors
    /// When the broker has no such listener: an older one may have none.
    pub fn mutual_address(&self) -> Result<String> {
        Ok(format!("127.0.0.1:{}", port_of(&self.folder, settings::MUTUAL)?))
    }

    /// The certificates of its secure listeners.
    pub fn certificates(&self) -> Certificates {
        Certificates::of(&self.folder.join("certificates"))
    }

    /// The port. It stays the same over stops and restarts.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process, while it runs.
    pub fn process(&self) -> Option<Process> {
        self.running.as_ref().map(|(process, _)| *process).filter(Process::runs)
    }

    /// Where it logs to.
    pub fn log_path(&self) -> PathBuf {
        self.folder.join("broker.log")
    }

    /// Starts it again on the same port and data, and waits until it answers.
    ///
    /// # Errors
    /// When it runs already, ends by itself, or does not answer in time.
    pub fn resume(&mut self) -> Result<()> {
        ensure!(self.process().is_none(), "the broker runs already");
        self.reap()?;
        let mut command = java(&self.folder)?;
        command.arg("kafka.Kafka").arg(self.folder.join(settings::FILE)).current_dir(&self.folder);
        let child = process::spawn(&mut command, &self.log_path())?;
        let process = Process::find(child.id()).with_context(|| self.ended_by_itself())?;
        self.running = Some((process, Some(child)));
        orphans::note(process)?;
        let deadline = Instant::now() + START;
        while !ready::answers(self.port) {
            if !process.runs() {
                self.reap()?;
                bail!(self.ended_by_itself());
            }
            if Instant::now() >= deadline {
                self.kill()?;
                bail!("the broker did not answer within {START:?}: see {}", self.log_path().display());
            }
            thread::park_timeout(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Stops it in an orderly way: TERM, and KILL after 10 seconds. Data and port are kept.
    ///
    /// # Errors
    /// When it does not run or cannot be signalled.
    pub fn stop(&mut self) -> Result<()> {
        self.needed()?.end(STOP)?;
        self.reap()
    }

    /// Kills it, as a crash would. Data and port are kept.
    ///
    /// # Errors
    /// When it does not run or cannot be signalled.
    pub fn kill(&mut self) -> Result<()> {
        self.needed()?.kill()?;
        self.reap()
    }

    /// Freezes it: connections stay open, new ones are accepted by the system, nothing answers.
    ///
    /// # Errors
    /// When it does not run or cannot be signalled.
    pub fn freeze(&self) -> Result<()> {
        self.needed()?.signal(Signal::SIGSTOP)
    }

    /// Lets a frozen broker go on.
    ///
    /// # Errors
    /// When it does not run or cannot be signalled.
    pub fn thaw(&self) -> Result<()> {
        self.needed()?.signal(Signal::SIGCONT)
    }

    /// Whether it answers requests now.
    pub fn answers(&self) -> bool {
        ready::answers(self.port)
    }

    /// Leaves it running when this value and this program go. Whoever calls this must write the process down.
    pub fn leave(mut self) {
        if let Some((process, _)) = self.running.take() {
            orphans::forget(process);
        }
    }

    fn needed(&self) -> Result<Process> {
        self.process().context("the broker does not run")
    }

    /// Takes note that the process has ended.
    fn reap(&mut self) -> Result<()> {
        if let Some((process, child)) = self.running.take() {
            if let Some(mut child) = child {
                child.wait().context("waiting for the broker's end")?;
            }
            orphans::forget(process);
        }
        Ok(())
    }

    fn format(&self, settings: &Settings) -> Result<()> {
        if settings.data.exists() {
            fs::remove_dir_all(&settings.data)
                .with_context(|| format!("emptying {}", settings.data.display()))?;
        }
        settings.certificates.make()?;
        fs::write(self.log_path(), "")?;
        fs::write(self.folder.join(settings::FILE), settings.to_string())?;
        fs::write(self.folder.join(settings::LOGGING_FILE), settings::LOGGING)?;
        let output = java(&self.folder)?
            .args(["kafka.tools.StorageTool", "format", "--standalone", "-t", settings::CLUSTER])
            .args(["SCRAM-SHA-256", "SCRAM-SHA-512"].iter().flat_map(|mechanism| {
                ["--add-scram".to_owned(), format!("{mechanism}=[name={USER},password={PASSWORD}]")]
            }))
            .arg("-c")
            .arg(self.folder.join(settings::FILE))
            .output()
            .context("running java")?;
        ensure!(
            output.status.success(),
            "formatting the broker's storage failed:\n{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }

    fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    fn ended_by_itself(&self) -> String {
        let log = self.log();
        let lines: Vec<_> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(10)..].join("\n");
        format!("the broker ended by itself; the last lines of {} are:\n{last}", self.log_path().display())
    }
}

fn port_of(folder: &Path, listener: &str) -> Result<u16> {
    let text = fs::read_to_string(folder.join(settings::FILE)).context("reading the broker's settings")?;
    settings::port_of(&text, listener)
        .with_context(|| format!("the broker's settings name no port for {listener}"))
}

impl Drop for Broker {
    fn drop(&mut self) {
        // Nothing can be done here about a process that cannot be killed; its note stays for the next sweep.
        if self.process().is_none_or(|process| process.kill().is_ok()) {
            self.reap().unwrap_or_default();
        }
    }
}

fn java(folder: &Path) -> Result<Command> {
    static JARS: OnceLock<PathBuf> = OnceLock::new();
    let jars = match JARS.get() {
        Some(jars) => jars,
        // Several threads may look at the same time; they find the same folder.
        None => {
            let found = install::jars(Kind::Kafka)?;
            JARS.get_or_init(|| found)
        }
    };
    let mut command = Command::new("java");
    command
        // A small heap and the quick compiler: the broker shares the machine with what is tested.
        .args(["-Xmx512m", "-Xms256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"])
        .arg(format!("-Dlog4j2.configurationFile={}", folder.join(settings::LOGGING_FILE).display()))
        .arg("-cp")
        .arg(format!("{}/*", jars.display()))
        .stdin(Stdio::null());
    Ok(command)
}
