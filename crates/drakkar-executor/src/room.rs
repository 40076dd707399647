//! Memory for the outputs of all that runs: bounded, whatever programs write.

use std::sync::atomic::{AtomicU64, Ordering};

/// What is asked for at least, so that a stream that grows does not ask for each of its bytes.
const STEP: u64 = 64 << 10;

/// Half of the bytes is shared out: each stream has its part whatever others do. The other half goes to whoever comes first.
#[derive(Debug)]
pub(crate) struct Room {
    share: u64,
    free: AtomicU64,
}

impl Room {
    pub(crate) fn new(bytes: u64, streams: u64) -> Self {
        let share = bytes / 2 / streams.max(1);
        Self { share, free: AtomicU64::new(bytes - share * streams) }
    }

    fn take(&self, bytes: u64) -> bool {
        let less = |free: u64| free.checked_sub(bytes);
        self.free.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }
}

/// What one stream may hold. Given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Grant {
    room: std::sync::Arc<Room>,
    more: u64,
}

impl Grant {
    pub(crate) fn new(room: &std::sync::Arc<Room>) -> Self {
        Self { room: room.clone(), more: 0 }
    }

    /// Bytes it may hold.
    pub(crate) fn bytes(&self) -> u64 {
        self.room.share + self.more
    }

    /// Asks to hold so many bytes, or at least the second number of them. Returns what it may hold then.
    pub(crate) fn ask(&mut self, wanted: u64, least: u64) -> u64 {
        for wanted in [wanted.max(self.bytes() + STEP), least] {
            let missing = wanted.saturating_sub(self.bytes());
            if missing == 0 || self.room.take(missing) {
                self.more += missing;
                break;
            }
        }
        self.bytes()
    }

    /// Gives back what is more than these bytes.
    pub(crate) fn keep(&mut self, bytes: u64) {
        let keep = bytes.saturating_sub(self.room.share).min(self.more);
        self.room.free.fetch_add(self.more - keep, Ordering::Relaxed);
        self.more = keep;
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        self.keep(0);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn each_stream_has_its_share_and_the_rest_goes_to_the_first() {
        let room = Arc::new(Room::new(8 << 20, 4));
        let (mut greedy, modest) = (Grant::new(&room), Grant::new(&room));
        assert_eq!(greedy.bytes(), 1 << 20);
        assert_eq!(greedy.ask(100 << 20, 2 << 20), 2 << 20, "not all of it, but what it needs");
        assert_eq!(greedy.ask(5 << 20, 5 << 20), 5 << 20);
        assert_eq!(greedy.ask(6 << 20, 6 << 20), 5 << 20, "nothing is left");
        assert_eq!(modest.bytes(), 1 << 20);
        greedy.keep(2 << 20);
        assert_eq!(Grant::new(&room).ask(4 << 20, 4 << 20), 4 << 20);
        drop(greedy);
        assert_eq!(room.free.load(Ordering::Relaxed), 4 << 20);
    }
}
