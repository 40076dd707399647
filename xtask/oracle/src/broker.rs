//! The broker of a run, and its restarts, which happen on a thread of their own so that the run goes on meanwhile.

use std::{
    mem,
    path::Path,
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Result, anyhow};
use xtask::services::kafka::Broker;

/// A broker that runs or is being restarted.
pub(crate) struct Server(State);

enum State {
    Up(Broker),
    Away(JoinHandle<Result<Broker>>),
    /// A restart failed.
    Gone,
}

impl Server {
    /// Starts an empty broker.
    pub(crate) fn start(folder: &Path) -> Result<(Self, String)> {
        let broker = Broker::start(folder)?;
        let address = broker.address();
        Ok((Self(State::Up(broker)), address))
    }

    /// Whether it is being restarted.
    pub(crate) fn is_away(&self) -> bool {
        matches!(self.0, State::Away(_))
    }

    /// Stops it in order and starts it again after this time. Returns whether it ran.
    pub(crate) fn restart(&mut self, away: Duration) -> Result<bool> {
        match mem::replace(&mut self.0, State::Gone) {
            State::Up(mut broker) => {
                let restart = move || {
                    broker.stop()?;
                    thread::park_timeout(away);
                    broker.resume()?;
                    Ok(broker)
                };
                self.0 = State::Away(thread::Builder::new().name("broker".into()).spawn(restart)?);
                Ok(true)
            }
            other => {
                self.0 = other;
                Ok(false)
            }
        }
    }

    /// Takes note of the end of a restart. Returns whether one ended.
    pub(crate) fn step(&mut self) -> Result<bool> {
        if matches!(&self.0, State::Away(restart) if restart.is_finished()) {
            self.wait()?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Waits until it runs.
    fn wait(&mut self) -> Result<()> {
        if let State::Away(restart) = mem::replace(&mut self.0, State::Gone) {
            let broker =
                restart.join().map_err(|_| anyhow!("the thread that restarts the broker panicked"))?;
            self.0 = State::Up(broker?);
        }
        Ok(())
    }
}

impl Drop for Server {
    /// A broker that comes back behind us would be left running.
    fn drop(&mut self) {
        if let Err(error) = self.wait() {
            eprintln!("the broker did not come back: {error:#}");
        }
    }
}
