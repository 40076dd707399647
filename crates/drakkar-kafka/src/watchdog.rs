//! Notices that messages wait on the broker while none comes, and makes another consumer.

use std::time::{Duration, Instant};

use drakkar_core::{
    commit::Commits,
    error::Class,
    ids::Offset,
    source::{SourceEvent, StalledPartition},
};
use rdkafka::{
    config::FromClientConfigAndContext,
    consumer::{BaseConsumer, Consumer},
};

use crate::{
    assignment::Assigned,
    client,
    close::drop_within,
    context::Context,
    lookout::{Answer, Lookout, Position, Question, Seen},
    rebalance::Rejoin,
    thread::SourceThread,
    watermarks,
};

/// The wait for a partition doubles with each consumer that did not help, up to this many times.
const DOUBLINGS: u32 = 4;
/// The longest time between two looks.
const LOOK: Duration = Duration::from_secs(1);

/// What was noticed so far.
#[derive(Debug, Default)]
pub(crate) struct Watchdog {
    lookout: Option<Lookout>,
    looked: Option<Instant>,
    asked: Option<Instant>,
    /// When it was reported that nothing comes, until something comes again.
    stalled: Option<Instant>,
    /// Consumers that were made in a row without anything coming.
    rebuilds: u32,
    /// The partitions are given back, so that another consumer can be made.
    pub(crate) rebuilding: bool,
}

/// What is known of the silence of one partition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Silence {
    /// When the last record came, or began to be waited for.
    pub(crate) since: Instant,
    /// When it was first seen to be behind since then.
    pub(crate) behind: Option<Instant>,
    /// The end up to which there is nothing that could be read.
    pub(crate) unreadable: Option<i64>,
}

impl Silence {
    pub(crate) fn begin(now: Instant) -> Self {
        Self { since: now, behind: None, unreadable: None }
    }

    /// Takes over what was seen of it.
    ///
    /// Returns whether it is stalled: there was something to read all along, and there is still.
    fn see(&mut self, asked: Instant, read: bool, seen: Seen) -> bool {
        if self.since >= asked {
            // Something came in the meantime.
            return false;
        }
        if seen.lag <= 0 || self.unreadable == Some(seen.end) {
            self.behind = None;
            return false;
        }
        if read && !seen.readable {
            self.unreadable = Some(seen.end);
            self.behind = None;
            return false;
        }
        self.behind.get_or_insert(asked);
        read
    }

    /// Whether it was silent for this long, and behind for long enough that no message is just on its way.
    fn is_suspicious(&self, now: Instant, patience: Duration) -> bool {
        let on_its_way = self.behind.is_none_or(|behind| now.duration_since(behind) < patience / 3);
        !on_its_way && now.duration_since(self.since) >= patience
    }
}

impl SourceThread {
    /// A record came: whatever was wrong is over.
    pub(crate) fn heard(&mut self) {
        if self.watchdog.stalled.take().is_some() {
            self.watchdog.rebuilds = 0;
            self.outbox.emit(SourceEvent::Recovered);
        }
    }

    /// Looks after the partitions that nothing comes from.
    pub(crate) fn watch(&mut self, now: Instant) {
        let patience = self.settings.watchdog * (1 << self.watchdog.rebuilds.min(DOUBLINGS));
        let rests = self.control.intake_stopped() || self.revoking.is_some() || self.throttled.is_some();
        let due = self.watchdog.looked.is_none_or(|at| now.duration_since(at) >= LOOK.min(patience / 20));
        if patience.is_zero() || rests || !due {
            return;
        }
        self.watchdog.looked = Some(now);
        for assigned in self.assignments.iter_mut().filter(|a| a.paused) {
            assigned.silence = Silence::begin(now);
        }
        match self.watchdog.lookout.as_mut().and_then(Lookout::answer) {
            Some(Some(answer)) => {
                let stalled = self.stalled(&answer, patience);
                if !stalled.is_empty() {
                    return self.rebuild(stalled, now);
                }
            }
            // Where no broker answers there is nothing to read. The client gets its time to find its way back.
            Some(None) => self.assignments.iter_mut().for_each(|a| a.silence.behind = None),
            None => {}
        }
        let third = patience / 3;
        let silent = |a: &&Assigned| now.duration_since(a.silence.since) >= third;
        let partitions: Vec<_> = self.assignments.iter().filter(silent).map(position).collect();
        if partitions.is_empty() {
            // All is heard of, or in the hands of others.
            if self.watchdog.stalled.is_some_and(|since| now.duration_since(since) >= patience) {
                self.heard();
            }
            return;
        }
        if self.watchdog.asked.is_none_or(|asked| now.duration_since(asked) >= third) {
            let read = self.assignments.iter().any(|a| a.silence.is_suspicious(now, patience));
            self.ask(Question { asked: now, partitions, read });
        }
    }

