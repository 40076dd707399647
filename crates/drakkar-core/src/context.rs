//! What hooks may know of the worker they run in, and what it does for them.

use std::{fmt, panic::AssertUnwindSafe, sync::Arc};

use serde::de::DeserializeOwned;

use crate::config::Config;

/// What a hook may ask for with `ctx: &Context`. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Context(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    worker: String,
    cluster: String,
    config: Config,
    helper: Box<dyn Helper>,
    /// Closed when the worker has drained and ends. Nothing is ever sent.
    stopping: async_channel::Receiver<()>,
    stop: async_channel::Sender<()>,
}

/// Runs work off the loop: a pool of threads, or the caller's own in tests.
pub trait Helper: fmt::Debug + Send + Sync {
    /// Runs `work` soon, without making the caller wait.
    fn run(&self, work: Box<dyn FnOnce() + Send>);
}

/// Runs work at once, where it is asked for.
#[derive(Debug)]
struct Inline;

impl Helper for Inline {
    fn run(&self, work: Box<dyn FnOnce() + Send>) {
        work();
    }
}

/// Work given to [`Context::offload`] that did not come back.
#[derive(Debug, thiserror::Error)]
pub enum OffloadError {
    /// It panicked.
    #[error("the offloaded work panicked: {0}")]
    Panicked(String),
    /// The worker ended before it was run.
    #[error("the offloaded work was not run: the worker ends")]
    NotRun,
}

impl Context {
    /// A context of the worker with this name. What is offloaded runs where it is asked for.
    pub fn new(worker: impl Into<String>, cluster: impl Into<String>, config: Config) -> Self {
        Self::with_helper(worker, cluster, config, Box::new(Inline))
    }

    /// A context of the worker with this name.
    pub fn with_helper(
        worker: impl Into<String>,
        cluster: impl Into<String>,
        config: Config,
        helper: Box<dyn Helper>,
    ) -> Self {
        let (stop, stopping) = async_channel::bounded(1);
        let (worker, cluster) = (worker.into(), cluster.into());
        Self(Arc::new(Inner { worker, cluster, config, helper, stopping, stop }))
    }

    /// The worker's name.
    pub fn worker(&self) -> &str {
        &self.0.worker
    }

    /// The cluster's name; empty when none is set.
    pub fn cluster(&self) -> &str {
        &self.0.cluster
    }

    /// The configuration in use.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// The `app` section of the configuration as a type of yours.
    ///
    /// # Errors
    /// When the section does not fit the type; the message names the field.
    pub fn app<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        T::deserialize(&self.0.config.app)
    }

    /// Computes on another thread, so that this partition's loop and its neighbours go on meanwhile.
    ///
    /// A hook that only waits needs no such thing. One that computes for more than about a millisecond should hand the
    /// computation over: it cannot be interrupted, not even by the hook's time limit.
    ///
    /// # Errors
    /// When the work panics, or the worker ends before it was run.
    ///
    /// ```
    /// # use drakkar_core::{config::Config, context::Context, error::HookResult};
    /// async fn hook(ctx: &Context, data: Vec<u64>) -> HookResult<u64> {
    ///     Ok(ctx.offload(move || data.iter().sum()).await?)
    /// }
    /// ```
    pub async fn offload<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, OffloadError> {
        let (tx, rx) = async_channel::bounded(1);
        self.0.helper.run(Box::new(move || {
            let done = std::panic::catch_unwind(AssertUnwindSafe(work));
            // Nobody may wait any more: then the hook's time was over.
            tx.try_send(done.map_err(|panic| panic_text(&*panic))).unwrap_or_default();
        }));
        match rx.recv().await {
            Ok(done) => done.map_err(OffloadError::Panicked),
            Err(_) => Err(OffloadError::NotRun),
        }
    }

    /// Waits until the worker has finished its messages and ends: the moment for a service to end too.
    pub async fn stopping(&self) {
        // Nothing is ever sent: an answer means that the channel was closed.
        self.0.stopping.recv().await.unwrap_or_default();
    }

    /// Whether the worker has finished its messages and ends.
    pub fn is_stopping(&self) -> bool {
        self.0.stopping.is_closed()
    }

    /// Ends [`Context::stopping`]. Called by the runtime.
    pub fn stop(&self) {
        self.0.stop.close();
    }
}

/// What a panic said.
pub fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("(no message)").to_owned()
}
