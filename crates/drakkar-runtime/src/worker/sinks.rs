//! The sinks of a worker: connected together, driven by one delivery task each, closed together.

use std::{sync::Arc, time::Duration};

use drakkar_core::{
    bytes_in_hand::ByteLedger,
    error::Class,
    event::{Event, Events},
    sink::Failure,
};
use futures_util::future::join_all;
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, timeout, timeout_at},
};

use crate::{
    delivery::{Delivery, DeliverySettings},
    error::RunError,
    partition::SinkChannels,
    routes::NamedSink,
    settings::Settings,
    status::Status,
};

/// Parcels that may wait for a delivery task.
const PARCELS: usize = 8;

/// Reaches every sink, all at the same time. When one fails, those that were reached are closed again.
pub(super) async fn connect(sinks: &[NamedSink], limit: Duration, events: &Events) -> Result<(), RunError> {
    // A sink bounds its own connection; this bound is for one that does not.
    let limit = limit + Duration::from_secs(2);
    let results = join_all(sinks.iter().map(|s| timeout(limit, s.sink.connect()))).await;
    let mut first_error = None;
    for (sink, result) in sinks.iter().zip(&results) {
        let kind = sink.sink.kind();
        let failure = match result {
            Ok(Ok(())) => {
                events.emit(&Event::SinkConnected { kind, name: sink.name.clone() });
                continue;
            }
            Ok(Err(failure)) => failure.clone(),
            Err(_) => {
                Failure::new(Class::Transient, format!("no answer within {:.1} s", limit.as_secs_f64()))
            }
        };
        first_error.get_or_insert(RunError::Sink {
            kind: kind.as_str(),
            name: sink.name.to_string(),
            message: failure.message.to_string(),
            class: failure.class,
        });
    }
    let Some(error) = first_error else { return Ok(()) };
    let reached = sinks.iter().zip(&results).filter(|(_, r)| matches!(r, Ok(Ok(()))));
    for (sink, _) in reached {
        close_one(sink, Instant::now() + limit).await;
    }
    Err(error)
}

async fn close_one(sink: &NamedSink, deadline: Instant) {
    let kind = sink.sink.kind();
    match timeout_at(deadline, sink.sink.close()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::warn!(category = "sink", %kind, name = %sink.name, %error, "failed to close a sink")
        }
        Err(_) => tracing::warn!(category = "sink", %kind, name = %sink.name, "a sink did not close in time"),
    }
}

/// The delivery tasks of a worker.
pub(super) struct Deliveries {
    sinks: Vec<NamedSink>,
    channels: SinkChannels,
    tasks: JoinSet<()>,
}

impl Deliveries {
    /// Starts one task per sink; the last sink is the dead letter topic.
    pub(super) fn start(
        sinks: Vec<NamedSink>,
        settings: &Settings,
        bytes: &Arc<ByteLedger>,
        events: &Events,
        status: &Arc<Status>,
    ) -> Self {
        let mut tasks = JoinSet::new();
        let last = sinks.len() - 1;
        let channels: Vec<_> = sinks
            .iter()
            .enumerate()
            .map(|(index, sink)| {
                let (tx, parcels) = mpsc::channel(PARCELS);
                let dead_letters = index == last;
                let stalls = dead_letters && !settings.drop_dead_letters;
                let delivery = Delivery {
                    sink: sink.clone(),
                    settings: DeliverySettings {
                        index,
                        retry: (!stalls).then_some(settings.delivery),
                        backoff: settings.delivery,
                        drop_failed: dead_letters && settings.drop_dead_letters,
                    },
                    parcels,
                    bytes: bytes.clone(),
                    events: events.clone(),
                    status: stalls.then(|| status.clone()),
                };
                tasks.spawn(delivery.run());
                tx
            })
            .collect();
        Self { sinks, channels: channels.into(), tasks }
    }

    pub(super) fn channels(&self) -> SinkChannels {
        self.channels.clone()
    }

    /// Lets the tasks finish what they hold, then closes the sinks; both until the deadline.
    pub(super) async fn close(self, deadline: Instant) {
        let Self { sinks, channels, mut tasks } = self;
        drop(channels);
        let finished = async { while tasks.join_next().await.is_some() {} };
        if timeout_at(deadline, finished).await.is_err() {
            tracing::warn!(
                category = "sink",
                left = tasks.len(),
                "deliveries were cut off at the stop deadline"
            );
            tasks.shutdown().await;
        }
        join_all(sinks.iter().map(|sink| close_one(sink, deadline))).await;
    }
}
