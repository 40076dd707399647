//! A sink that remembers what it got.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use drakkar_core::{
    BoxFuture,
    payload::{Payload, SinkKind},
    sink::{Batching, Failure, Sink, Verdict},
};

type Judge = dyn Fn(&Payload) -> Verdict + Send + Sync;

/// Keeps every payload it acknowledged. Cheap to clone: clones share their memory.
#[derive(Clone)]
pub struct MemorySink {
    kind: SinkKind,
    delivered: Arc<Mutex<Vec<Payload>>>,
    judge: Arc<Judge>,
}

impl MemorySink {
    /// A sink that acknowledges everything.
    pub fn new(kind: SinkKind) -> Self {
        Self::with_judge(kind, |_| Verdict::Delivered)
    }

    /// A sink that asks this closure for the verdict of each payload.
    pub fn with_judge(kind: SinkKind, judge: impl Fn(&Payload) -> Verdict + Send + Sync + 'static) -> Self {
        Self { kind, delivered: Arc::default(), judge: Arc::new(judge) }
    }

    /// What was acknowledged so far, in order.
    pub fn delivered(&self) -> Vec<Payload> {
        self.delivered.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Sink for MemorySink {
    fn kind(&self) -> SinkKind {
        self.kind
    }

    fn batching(&self) -> Batching {
        Batching { max_items: 1000, max_bytes: 1 << 20, linger: Duration::ZERO, concurrency: 1 }
    }

    fn connect(&self) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async { Ok(()) })
    }

    fn deliver<'a>(&'a self, batch: &'a [Payload]) -> BoxFuture<'a, Vec<Verdict>> {
        Box::pin(async move {
            let mut delivered = self.delivered.lock().unwrap_or_else(PoisonError::into_inner);
            let verdicts: Vec<_> = batch.iter().map(|p| (self.judge)(p)).collect();
            delivered.extend(
                batch.iter().zip(&verdicts).filter(|(_, v)| v.is_delivered()).map(|(p, _)| p.clone()),
            );
            verdicts
        })
    }

    fn close(&self) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async { Ok(()) })
    }
}

impl fmt::Debug for MemorySink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemorySink").field("kind", &self.kind).finish_non_exhaustive()
    }
}
