//! The servers that all tests share: started once, left running, found again.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::{
    kafka::{Broker, STOP},
    orphans,
    process::Process,
    recipe::Kind,
};

/// A server that was started, as it is written down.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Service {
    address: String,
    process: Process,
    /// It was stopped by `services stop`, not by itself.
    #[serde(default)]
    stopped: bool,
}

/// The file with all of them, by name.
type State = BTreeMap<String, Service>;

/// How a server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Runs and answers.
    Running,
    /// Runs but answers no request.
    Silent,
    /// Its process is stopped by a signal.
    Frozen,
    /// Was stopped by `services stop`; data and port are kept.
    Stopped,
    /// Ended by itself; data and port are kept.
    Died,
    /// Was not started.
    Absent,
}

/// What `status` tells about a server.
#[derive(Clone, Debug)]
pub struct Report {
    /// Which.
    pub kind: Kind,
    /// How it is.
    pub condition: Condition,
    /// Where it listens, or would.
    pub address: Option<String>,
    /// Its process, while it runs.
    pub process: Option<Process>,
}

/// What `up` did.
#[derive(Clone, Debug)]
pub struct Up {
    /// Variable and address of each server that was asked for.
    pub variables: Vec<(&'static str, String)>,
    /// Those that had to be started.
    pub started: Vec<Kind>,
}

/// Starts what does not run yet; one that stopped or died comes back with its data and port.
///
/// # Errors
/// When a server does not start.
pub fn up(kinds: &[Kind]) -> Result<Up> {
    let _lock = lock()?;
    orphans::sweep()?;
    let mut state = load()?;
    let mut up = Up { variables: Vec::new(), started: Vec::new() };
    for &kind in kinds {
        if !state.get(kind.name()).is_some_and(|service| service.process.runs()) {
            let service = run(kind, state.contains_key(kind.name()))?;
            state.insert(kind.name().to_owned(), service);
            save(&state)?;
            up.started.push(kind);
        }
        up.variables.push((&kind.recipe().variable, state[kind.name()].address.clone()));
        up.variables.extend(more_variables(kind)?);
    }
    Ok(up)
}

/// Stops servers and forgets them; the next `up` starts with empty ones. Returns those that ran.
///
/// # Errors
/// When a process cannot be ended.
pub fn down(kinds: &[Kind]) -> Result<Vec<Kind>> {
    let _lock = lock()?;
    orphans::sweep()?;
    let mut state = load()?;
    let mut ended = Vec::new();
    for &kind in kinds {
        let Some(service) = state.get(kind.name()) else { continue };
        if service.process.runs() {
            service.process.end(STOP)?;
            ended.push(kind);
        }
        state.remove(kind.name());
        save(&state)?;
    }
    Ok(ended)
}

/// Stops a server; its data and port are kept.
///
/// # Errors
/// When it does not run or cannot be ended.
pub fn stop(kind: Kind) -> Result<()> {
    let _lock = lock()?;
    let mut state = load()?;
    let service = state.get_mut(kind.name()).filter(|service| service.process.runs());
    let service = service.with_context(|| not_running(kind))?;
    service.process.end(STOP)?;
    service.stopped = true;
    save(&state)
}

/// Starts a server that was stopped, with its data and port.
///
/// # Errors
/// When there is none to start, or it does not start.
pub fn start(kind: Kind) -> Result<()> {
    ensure!(load()?.contains_key(kind.name()), not_running(kind));
    up(&[kind]).map(drop)
}

/// How each server is.
///
/// # Errors
/// When the state cannot be read.
pub fn status() -> Result<Vec<Report>> {
    let state = load()?;
    let report = |&kind: &Kind| match state.get(kind.name()) {
        None => Report { kind, condition: Condition::Absent, address: None, process: None },
        Some(service) => {
            let running = service.process.runs();
            let condition = match () {
                () if !running && service.stopped => Condition::Stopped,
                () if !running => Condition::Died,
                () if service.process.is_frozen() => Condition::Frozen,
                () if answers(kind) => Condition::Running,
                () => Condition::Silent,
            };
            let process = running.then_some(service.process);
            Report { kind, condition, address: Some(service.address.clone()), process }
        }
    };
    Ok(Kind::ALL.iter().map(report).collect())
}

/// What tests need to know beside the address.
fn more_variables(kind: Kind) -> Result<Vec<(&'static str, String)>> {
    let Kind::Kafka = kind;
    let broker = Broker::reopen(&folder(kind))?;
    // A broker of an older checkout has no secure listeners: tests that need them say what to do.
    let (Ok(secure), Ok(mutual)) = (broker.secure_address(), broker.mutual_address()) else {
        return Ok(Vec::new());
    };
    let ca = broker.certificates().ca().display().to_string();
    Ok(vec![
        ("DRAKKAR_TEST_KAFKA_TLS", secure),
        ("DRAKKAR_TEST_KAFKA_MUTUAL_TLS", mutual),
        ("DRAKKAR_TEST_KAFKA_CA", ca),
    ])
}

fn answers(kind: Kind) -> bool {
    match kind {
        Kind::Kafka => Broker::reopen(&folder(kind)).is_ok_and(|broker| broker.answers()),
    }
}

/// Starts a server, with what it had or empty.
fn run(kind: Kind, keep: bool) -> Result<Service> {
    let recipe = kind.recipe();
    eprintln!("{}: starting {} {}", kind.name(), recipe.title, recipe.version);
    let asked = Instant::now();
    let Kind::Kafka = kind;
    let folder = folder(kind);
    let broker = if keep && let Ok(mut broker) = Broker::reopen(&folder) {
        broker
            .resume()
            .with_context(|| format!("run `cargo xtask services down {}` to start afresh", kind.name()))?;
        broker
    } else {
        Broker::start(&folder)?
    };
    let process = broker.process().context("the broker ended right after its start")?;
    let service = Service { address: broker.address(), process, stopped: false };
    broker.leave();
    eprintln!("{}: answers at {} after {}", kind.name(), service.address, seconds(asked.elapsed()));
    Ok(service)
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

fn not_running(kind: Kind) -> String {
    format!("{} does not run: start it with `cargo xtask services up {0}`", kind.name())
}

fn folder(kind: Kind) -> PathBuf {
    super::folder().join(kind.name())
}

fn path() -> PathBuf {
    super::folder().join("state.json")
}

/// Held while servers are started or stopped, so that two calls do not start the same.
fn lock() -> Result<fs::File> {
    fs::create_dir_all(super::folder()).context("making the folder of the services")?;
    let file = fs::File::create(super::folder().join("lock")).context("making a lock file")?;
    file.lock().context("locking the services")?;
    Ok(file)
}

fn load() -> Result<State> {
    let path = path();
    if !path.exists() {
        return Ok(State::new());
    }
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is damaged: delete it", path.display()))
}

fn save(state: &State) -> Result<()> {
    // Moved into place: `status` reads without the lock.
    let new = path().with_extension("new");
    fs::write(&new, serde_json::to_string_pretty(state)?).context("writing the state of the services")?;
    fs::rename(new, path()).context("writing the state of the services")
}
