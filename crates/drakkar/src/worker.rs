//! A worker as a library: the same parts as the command line, without it.

use std::{panic::AssertUnwindSafe, path::PathBuf, sync::Arc};

use drakkar_core::{
    bytes_in_hand::ByteLedger,
    config::{Config, Origin},
    context::Context,
    error::chain,
    event::{Event, Events, Subscriber},
    handler::Handler,
};
use drakkar_executor::ProcessPool;
use drakkar_kafka::KafkaSource;
use drakkar_runtime::{
    OffloadPool, Parts, Settings, Status, Stop, Summary,
    crash_marker::{CrashMarker, Scope, Suspects, usual_folder},
};
use tokio::sync::oneshot;

use crate::{RunError, assemble, client, identity::identity};

/// Puts a worker together.
///
/// ```no_run
/// # use drakkar::prelude::*;
/// # async fn example(handler: impl Handler, config: Config) -> std::result::Result<(), drakkar::RunError> {
/// let (stopper, stop) = drakkar::StopHandle::new();
/// let worker = drakkar::Worker::builder(handler).config(config).name("worker-1").build()?;
/// // `stopper.stop("..")` from elsewhere ends it in an orderly way.
/// let summary = worker.run(stop).await?;
/// println!("{}", summary.ledger);
/// # Ok(())
/// # }
/// ```
pub struct Builder<H: Handler> {
    handler: H,
    config: Config,
    name: Option<String>,
    subscribers: Vec<Arc<dyn Subscriber>>,
    status: Option<oneshot::Sender<Arc<Status>>>,
}

impl<H: Handler> Builder<H> {
    /// Uses this configuration; the defaults otherwise.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Names the worker, instead of the variable that `worker_name_env` names.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Adds a subscriber to the event stream.
    #[must_use]
    pub fn subscriber(mut self, subscriber: Arc<dyn Subscriber>) -> Self {
        self.subscribers.push(subscriber);
        self
    }

    /// Hands over the worker's state as soon as it runs.
    #[must_use]
    pub fn status(mut self, status: oneshot::Sender<Arc<Status>>) -> Self {
        self.status = Some(status);
        self
    }

    /// Checks the name. Connects nothing.
    ///
    /// # Errors
    /// When the worker's name cannot be used.
    pub fn build(self) -> Result<Worker<H>, RunError> {
        let identity = identity(&self.config, self.name)?;
        Ok(Worker {
            handler: self.handler,
            config: self.config,
            name: identity.worker,
            cluster: identity.cluster,
            events: Events::new(self.subscribers),
            status: self.status,
        })
    }
}

/// A worker that is ready to run.
pub struct Worker<H: Handler> {
    handler: H,
    config: Config,
    name: String,
    cluster: String,
    events: Events,
    status: Option<oneshot::Sender<Arc<Status>>>,
}

impl<H: Handler> Worker<H> {
    /// Starts to put a worker together.
    pub fn builder(handler: H) -> Builder<H> {
        Builder { handler, config: Config::default(), name: None, subscribers: Vec::new(), status: None }
    }

    /// The worker's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Connects everything, then runs until a stop is asked for.
    ///
    /// Needs a tokio runtime with all drivers.
    ///
    /// # Errors
    /// When a part cannot start, or the source cannot go on. What was started is stopped before.
    pub async fn run(self, mut stop: Stop) -> Result<Summary, RunError> {
        let Self { handler, config, name, cluster, events, status } = self;
        let config = on_startup(&handler, config).await?;
        events.emit(&Event::Starting { summary: config.summary(Some(&name)) });

        // Everything that can be wrong without a connection is found before the first one.
        client::check(&config, |_| Origin::Default)?;
        let sinks = assemble::sinks(&config, &name)?;
        let dead_letters = assemble::dead_letters(&config, &name)?;
        drakkar_runtime::check_routes::<H>(&sinks).map_err(drakkar_runtime::RunError::from)?;
        let pool = ProcessPool::start(assemble::executor(&config))?;
        let bytes = Arc::new(ByteLedger::new(config.executor.max_in_hand_bytes as u64));
        let opening = KafkaSource::open(assemble::source(&config, &name)?, bytes.clone());
        let source = tokio::select! {
            biased;
            () = stop.requested() => {
                return Ok(Summary { ledger: Default::default(), exit: drakkar_runtime::Exit::Clean });
            }
            source = opening => source.map_err(drakkar_runtime::RunError::Source)?,
        };
        let settings = Settings::from_config(&config, H::HOOKS);
        let offload = OffloadPool::start(offload_threads(&config)).map_err(RunError::Threads)?;
        let marker = crash_marker(&config, &name).await?;
        let parts = Parts {
            handler,
            ctx: Context::with_helper(name, cluster, config, Box::new(offload)),
            source,
            executor: Arc::new(pool),
            sinks,
            dead_letters,
            bytes,
            events,
            marker,
        };
        let worker =
            drakkar_runtime::Worker::new(parts, settings).map_err(drakkar_runtime::RunError::from)?;
        if let Some(status) = status {
            // Whoever asked may have lost interest.
            status.send(worker.status()).unwrap_or_default();
        }
        Ok(worker.run(stop).await?)
    }
}

/// The crash marker. A folder that was asked for must do; without the usual one the worker runs all the same.
async fn crash_marker(config: &Config, worker: &str) -> Result<Option<(CrashMarker, Suspects)>, RunError> {
    let asked = config.executor.crash_marker_dir.trim();
    if asked == "off" {
        return Ok(None);
    }
    let folder = (!asked.is_empty()).then(|| PathBuf::from(asked));
    let scope =
        Scope { group: config.kafka.consumer_group.clone(), topic: config.kafka.source_topic.clone() };
    let name = worker.to_owned();
    let opened = tokio::task::spawn_blocking(move || match folder {
        Some(folder) => CrashMarker::open(&folder, &scope, &name).map_err(RunError::CrashMarker).map(Ok),
        // Nobody asked for the usual folder, so the worker can do without.
        None => Ok(usual_folder()
            .map_err(|error| error.to_string())
            .and_then(|folder| CrashMarker::open(&folder, &scope, &name).map_err(|e| chain(&e).to_string()))),
    });
    let opened = opened.await.unwrap_or_else(|error| Ok(Err(error.to_string())));
    Ok(opened?
        .inspect_err(|error| {
            let text = "there is no crash marker: a message that kills the process is not noticed";
            tracing::warn!(category = "lifecycle", error, "{text}");
        })
        .ok())
}

fn offload_threads(config: &Config) -> usize {
    match config.executor.offload_max_threads {
        0 => config.executor.max_executors.div_ceil(4).max(2),
        threads => threads,
    }
}

async fn on_startup<H: Handler>(handler: &H, config: Config) -> Result<Config, RunError> {
    use futures_util::FutureExt;
    match AssertUnwindSafe(handler.on_startup(config)).catch_unwind().await {
        Ok(Ok(config)) => Ok(config),
        Ok(Err(error)) => Err(RunError::Startup(error.to_string())),
        Err(_) => Err(RunError::Startup("panicked".to_owned())),
    }
}
