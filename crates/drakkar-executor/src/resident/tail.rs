//! The last bytes that a child wrote to its standard error.

use std::collections::VecDeque;

/// Bytes that are kept of each child.
const KEPT: usize = 16 << 10;

#[derive(Debug, Default)]
pub(super) struct Tail {
    kept: VecDeque<u8>,
}

impl Tail {
    pub(super) fn add(&mut self, bytes: &[u8]) {
        let bytes = &bytes[bytes.len().saturating_sub(KEPT)..];
        let excess = (self.kept.len() + bytes.len()).saturating_sub(KEPT);
        self.kept.drain(..excess);
        self.kept.extend(bytes);
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.kept.iter().copied().collect()
    }

    /// The last line with something in it, for a log.
    pub(super) fn last_line(&self) -> String {
        let text = self.bytes();
        let text = String::from_utf8_lossy(&text);
        let line = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
        line.chars().take(300).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_bytes_are_kept_and_no_more() {
        let mut tail = Tail::default();
        let all: Vec<u8> = (0..100_000u32).map(|n| (n % 251) as u8).collect();
        for chunk in all.chunks(777) {
            tail.add(chunk);
            assert!(tail.kept.len() <= KEPT);
        }
        assert_eq!(tail.bytes(), all[all.len() - KEPT..]);
        tail.add(&all);
        assert_eq!(tail.bytes(), all[all.len() - KEPT..]);
    }

    #[test]
    fn the_last_line_is_the_one_with_something_in_it() {
        let mut tail = Tail::default();
        assert_eq!(tail.last_line(), "");
        tail.add(b"Traceback\n  ValueError: no\xff model\n\n");
        assert_eq!(tail.last_line(), "ValueError: no\u{fffd} model");
    }
}
