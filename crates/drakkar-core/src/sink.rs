//! The contract of a sink: connect, deliver a batch with a verdict for each payload, close.

use std::{fmt, sync::Arc, time::Duration};

use crate::{
    BoxFuture,
    error::Class,
    payload::{Payload, SinkKind},
};

/// A destination of outputs.
///
/// Sinks implement only the transport. Batching, retries, time limits, dead letters and accounting belong to the
/// delivery worker that drives them.
pub trait Sink: Send + Sync {
    /// The type, for logs and dead letters.
    fn kind(&self) -> SinkKind;

    /// The batch sizes that suit this type when the configuration names none.
    fn batching(&self) -> Batching;

    /// Connects and makes sure that the destination can really be reached. Called once, before the first delivery.
    fn connect(&self) -> BoxFuture<'_, Result<(), Failure>>;

    /// Delivers a batch and answers each payload with its own verdict, in order.
    ///
    /// Called several times at once where [`Batching::concurrency`] is above one. Must answer `Delivered` only for what
    /// the destination acknowledged.
    fn deliver<'a>(&'a self, batch: &'a [Payload]) -> BoxFuture<'a, Vec<Verdict>>;

    /// Flushes and closes. Called once, after the last delivery.
    fn close(&self) -> BoxFuture<'_, Result<(), Failure>>;
}

/// What became of one payload.
#[derive(Clone, Debug)]
#[must_use]
pub enum Verdict {
    /// The destination acknowledged it.
    Delivered,
    /// It was not delivered, or nobody can tell.
    Failed(Failure),
}

impl Verdict {
    /// Whether the payload was delivered.
    pub fn is_delivered(&self) -> bool {
        matches!(self, Verdict::Delivered)
    }
}

/// Why a sink could not do what was asked. Cheap to clone, free of secrets.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Whether trying again can help.
    pub class: Class,
    /// What was being done and what went wrong, causes included.
    pub message: Arc<str>,
    /// How long the destination asked us to wait.
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// A failure of this class.
    pub fn new(class: Class, message: impl Into<Arc<str>>) -> Self {
        Self { class, message: message.into(), retry_after: None }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// How payloads are put together before a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batching {
    /// Most payloads of one delivery.
    pub max_items: usize,
    /// Most bytes of one delivery; a single larger payload still goes, alone.
    pub max_bytes: usize,
    /// How long an incomplete batch may wait for more.
    pub linger: Duration,
    /// Deliveries under way at once.
    pub concurrency: usize,
}
