//! Signals: the first one asks for an orderly stop, the second one ends the worker.

use std::{io, process, time::Duration};

use drakkar_runtime::{Exit, StopHandle};
use tokio::{
    signal::unix::{SignalKind, signal},
    task::JoinHandle,
};

/// Time a worker gets to kill its children after the second signal.
const FORCED_EXIT: Duration = Duration::from_secs(2);

/// Listens for SIGTERM and SIGINT from now on. The task ends with the process or when it is aborted.
pub(crate) fn listen(stop: StopHandle) -> io::Result<JoinHandle<()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(tokio::spawn(async move {
        let mut signals = 0;
        loop {
            let reason = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            signals += 1;
            stop.stop(reason);
            if signals == 2 {
                tracing::warn!(category = "lifecycle", reason, "second signal: ending now");
                tokio::time::sleep(FORCED_EXIT).await;
                process::exit(i32::from(Exit::Forced.code()));
            }
        }
    }))
}
