//! Events on their way to the runtime. Nothing here ever waits for room.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use drakkar_core::source::SourceEvent;

/// Events that may wait for a runtime that does not listen. Past that, events that only inform are left out.
const BACKLOG: usize = 4096;
/// The same trouble is reported once in this time.
const QUIET: Duration = Duration::from_secs(10);
/// Kinds of trouble that are told apart.
const KINDS: usize = 64;

/// The events, in order.
#[derive(Debug)]
pub(crate) struct Outbox {
    events: async_channel::Sender<SourceEvent>,
    /// Events that found no room in the channel.
    backlog: VecDeque<SourceEvent>,
    troubles: Troubles,
}

impl Outbox {
    pub(crate) fn new(events: async_channel::Sender<SourceEvent>) -> Self {
        Self { events, backlog: VecDeque::new(), troubles: Troubles::default() }
    }

    /// Whether nobody listens any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.events.is_closed()
    }

    pub(crate) fn has_backlog(&self) -> bool {
        !self.backlog.is_empty()
    }

    pub(crate) fn emit(&mut self, event: SourceEvent) {
        let informs = matches!(
            event,
            SourceEvent::Flow { .. }
                | SourceEvent::Committed(_)
                | SourceEvent::CommitFailed { .. }
                | SourceEvent::Trouble(_)
        );
        if informs && self.backlog.len() >= BACKLOG {
            return;
        }
        self.backlog.push_back(event);
        self.flush();
    }

    /// Reports an error that passes by itself, but not again and again.
    pub(crate) fn trouble(&mut self, error: String) {
        if let Some(text) = self.troubles.admit(error, Instant::now()) {
            self.emit(SourceEvent::Trouble(text));
        }
    }

    pub(crate) fn flush(&mut self) {
        while let Some(event) = self.backlog.pop_front() {
            if let Err(error) = self.events.try_send(event) {
                if let async_channel::TrySendError::Full(event) = error {
                    self.backlog.push_front(event);
                }
                return;
            }
        }
    }

    /// Sends the last event and all before it. The thread has nothing else to do: it waits for room, but not for a
    /// runtime that is gone.
    pub(crate) fn finish(mut self, last: SourceEvent) {
        self.backlog.push_back(last);
        for event in self.backlog {
            if self.events.send_blocking(event).is_err() {
                return;
            }
        }
    }
}

/// What was reported lately.
#[derive(Debug, Default)]
struct Troubles(BTreeMap<String, Seen>);

#[derive(Debug)]
struct Seen {
    reported: Instant,
    left_out: u32,
}

impl Troubles {
    /// The text to report, unless the same was reported a moment ago.
    fn admit(&mut self, text: String, now: Instant) -> Option<String> {
        // The same error differs in its numbers: ports, milliseconds, counts of failed brokers.
        let kind: String = text.chars().filter(|c| !c.is_ascii_digit()).collect();
        if self.0.len() >= KINDS && !self.0.contains_key(&kind) {
            self.0.retain(|_, seen| now.duration_since(seen.reported) < QUIET);
        }
        if self.0.len() >= KINDS && !self.0.contains_key(&kind) {
            return None;
        }
        let seen = self.0.entry(kind);
        let is_new = matches!(seen, std::collections::btree_map::Entry::Vacant(_));
        let seen = seen.or_insert(Seen { reported: now, left_out: 0 });
        if !is_new && now.duration_since(seen.reported) < QUIET {
            seen.left_out += 1;
            return None;
        }
        let left_out = std::mem::take(&mut seen.left_out);
        seen.reported = now;
        Some(if left_out == 0 { text } else { format!("{text} (and {left_out} times before)") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_trouble_is_reported_once_and_counted() {
        let mut troubles = Troubles::default();
        let start = Instant::now();
        let text = |port: u32| format!("broker :{port} is away");
        assert_eq!(troubles.admit(text(1), start).as_deref(), Some("broker :1 is away"));
        assert_eq!(troubles.admit(text(2), start + QUIET / 2), None);
        assert_eq!(troubles.admit(text(3), start + QUIET / 2), None);
        assert!(troubles.admit("something else".to_owned(), start + QUIET / 2).is_some());
        let later = troubles.admit(text(4), start + QUIET).unwrap();
        assert_eq!(later, "broker :4 is away (and 2 times before)");
        for n in 0..1_000u32 {
            let kind: String = n.to_string().chars().map(|c| char::from(c as u8 + 49)).collect();
            troubles.admit(kind, start + QUIET);
        }
        assert!(troubles.0.len() <= KINDS);
    }

    #[test]
    fn a_runtime_that_does_not_listen_costs_news_but_no_assignment() {
        let (tx, rx) = async_channel::bounded(1);
        let mut outbox = Outbox::new(tx);
        for _ in 0..BACKLOG + 10 {
            outbox.emit(SourceEvent::Committed(Vec::new()));
        }
        outbox.emit(SourceEvent::Revoking(Vec::new()));
        assert!(outbox.backlog.len() <= BACKLOG + 1);
        let mut last = None;
        while let Ok(event) = rx.try_recv() {
            last = Some(event);
            outbox.flush();
        }
        assert!(matches!(last, Some(SourceEvent::Revoking(_))));
        assert!(!outbox.has_backlog());
    }
}
