//! Apache Kafka as one process (KRaft), from its Maven jars.

mod jars;
mod ready;

use std::{
    fs,
    net::TcpListener,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

pub(crate) use jars::target;

/// Time for a broker to answer after its start.
const START: Duration = Duration::from_secs(90);
/// Time for a broker to stop by itself.
const STOP: Duration = Duration::from_secs(15);

/// A broker with its own folder and port. Killed when dropped, unless it was left running.
///
/// ```no_run
/// # fn main() -> anyhow::Result<()> {
/// let mut broker = xtask::services::kafka::Broker::start("target/my-broker".as_ref())?;
/// println!("{}", broker.address());
/// broker.stop()?; // data and port are kept
/// broker.resume()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Broker {
    folder: PathBuf,
    port: u16,
    child: Option<Child>,
}

impl Broker {
    /// Makes a broker in this folder, starts it and waits until it answers.
    ///
    /// # Errors
    /// When Java or the jars cannot be had, or the broker does not answer in time.
    pub fn start(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        let folder = folder.canonicalize()?;
        let [port, controller] = free_ports()?;
        fs::write(folder.join("server.properties"), properties(port, controller, &folder.join("data")))?;
        fs::write(folder.join("log4j2.yaml"), LOG4J)?;
        let log = fs::File::create(folder.join("format.log"))?;
        let status = java(&folder)?
            .args(["kafka.tools.StorageTool", "format", "-t", "ZHJha2thci10ZXN0LTAwMQ", "-c"])
            .arg(folder.join("server.properties"))
            .args(["--standalone", "--ignore-formatted"])
            .stdout(log.try_clone()?)
            .stderr(log)
            .status()
            .context("formatting the broker's storage")?;
        ensure!(
            status.success(),
            "formatting the storage failed: see {}",
            folder.join("format.log").display()
        );
        let mut broker = Self { folder, port, child: None };
        broker.resume()?;
        Ok(broker)
    }

    /// The bootstrap address.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The process, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Starts it again on the same port and data, and waits until it answers.
    ///
    /// # Errors
    /// When it ends by itself, or does not answer in time.
    pub fn resume(&mut self) -> Result<()> {
        ensure!(self.child.is_none(), "the broker runs already");
        let log = fs::OpenOptions::new().create(true).append(true).open(self.folder.join("broker.log"))?;
        let child = java(&self.folder)?
            .arg("kafka.Kafka")
            .arg(self.folder.join("server.properties"))
            .current_dir(&self.folder)
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .spawn()
            .context("starting the broker")?;
        let child = self.child.insert(child);
        let deadline = Instant::now() + START;
        while !ready::answers(self.port) {
            if let Some(status) = child.try_wait()? {
                self.child = None;
                bail!(
                    "the broker ended by itself ({status}): see {}",
                    self.folder.join("broker.log").display()
                );
            }
            ensure!(Instant::now() < deadline, "the broker did not answer within {START:?}");
            std::thread::park_timeout(Duration::from_millis(100));
        }
        Ok(())
    }

    /// Stops it in an orderly way. Data and port are kept.
    ///
    /// # Errors
    /// When the process cannot be signalled.
    pub fn stop(&mut self) -> Result<()> {
        self.end(Signal::SIGTERM)
    }

    /// Kills it, as a crash would. Data and port are kept.
    ///
    /// # Errors
    /// When the process cannot be signalled.
    pub fn kill(&mut self) -> Result<()> {
        self.end(Signal::SIGKILL)
    }

    /// Freezes it: connections stay, nothing answers.
    ///
    /// # Errors
    /// When the process cannot be signalled.
    pub fn freeze(&self) -> Result<()> {
        self.signal(Signal::SIGSTOP)
    }

    /// Lets a frozen broker go on.
    ///
    /// # Errors
    /// When the process cannot be signalled.
    pub fn thaw(&self) -> Result<()> {
        self.signal(Signal::SIGCONT)
    }

    /// Leaves the broker running when this value goes.
    pub fn leave(mut self) {
        self.child = None;
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let child = self.child.as_ref().context("the broker does not run")?;
        Ok(kill(Pid::from_raw(i32::try_from(child.id())?), signal)?)
    }

    fn end(&mut self, signal: Signal) -> Result<()> {
        self.signal(signal)?;
        let Some(mut child) = self.child.take() else { return Ok(()) };
        let deadline = Instant::now() + STOP;
        while child.try_wait()?.is_none() {
            if Instant::now() >= deadline {
                child.kill()?;
            }
            std::thread::park_timeout(Duration::from_millis(50));
        }
        Ok(())
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            child.kill().and_then(|()| child.wait().map(drop)).unwrap_or_default();
        }
    }
}

fn java(folder: &Path) -> Result<Command> {
    let mut command = Command::new("java");
    command
        .args(["-Xmx512m", "-Xms256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"])
        .arg(format!("-Dlog4j2.configurationFile={}", folder.join("log4j2.yaml").display()))
        .arg("-cp")
        .arg(format!("{}/*", jars::folder()?.display()))
        .stdin(Stdio::null());
    Ok(command)
}

/// Ports that are free now. Both are held until both are known, so that they differ.
fn free_ports() -> Result<[u16; 2]> {
    let (a, b) = (TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?);
    Ok([a.local_addr()?.port(), b.local_addr()?.port()])
}

fn properties(port: u16, controller: u16, data: &Path) -> String {
    format!(
        "process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={}
num.partitions=4
auto.create.topics.enable=false
log.retention.hours=-1
group.initial.rebalance.delay.ms=0
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
",
        data.display()
    )
}

const LOG4J: &str = "Configuration:
  status: error
  Appenders:
    Console:
      name: out
      PatternLayout: { pattern: '%d %p %c %m%n' }
  Loggers:
    Root:
      level: warn
      AppenderRef: { ref: out }
";
