//! Telling a worker to stop.

use tokio::{sync::watch, time::Instant};

/// How urgently a worker should stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// Go on.
    Run,
    /// Finish what is in flight, within the deadline counted from this moment.
    Drain(Instant, &'static str),
    /// End now.
    Now,
}

/// Stops a worker. Cheap to clone.
#[derive(Clone, Debug)]
pub struct StopHandle(watch::Sender<Urgency>);

/// Notices that the worker should stop.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<Urgency>);

impl StopHandle {
    /// A handle and the side the worker watches.
    pub fn new() -> (Self, Stop) {
        let (tx, rx) = watch::channel(Urgency::Run);
        (Self(tx), Stop(rx))
    }

    /// Asks for an orderly stop; asked a second time, the worker ends at once.
    pub fn stop(&self, reason: &'static str) {
        self.0.send_modify(|urgency| {
            *urgency = match urgency {
                Urgency::Run => Urgency::Drain(Instant::now(), reason),
                Urgency::Drain(..) | Urgency::Now => Urgency::Now,
            }
        });
    }
}

impl Stop {
    /// What is asked for.
    pub(crate) fn urgency(&self) -> Urgency {
        *self.0.borrow()
    }

    /// Waits until a stop is asked for. Never ends when the handle is gone without one.
    pub async fn requested(&mut self) {
        self.wait(|u| *u != Urgency::Run).await;
    }

    /// Waits until the worker must end at once.
    pub async fn forced(&mut self) {
        self.wait(|u| *u == Urgency::Now).await;
    }

    async fn wait(&mut self, matches: impl FnMut(&Urgency) -> bool) {
        if self.0.wait_for(matches).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
