//! Waiting for an observed effect, with a deadline.

use std::time::{Duration, Instant};

/// Looks until `look` finds something.
///
/// # Panics
/// When it found nothing within the limit; the message says what was waited for.
pub fn until<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: not seen within {limit:?}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}
