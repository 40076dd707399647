//! The circuit breaker of one sink: stops sending to a sink that fails again and again, and tries it now and then.
//!
//! It counts failures that are final: a batch that is tried again says nothing yet. No clock and no I/O: the caller says
//! what time it is, asks before each batch and reports how it ended.

use std::time::Duration;

use crate::ids::Time;

/// When a sink is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerRules {
    /// Failures in a row that open the breaker; at least one.
    pub threshold: u32,
    /// Time until a batch may try the sink again; zero tries it at once.
    pub cooldown: Duration,
}

/// Where a breaker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Everything is sent.
    Closed,
    /// Nothing is sent.
    Open,
    /// One batch tries the sink; the others wait for its answer.
    HalfOpen,
}

impl State {
    /// The value of the gauge `drakkar_sink_circuit_open`.
    pub fn gauge(self) -> f64 {
        match self {
            State::Closed => 0.0,
            State::HalfOpen => 0.5,
            State::Open => 1.0,
        }
    }
}

/// Whether a batch may be sent.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub enum Admission {
    /// Send it, and report how it ended with this pass.
    Send(Pass),
    /// Ask again after the next report: another batch is trying the sink.
    Wait,
    /// The sink is left alone until this moment.
    Refuse {
        /// When the next batch may try it.
        until: Time,
    },
}

/// The obligation to report how a batch ended.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub struct Pass {
    /// How often the breaker had opened when the batch was sent.
    trips: u64,
    probe: bool,
}

/// How a batch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchEnd {
    /// The sink took something of it.
    Success,
    /// The sink refused it for good, or its retries are spent.
    Failure,
    /// It says nothing about the sink: it was skipped on purpose, or never sent.
    Neutral,
}

/// A change of the breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It opened, also after a batch that tried the sink failed.
    Opened {
        /// When the next batch may try the sink.
        until: Time,
    },
    /// It closed.
    Closed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inner {
    Closed { failures: u32 },
    Open { until: Time },
    HalfOpen { probing: bool },
}

/// The breaker of one sink. See the [module](self).
#[derive(Debug)]
pub struct Breaker {
    rules: BreakerRules,
    inner: Inner,
    trips: u64,
}

impl Breaker {
    /// A closed breaker.
    pub fn new(rules: BreakerRules) -> Self {
        Self { rules, inner: Inner::Closed { failures: 0 }, trips: 0 }
    }

    /// Whether a batch may be sent now. What the breaker lets through must be [reported](Breaker::report).
    pub fn admit(&mut self, now: Time) -> Admission {
        match self.inner {
            Inner::Closed { .. } => Admission::Send(self.pass(false)),
            Inner::Open { until } if now < until => Admission::Refuse { until },
            Inner::Open { .. } | Inner::HalfOpen { probing: false } => {
                self.inner = Inner::HalfOpen { probing: true };
                Admission::Send(self.pass(true))
            }
            Inner::HalfOpen { probing: true } => Admission::Wait,
        }
    }

    fn pass(&self, probe: bool) -> Pass {
        Pass { trips: self.trips, probe }
    }

    /// Notes how a batch ended. Returns the change that came of it.
    ///
    /// Any success closes the breaker, also one of a batch that was sent before it opened: the sink works. A failure of
    /// such a batch says nothing that is not known already.
    pub fn report(&mut self, pass: Pass, end: BatchEnd, now: Time) -> Option<Change> {
        let current = pass.trips == self.trips;
        match (end, self.inner) {
            (BatchEnd::Success, before) => {
                self.inner = Inner::Closed { failures: 0 };
                (!matches!(before, Inner::Closed { .. })).then_some(Change::Closed)
            }
            (BatchEnd::Failure, Inner::Closed { failures }) if current => {
                let failures = failures.saturating_add(1);
                if failures >= self.rules.threshold {
                    return Some(self.trip(now));
                }
                self.inner = Inner::Closed { failures };
                None
            }
            (BatchEnd::Failure, Inner::HalfOpen { .. }) if current && pass.probe => Some(self.trip(now)),
            (BatchEnd::Neutral, Inner::HalfOpen { .. }) if current && pass.probe => {
                self.inner = Inner::HalfOpen { probing: false };
                None
            }
            (BatchEnd::Failure | BatchEnd::Neutral, _) => None,
        }
    }

    fn trip(&mut self, now: Time) -> Change {
        let until = now.after(self.rules.cooldown);
        self.inner = Inner::Open { until };
        self.trips += 1;
        Change::Opened { until }
    }

    /// Where it is.
    pub fn state(&self) -> State {
        match self.inner {
            Inner::Closed { .. } => State::Closed,
            Inner::Open { .. } => State::Open,
            Inner::HalfOpen { .. } => State::HalfOpen,
        }
    }

    /// How often it opened.
    pub fn trips(&self) -> u64 {
        self.trips
    }
}

#[cfg(test)]
mod tests;
