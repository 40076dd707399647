//! The life of a worker: connect, join, run, stop.

mod assignment_hooks;
mod background;
mod engine;
mod sinks;

use std::{panic::AssertUnwindSafe, sync::Arc, time::SystemTime};

use drakkar_core::{
    bytes_in_hand::ByteLedger, context::Context, event::Events, executor::Executor, handler::Handler,
    ledger::Ledger, source::SourceHandle,
};
use futures_util::FutureExt;

use crate::{
    align,
    clock::Clock,
    crash_marker::{CrashMarker, Suspects},
    error::{Exit, RunError},
    gate::TaskGate,
    partition::Shared,
    routes::{NamedSink, RouteError, Routes},
    settings::Settings,
    status::Status,
    stop::Stop,
};

/// What a worker is put together from. Nothing of it has been started, but the source is open.
pub struct Parts<H: Handler> {
    /// The user's code.
    pub handler: H,
    /// What hooks are told.
    pub ctx: Context,
    /// Where messages come from.
    pub source: SourceHandle,
    /// What runs tasks.
    pub executor: Arc<dyn Executor>,
    /// The sinks of the configuration.
    pub sinks: Vec<NamedSink>,
    /// The dead letter topic.
    pub dead_letters: NamedSink,
    /// The bytes in hand, shared with the source.
    pub bytes: Arc<ByteLedger>,
    /// Where events go.
    pub events: Events,
    /// Where it is noted which messages hooks are busy with, and what earlier crashes said.
    pub marker: Option<(CrashMarker, Suspects)>,
}

/// How a worker ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// What became of all messages.
    pub ledger: Ledger,
    /// The exit code that goes with it.
    pub exit: Exit,
}

/// A worker that is ready to run.
pub struct Worker<H: Handler> {
    parts: Parts<H>,
    settings: Settings,
    routes: Routes,
    status: Arc<Status>,
    clock: Clock,
}

impl<H: Handler> Worker<H> {
    /// Checks the parts against each other. Connects nothing.
    ///
    /// # Errors
    /// When a route of the handler's outputs leads to no sink.
    pub fn new(parts: Parts<H>, settings: Settings) -> Result<Self, RouteError> {
        let names: Vec<_> = parts.sinks.iter().map(|s| (s.sink.kind(), &*s.name)).collect();
        let (routes, unused) = Routes::resolve::<H>(&names)?;
        for index in unused {
            let (kind, name) = names[index];
            tracing::warn!(category = "sink", "{kind} sink `{name}` is configured, but no output goes there");
        }
        let clock = Clock::start();
        let status = Arc::new(Status::new(parts.bytes.clone(), clock));
        Ok(Self { parts, settings, routes, status, clock })
    }

    /// The state, also while the worker runs.
    pub fn status(&self) -> Arc<Status> {
        self.status.clone()
    }

    /// Runs until a stop is asked for or the source ends.
    ///
    /// # Errors
    /// When a sink cannot be reached or `on_ready` fails. Everything that was started is stopped before.
    pub async fn run(self, mut stop: Stop) -> Result<Summary, RunError> {
        let Self { parts, settings, routes, status, clock } = self;
        let Parts { handler, ctx, source, executor, sinks, dead_letters, bytes, events, marker } = parts;
        let (marker, suspects) = marker.map(|(m, s)| (Some(m), s)).unwrap_or_default();
        let mut all_sinks = sinks;
        all_sinks.push(dead_letters);

        let started = tokio::select! {
            biased;
            () = stop.requested() => Ok(false),
            started = start(&handler, &ctx, &all_sinks, &settings, &events) => started.map(|()| true),
        };
        let subscribe = match started {
            Ok(subscribe) => subscribe,
            Err(error) => {
                source.control.close();
                executor.close(settings.kill_grace).await;
                return Err(error);
            }
        };

        let names = all_sinks.iter().map(|s| (s.sink.kind(), s.name.clone())).collect();
        let shared = Arc::new(Shared {
            handler,
            ctx,
            rules: settings.rules,
            parse_policy: settings.parse_policy,
            hook_timeout: settings.hook_timeout,
            routes,
            sink_names: names,
            executor,
            bytes: bytes.clone(),
            events: events.clone(),
            clock,
            gate: TaskGate::new(settings.tasks_high, settings.tasks_low),
            marker,
            suspects,
            drained: tokio::sync::Notify::new(),
        });
        let deliveries = sinks::Deliveries::start(all_sinks, &settings, &bytes, &events, &status);
        if subscribe {
            source.control.subscribe();
        }
        Ok(engine::Engine::new(shared, source, deliveries, settings, status).run(stop).await)
    }
}

/// Everything between the first connection and the subscription.
async fn start<H: Handler>(
    handler: &H,
    ctx: &Context,
    sinks: &[NamedSink],
    settings: &Settings,
    events: &Events,
) -> Result<(), RunError> {
    sinks::connect(sinks, settings.connect_timeout, events).await?;
    let ready = AssertUnwindSafe(handler.on_ready(ctx)).catch_unwind().await;
    let failed = |error: String| RunError::Hook { hook: "on_ready", error };
    match ready {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return Err(failed(error.to_string())),
        Err(_) => return Err(failed("panicked".to_owned())),
    }
    if let Some((min_wait, interval)) = settings.align {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let wait = align::wait(now, min_wait, interval);
        tracing::info!(
            category = "lifecycle",
            seconds = wait.as_secs_f64(),
            "waiting for the shared start of the group (kafka.startup_align_enabled)"
        );
        tokio::time::sleep(wait).await;
    }
    Ok(())
}
