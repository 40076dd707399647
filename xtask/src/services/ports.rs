//! Free ports of the loopback address.

use std::{
    fs,
    net::TcpListener,
    process,
    sync::atomic::{AtomicU32, Ordering},
    time::SystemTime,
};

use anyhow::{Result, bail};

/// The lowest port that is given out.
const LOWEST: u16 = 15_000;

/// Ports that are free now.
///
/// They lie below the range that the system gives to outgoing connections: otherwise a client could be given the port of a
/// stopped broker, or even connect to itself there, and the broker could not come back to its port.
pub(super) fn free<const N: usize>() -> Result<[u16; N]> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let (low, high) = (u32::from(LOWEST), u32::from(outgoing_from()));
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    // Processes start at different places, and threads of one process never try the same port.
    let seed = process::id().wrapping_mul(7919).wrapping_add(now.subsec_nanos());
    let mut found = [0; N];
    for slot in &mut found {
        let mut tries = 0;
        *slot = loop {
            let step = NEXT.fetch_add(1, Ordering::Relaxed);
            let port = u16::try_from(low + seed.wrapping_add(step) % (high - low))?;
            if TcpListener::bind(("127.0.0.1", port)).is_ok() {
                break port;
            }
            tries += 1;
            if tries > 1_000 {
                bail!("found no free port between {low} and {high}");
            }
        };
    }
    Ok(found)
}

/// The first port of outgoing connections.
fn outgoing_from() -> u16 {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let first = range.split_whitespace().next().and_then(|port| port.parse().ok());
    first.filter(|port| *port > LOWEST + 1_000).unwrap_or(32_768)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ports_are_free_different_and_below_those_of_outgoing_connections() {
        let mut seen = BTreeSet::new();
        for _ in 0..10 {
            for port in free::<2>().unwrap() {
                assert!((LOWEST..outgoing_from()).contains(&port), "{port}");
                assert!(seen.insert(port), "{port} twice");
            }
        }
    }
}
