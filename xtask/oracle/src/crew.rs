//! The workers: killed, frozen, stopped, and started again under a new name.

use std::{
    mem,
    time::{Duration, Instant},
};

use anyhow::Result;
use drakkar_tests::{
    group::History,
    worker::{Setup, Worker},
};
use nix::sys::signal::Signal;

use crate::{
    journal::Journal,
    plan::{Fault, Kind},
};

/// How long the group waits for a silent worker before it expels it. Brokers allow no less.
pub(crate) const SESSION: Duration = Duration::from_secs(6);
/// A worker that the group does not expel for so long goes on all the same.
const FROZEN_AT_MOST: Duration = Duration::from_secs(45);
/// A worker that does not end for so long after a SIGTERM is killed, and that is a finding.
const STOP_AT_MOST: Duration = Duration::from_secs(40);
/// Before a worker that ended by itself is started again.
const AGAIN: Duration = Duration::from_secs(1);

/// All workers.
pub(crate) struct Crew {
    setup: Setup,
    seats: Vec<Seat>,
    /// When the broker was last seen away.
    disturbed: Option<Instant>,
    findings: Vec<String>,
}

/// The place of one worker and of those that follow it.
struct Seat {
    number: usize,
    starts: usize,
    state: State,
}

enum State {
    Running(Worker),
    /// Until the group expelled it, and so much longer than the session timeout.
    Frozen(Worker, Instant, Duration),
    /// Since when, and after which time it is started again; never when there is none.
    Stopping(Worker, Instant, Option<Duration>),
    /// Until when; for good when there is none.
    Down(Option<Instant>),
}

impl Crew {
    /// Workers that start with the first step.
    pub(crate) fn new(setup: Setup, workers: usize) -> Self {
        let seat = |number| Seat { number, starts: 0, state: State::Down(Some(Instant::now())) };
        Self { setup, seats: (1..=workers).map(seat).collect(), disturbed: None, findings: Vec::new() }
    }

    /// Whether every worker runs.
    pub(crate) fn is_complete(&self) -> bool {
        self.seats.iter().all(|seat| matches!(seat.state, State::Running(_)))
    }

    /// Hits one of the workers that run. Returns whether there was one.
    pub(crate) fn hit(&mut self, fault: &Fault, journal: &mut Journal) -> Result<bool> {
        let mut running: Vec<_> =
            self.seats.iter_mut().filter(|seat| matches!(seat.state, State::Running(_))).collect();
        if running.is_empty() {
            return Ok(false);
        }
        let seat = running.swap_remove(fault.pick as usize % running.len());
        let (name, now) = (seat.name(), Instant::now());
        let back = State::Down(Some(now + fault.away));
        let State::Running(worker) = mem::replace(&mut seat.state, back) else { return Ok(false) };
        match fault.kind {
            Kind::Freeze => {
                worker.signal(Signal::SIGSTOP)?;
                seat.state = State::Frozen(worker, now, fault.away);
            }
            Kind::Stop => {
                worker.signal(Signal::SIGTERM)?;
                seat.state = State::Stopping(worker, now, Some(fault.away));
            }
            Kind::Kill | Kind::Broker => worker.crash()?,
        }
        journal.note(&format!("{} {name}", fault.kind.verb()))?;
        Ok(true)
    }

    /// Does what is due: starts, thaws, takes note of ends.
    pub(crate) fn step(&mut self, history: &History, broker_away: bool, journal: &mut Journal) -> Result<()> {
        let now = Instant::now();
        if broker_away {
            self.disturbed = Some(now);
        }
        for seat in &mut self.seats {
            let name = seat.name();
            seat.state = match mem::replace(&mut seat.state, State::Down(None)) {
                State::Running(mut worker) => match worker.status()? {
                    Some(status) => {
                        self.findings.push(format!("{name} ended by itself: {status}"));
                        journal.note(&format!("{name} ended by itself: {status}"))?;
                        State::Down(Some(now + AGAIN))
                    }
                    None => State::Running(worker),
                },
                State::Frozen(worker, since, away) => {
                    let member = history.generations().last().is_some_and(|g| g.assigned.contains_key(&name));
                    let age = now - since;
                    if (age >= SESSION + away && !member) || age >= FROZEN_AT_MOST {
                        worker.signal(Signal::SIGCONT)?;
                        let how = if member { "still in" } else { "expelled from" };
                        journal.note(&format!(
                            "thaw {name}, {how} the group after {:.1} s",
                            age.as_secs_f64()
                        ))?;
                        State::Running(worker)
                    } else {
                        State::Frozen(worker, since, away)
                    }
                }
                State::Stopping(mut worker, asked, away) => match worker.status()? {
                    Some(status) => {
                        // Without a broker it may have to give work back when its time is over, and before its first
                        // line it has not come to listen for signals.
                        let disturbed = self.disturbed.is_some_and(|at| at >= asked);
                        if !status.success() && !disturbed && !worker.log().is_empty() {
                            self.findings.push(format!("{name} was asked to stop and ended with {status}"));
                        }
                        let took = (now - asked).as_secs_f64();
                        journal.note(&format!("{name} stopped after {took:.1} s, {status}"))?;
                        State::Down(away.map(|away| now + away))
                    }
                    None if now - asked >= STOP_AT_MOST => {
                        worker.crash()?;
                        self.findings.push(format!("{name} did not stop within {STOP_AT_MOST:?}"));
                        State::Down(away.map(|away| now + away))
                    }
                    None => State::Stopping(worker, asked, away),
                },
                State::Down(Some(until)) if now >= until => {
                    seat.starts += 1;
                    let name = seat.name();
                    journal.note(&format!("start {name}"))?;
                    State::Running(self.setup.start(&name)?)
                }
                down @ State::Down(_) => down,
            };
        }
        Ok(())
    }

    /// Asks all workers to stop, waits for their ends, and tells what any of them did that none must do.
    pub(crate) fn stop(mut self, journal: &mut Journal) -> Result<Vec<String>> {
        let now = Instant::now();
        for seat in &mut self.seats {
            seat.state = match mem::replace(&mut seat.state, State::Down(None)) {
                State::Running(worker) | State::Frozen(worker, ..) => {
                    worker.signal(Signal::SIGTERM)?;
                    // A frozen process sees the signal only once it goes on.
                    worker.signal(Signal::SIGCONT)?;
                    State::Stopping(worker, now, None)
                }
                State::Stopping(worker, asked, _) => State::Stopping(worker, asked, None),
                State::Down(_) => State::Down(None),
            };
        }
        while self.seats.iter().any(|seat| matches!(seat.state, State::Stopping(..))) {
            self.step(&History::default(), false, journal)?;
            std::thread::park_timeout(Duration::from_millis(20));
        }
        Ok(self.findings)
    }
}

impl Seat {
    /// No two workers have the same name: epochs count within one process.
    fn name(&self) -> String {
        format!("w{}.{}", self.number, self.starts)
    }
}
