//! Whether a broker really answers: a Metadata request by hand, as an open port proves little.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// Whether the broker at this port lists itself in its metadata.
pub(super) fn answers(port: u16) -> bool {
    brokers(port).is_some_and(|count| count > 0)
}

fn brokers(port: u16) -> Option<i32> {
    let limit = Duration::from_secs(2);
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), limit).ok()?;
    stream.set_read_timeout(Some(limit)).ok()?;
    let mut request = Vec::new();
    // Header version 1: Metadata (3), version 1, correlation 7, client "x". Body: an empty list of topics.
    for part in [&3i16.to_be_bytes()[..], &1i16.to_be_bytes(), &7i32.to_be_bytes(), &1i16.to_be_bytes(), b"x"]
    {
        request.extend_from_slice(part);
    }
    request.extend_from_slice(&0i32.to_be_bytes());
    stream.write_all(&i32::try_from(request.len()).ok()?.to_be_bytes()).ok()?;
    stream.write_all(&request).ok()?;
    let mut head = [0; 12];
    stream.read_exact(&mut head).ok()?;
    let correlation = i32::from_be_bytes(head[4..8].try_into().ok()?);
    (correlation == 7).then(|| i32::from_be_bytes([head[8], head[9], head[10], head[11]]))
}
