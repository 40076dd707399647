//! What hooks may know of the worker they run in.

use std::sync::Arc;

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
}

impl Context {
    /// A context of the worker with this name.
    pub fn new(worker: impl Into<String>, cluster: impl Into<String>, config: Config) -> Self {
        Self(Arc::new(Inner { worker: worker.into(), cluster: cluster.into(), config }))
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
}
