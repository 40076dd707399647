//! Which addresses an HTTP sink may call.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Names under which clouds serve their instance metadata.
const METADATA_NAMES: [&str; 7] = [
    "metadata.google.internal",
    "metadata.goog",
    "metadata.packet.net",
    "metadata",
    "instance-data",
    "instance-data.ec2.internal",
    "metadata.platformequinix.com",
];

/// Accepts an http or https URL whose host may be called; otherwise says what it must do.
pub(super) fn check(url: &str) -> Result<(), String> {
    let must = |text: &str| Err(text.to_owned());
    if url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return must("hold no spaces or control characters");
    }
    let Some((scheme, rest)) = url.split_once("://") else { return must("start with http:// or https://") };
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return must("start with http:// or https://");
    }
    // Clients read a backslash as a slash.
    let authority = rest.split(['/', '\\', '?', '#']).next().unwrap_or_default();
    let host_and_port = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let (host, port) = match host_and_port.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((host, port)) => {
                (format!("[{host}]"), port.strip_prefix(':').or((port.is_empty()).then_some("")))
            }
            None => return must("close the bracket of its address"),
        },
        None => match host_and_port.split_once(':') {
            Some((host, port)) => (host.to_owned(), Some(port)),
            None => (host_and_port.to_owned(), Some("")),
        },
    };
    if host.trim_matches('.').is_empty() {
        return must("name a host");
    }
    if !port.is_some_and(|port| port.is_empty() || port.parse::<u16>().is_ok()) {
        return must("have a port from 0 to 65535 after its host");
    }
    if !host.is_ascii() || host.contains('%') {
        return must("write its host in plain ASCII (international names as xn--...)");
    }
    check_host(&host.to_ascii_lowercase())
}

fn check_host(host: &str) -> Result<(), String> {
    if let Some(inner) = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        let Ok(address) = inner.parse::<Ipv6Addr>() else {
            return Err("have a valid IPv6 address between its brackets".to_owned());
        };
        return check_address(address.into());
    }
    let name = host.trim_end_matches('.');
    if METADATA_NAMES.contains(&name) {
        return Err("not point at a metadata service".to_owned());
    }
    // A name whose last label is a number is an address for every client.
    let last = name.rsplit('.').next().unwrap_or_default();
    if number(last).is_none() && !last.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(());
    }
    match ipv4(name) {
        Some(address) => check_address(address.into()),
        None => Err("have a valid IPv4 address as its host".to_owned()),
    }
}

fn check_address(address: IpAddr) -> Result<(), String> {
    match is_forbidden_address(address) {
        true => Err("not point at a metadata service or a link-local address".to_owned()),
        false => Ok(()),
    }
}

/// True for addresses no sink may call: link-local ones and the metadata services of clouds, in every notation.
///
/// Loopback and private ranges are allowed. A sink asks again for every address a name resolves to.
pub fn is_forbidden_address(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_forbidden_v4(v4),
        IpAddr::V6(v6) => {
            let link_local = v6.segments()[0] & 0xffc0 == 0xfe80;
            let metadata = v6 == Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)
                || v6 == Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254);
            link_local || metadata || embedded_v4(v6).is_some_and(is_forbidden_v4)
        }
    }
}

fn is_forbidden_v4(v4: Ipv4Addr) -> bool {
    v4.is_link_local() || v4 == Ipv4Addr::new(100, 100, 100, 200) || v4 == Ipv4Addr::new(192, 0, 0, 192)
}

/// The IPv4 address inside a mapped, compatible, NAT64 or 6to4 address.
fn embedded_v4(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let from = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match v6.segments() {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0, 0, 0, 0, 0xffff, 0, high, low] => Some(from(high, low)),
        [0x64, 0xff9b, _, _, _, _, high, low] => Some(from(high, low)),
        [0x2002, high, low, ..] => Some(from(high, low)),
        _ => None,
    }
}

/// An IPv4 address as clients read it: one to four numbers, each decimal, octal or hexadecimal.
fn ipv4(host: &str) -> Option<Ipv4Addr> {
    let parts: Vec<u64> = host.split('.').map(number).collect::<Option<_>>()?;
    let (last, front) = parts.split_last()?;
    if front.len() > 3 || front.iter().any(|part| *part > 255) {
        return None;
    }
    let room = 8 * (4 - front.len() as u32);
    if *last >= 1 << room {
        return None;
    }
    let high = front.iter().enumerate().map(|(index, part)| part << (24 - 8 * index)).sum::<u64>();
    u32::try_from(high + last).ok().map(Ipv4Addr::from)
}

fn number(part: &str) -> Option<u64> {
    let (digits, radix) = match part.strip_prefix("0x") {
        Some(hex) => (hex, 16),
        None if part.len() > 1 && part.starts_with('0') => (&part[1..], 8),
        None => (part, 10),
    };
    match digits.is_empty() {
        true => (radix == 16).then_some(0),
        false if digits.starts_with('+') => None,
        false => u64::from_str_radix(digits, radix).ok(),
    }
}
