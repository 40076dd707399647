//! The servers that all tests share: started once, left running, found again.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde::{Deserialize, Serialize};

use super::kafka::Broker;

/// The variable that tells tests where the broker is.
pub const KAFKA_VARIABLE: &str = "DRAKKAR_TEST_KAFKA";

/// A running service.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// Its process.
    pub pid: u32,
    /// When that process started, in clock ticks since boot: tells it from another with the same number.
    pub started: u64,
    /// Its address.
    pub address: String,
}

impl Service {
    /// Whether the process is still the one that was started.
    pub fn runs(&self) -> bool {
        start_time(self.pid) == Some(self.started)
    }
}

/// The services that were started and not stopped.
///
/// # Errors
/// When the state cannot be read.
pub fn running() -> Result<Vec<Service>> {
    let path = state();
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let services: Vec<Service> = serde_json::from_str(&text).unwrap_or_default();
    Ok(services.into_iter().filter(Service::runs).collect())
}

/// Starts what does not run yet. Returns everything that runs, and whether anything was started.
///
/// # Errors
/// When a service does not start.
pub fn up() -> Result<(Vec<Service>, bool)> {
    let mut services = running()?;
    if services.iter().any(|s| s.name == "kafka") {
        return Ok((services, false));
    }
    let folder = folder().join("kafka");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("emptying {}", folder.display()))?;
    }
    let broker = Broker::start(&folder)?;
    let pid = broker.pid().context("the broker has no process")?;
    let started = start_time(pid).context("the broker ended")?;
    services.push(Service { name: "kafka".to_owned(), pid, started, address: broker.address() });
    broker.leave();
    save(&services)?;
    Ok((services, true))
}

/// Stops everything.
///
/// # Errors
/// When a process cannot be signalled.
pub fn down() -> Result<usize> {
    let services = running()?;
    for service in &services {
        let pid = Pid::from_raw(i32::try_from(service.pid)?);
        kill(pid, Signal::SIGTERM)?;
        let deadline = Instant::now() + Duration::from_secs(10);
        while service.runs() {
            if Instant::now() >= deadline {
                kill(pid, Signal::SIGKILL)?;
            }
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }
    save(&[])?;
    Ok(services.len())
}

/// The variables that tests need.
pub fn variables(services: &[Service]) -> Vec<(&'static str, String)> {
    services.iter().filter(|s| s.name == "kafka").map(|s| (KAFKA_VARIABLE, s.address.clone())).collect()
}

fn folder() -> PathBuf {
    super::kafka::target().join("services")
}

fn state() -> PathBuf {
    folder().join("state.json")
}

fn save(services: &[Service]) -> Result<()> {
    fs::create_dir_all(folder())?;
    fs::write(state(), serde_json::to_string_pretty(services)?).context("writing the state of the services")
}

/// When a process started. A zombie counts as ended.
fn start_time(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold anything, also spaces and parentheses: fields count from behind it.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    if fields.first() == Some(&"Z") {
        return None;
    }
    fields.get(19)?.parse().ok()
}
