//! Periodic methods and services: what runs beside the messages.

use std::{sync::Arc, time::Duration};

use drakkar_core::{event::Event, handler::Handler};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout_at},
};

use crate::partition::{
    Shared,
    hooks::{HookFailure, contain},
};

/// The running periodic methods and services.
pub(super) struct Background<H: Handler> {
    shared: Arc<Shared<H>>,
    tasks: JoinSet<()>,
}

impl<H: Handler> Background<H> {
    pub(super) fn start(shared: &Arc<Shared<H>>) -> Self {
        let mut tasks = JoinSet::new();
        for index in 0..H::PERIODIC.len() {
            tasks.spawn(run_periodic(shared.clone(), index));
        }
        for index in 0..H::SERVICES.len() {
            tasks.spawn(run_service(shared.clone(), index));
        }
        Self { shared: shared.clone(), tasks }
    }

    /// Ends everything: periodic methods at once, services when they have ended or at the deadline.
    pub(super) async fn stop(&mut self, deadline: Instant) {
        self.shared.ctx.stop();
        let ended = timeout_at(deadline, async { while self.tasks.join_next().await.is_some() {} }).await;
        if ended.is_err() {
            tracing::warn!(
                category = "lifecycle",
                left = self.tasks.len(),
                "services did not end before the stop deadline; they should watch `ctx.stopping()`"
            );
            self.tasks.shutdown().await;
        }
    }
}

/// Runs one method again and again. The next interval starts when a run ended, so that runs never overlap.
async fn run_periodic<H: Handler>(shared: Arc<Shared<H>>, index: usize) {
    let periodic = H::PERIODIC[index];
    let schedule = async {
        loop {
            sleep(periodic.every).await;
            let started = Instant::now();
            let call = async { shared.handler.periodic(index, &shared.ctx).await.map_err(HookFailure::from) };
            let error = contain(shared.hook_timeout, call).await.err().map(|failure| failure.error);
            let stopped = error.is_some() && periodic.stop_on_error;
            let duration = started.elapsed();
            shared.events.emit(&Event::PeriodicRan { name: periodic.name, duration, error, stopped });
            if stopped {
                return;
            }
        }
    };
    tokio::select! {
        biased;
        () = shared.ctx.stopping() => {}
        () = schedule => {}
    }
}

async fn run_service<H: Handler>(shared: Arc<Shared<H>>, index: usize) {
    let name = H::SERVICES[index];
    let call = async { shared.handler.service(index, &shared.ctx).await.map_err(HookFailure::from) };
    let error = contain(Duration::ZERO, call).await.err().map(|failure| failure.error);
    let expected = shared.ctx.is_stopping();
    shared.events.emit(&Event::ServiceEnded { name, error, expected });
}