    fn ask(&mut self, question: Question) {
        let watchdog = &mut self.watchdog;
        if watchdog.lookout.as_ref().is_none_or(Lookout::is_gone) {
            watchdog.lookout = match Lookout::start(&self.settings) {
                Ok(lookout) => Some(lookout),
                Err(error) => {
                    return self.outbox.trouble(format!("failed to start the lookout thread: {error}"));
                }
            };
        }
        if let Some(lookout) = watchdog.lookout.as_mut().filter(|lookout| !lookout.is_waiting()) {
            watchdog.asked = Some(question.asked);
            lookout.ask(question);
        }
    }

    /// The partitions that an answer proves to be stalled.
    fn stalled(&mut self, answer: &Answer, patience: Duration) -> Vec<StalledPartition> {
        let Answer { question, seen } = answer;
        let mut stalled = Vec::new();
        for (position, seen) in question.partitions.iter().zip(seen) {
            let Some(assigned) = self.assignments.get_mut(position.partition) else { continue };
            let suspicious = assigned.silence.is_suspicious(question.asked, patience);
            let same = assigned.assignment.epoch == position.epoch;
            if same && assigned.silence.see(question.asked, question.read, *seen) && suspicious {
                stalled.push(StalledPartition {
                    assignment: assigned.assignment,
                    next: position.next.map(Offset),
                    end: Offset(seen.end),
                });
            }
        }
        stalled
    }

    /// Reports the state, gives the partitions back in an orderly way, and then goes on with another consumer.
    fn rebuild(&mut self, stalled: Vec<StalledPartition>, now: Instant) {
        let topic = &self.settings.topic;
        for partition in &stalled {
            let number = partition.assignment.partition.0;
            let fetched = watermarks::cached(&self.consumer, topic, number);
            tracing::error!(
                category = "kafka",
                topic,
                partition = number,
                epoch = partition.assignment.epoch.0,
                next = partition.next.map(|offset| offset.0),
                end = partition.end.0,
                fetched_low = fetched.map(|w| w.low),
                fetched_high = fetched.map(|w| w.high),
                assigned = self.assignments.numbers().len(),
                assignment_lost = self.consumer.assignment_lost(),
                rebuilds = self.watchdog.rebuilds,
                "messages wait on the broker but none comes"
            );
        }
        self.outbox.emit(SourceEvent::Stalled { partitions: stalled });
        self.watchdog.stalled = Some(now);
        self.watchdog.rebuilding = true;
        self.revoke(self.assignments.numbers(), false);
    }

    /// Puts another consumer in the place of this one, which may be stuck: nothing here waits for it.
    pub(crate) fn replace_consumer(&mut self) {
        self.watchdog.rebuilding = false;
        self.watchdog.rebuilds += 1;
        let made = BaseConsumer::from_config_and_context(&self.settings.client(), Context::default());
        let fresh = match made {
            Ok(fresh) => fresh,
            Err(error) => {
                let why = client::without_value(&error);
                return self.fatal(Class::Transient, format!("failed to make another Kafka consumer: {why}"));
            }
        };
        let old = std::mem::replace(&mut self.consumer, fresh);
        old.context().close();
        // It leaves the group on a thread of its own, if it still can.
        drop_within(old, Duration::ZERO);
        self.commits = Commits::new(self.pace);
        self.rebalances.clear();
        self.rejoin = Rejoin::default();
        self.subscribe();
    }
}

fn position(assigned: &Assigned) -> Position {
    Position {
        partition: assigned.assignment.partition.0,
        epoch: assigned.assignment.epoch,
        next: (assigned.next != i64::MIN).then_some(assigned.next),
    }
}

#[cfg(test)]
mod tests;
