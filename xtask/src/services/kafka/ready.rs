//! Whether a broker is ready: a Metadata request by hand, since an open port proves little.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

const METADATA: i16 = 3;
const VERSION: i16 = 1;
const CORRELATION: i32 = 7;
const CLIENT: &[u8] = b"xtask";

/// Whether the broker at this port lists itself in its metadata.
///
/// A KRaft broker listens before it has joined its own cluster; until then the list is empty.
pub(super) fn answers(port: u16) -> bool {
    brokers(port).is_some_and(|count| count > 0)
}

/// How many brokers the one at this port knows.
fn brokers(port: u16) -> Option<i32> {
    let limit = Duration::from_secs(2);
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), limit).ok()?;
    stream.set_read_timeout(Some(limit)).ok()?;
    stream.write_all(&request()).ok()?;
    let mut head = [0; 12];
    stream.read_exact(&mut head).ok()?;
    count(head)
}

/// Length, then header version 1 (key, version, correlation, client), then an empty list of topics.
fn request() -> Vec<u8> {
    let mut body = Vec::new();
    body.extend(METADATA.to_be_bytes());
    body.extend(VERSION.to_be_bytes());
    body.extend(CORRELATION.to_be_bytes());
    body.extend((CLIENT.len() as i16).to_be_bytes());
    body.extend(CLIENT);
    body.extend(0i32.to_be_bytes());
    let mut frame = (body.len() as i32).to_be_bytes().to_vec();
    frame.extend(body);
    frame
}

/// The first 12 bytes of the answer: length, correlation, and how many brokers follow.
fn count(head: [u8; 12]) -> Option<i32> {
    let [_, _, _, _, c0, c1, c2, c3, n0, n1, n2, n3] = head;
    (i32::from_be_bytes([c0, c1, c2, c3]) == CORRELATION).then(|| i32::from_be_bytes([n0, n1, n2, n3]))
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, thread};

    use super::*;

    /// A server that answers one request with so many brokers.
    fn server(count: i32) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = vec![0; request().len()];
            stream.read_exact(&mut asked).unwrap();
            assert_eq!(asked, request());
            for part in [8, CORRELATION, count] {
                stream.write_all(&part.to_be_bytes()).unwrap();
            }
        });
        port
    }

    #[test]
    fn a_broker_that_lists_itself_is_ready() {
        assert!(answers(server(1)));
    }

    #[test]
    fn a_broker_that_lists_nobody_is_not_ready() {
        assert!(!answers(server(0)));
    }

    #[test]
    fn a_port_that_only_listens_is_not_ready() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || drop(listener.accept().unwrap()));
        assert!(!answers(port));
    }
}
