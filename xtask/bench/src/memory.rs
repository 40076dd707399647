//! Resident memory and processor time of a process.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// Resident memory now, in MiB.
pub(crate) fn resident(pid: u32) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib / 1024.0)
}

/// Resident memory after this time.
pub(crate) fn settled(pid: u32, wait: Duration) -> Result<f64> {
    let until = Instant::now() + wait;
    while Instant::now() < until {
        std::thread::park_timeout(Duration::from_millis(100));
    }
    resident(pid)
}

/// Processor time used so far, by all threads in user and kernel mode.
pub(crate) fn cpu(pid: u32) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The program's name stands in parentheses and may hold spaces.
    let fields = stat.rsplit_once(')').context("no name in stat")?.1;
    let mut times = fields.split_whitespace().skip(11).map(str::parse::<u64>);
    let (user, kernel) = (times.next().context("no user time")??, times.next().context("no kernel time")??);
    // The unit is fixed at a hundredth of a second for user space.
    Ok(Duration::from_millis(10 * (user + kernel)))
}
