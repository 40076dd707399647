//! Dropping a consumer, which can block for minutes when the brokers are away.

use std::{thread, time::Duration};

use rdkafka::consumer::BaseConsumer;

use crate::{context::Context, open::answer};

/// Drops a consumer on a thread of its own and waits for it, up to a limit. Returns whether it ended in time.
///
/// Past the limit the thread is left behind: it ends with the process. That is the one thread nobody joins.
pub(crate) fn drop_within(consumer: BaseConsumer<Context>, limit: Duration) -> bool {
    let (tx, rx) = answer();
    let spawned = thread::Builder::new().name("drakkar-kafka-close".to_owned()).spawn(move || {
        drop(consumer);
        tx.send(()).unwrap_or_default();
    });
    spawned.is_ok() && rx.recv_timeout(limit).is_ok()
}
