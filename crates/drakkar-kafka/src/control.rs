//! The side of the source that others hold.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};

use drakkar_core::source::SourceControl;

/// What the thread was asked to do. It looks at least every tenth of a second.
#[derive(Debug, Default)]
pub(crate) struct Control {
    subscribe: AtomicBool,
    stop_intake: AtomicBool,
    close: AtomicBool,
}

impl Control {
    /// Whether to subscribe; true once.
    pub(crate) fn take_subscribe(&self) -> bool {
        self.subscribe.swap(false, Ordering::AcqRel)
    }

    pub(crate) fn intake_stopped(&self) -> bool {
        self.stop_intake.load(Ordering::Acquire) || self.closing()
    }

    pub(crate) fn closing(&self) -> bool {
        self.close.load(Ordering::Acquire)
    }
}

/// Owns the thread. Dropped, it asks the thread to close.
#[derive(Debug)]
pub(crate) struct Handle {
    control: Arc<Control>,
    thread: Option<JoinHandle<()>>,
}

impl Handle {
    pub(crate) fn new(control: Arc<Control>, thread: JoinHandle<()>) -> Self {
        Self { control, thread: Some(thread) }
    }
}

impl SourceControl for Handle {
    fn subscribe(&self) {
        self.control.subscribe.store(true, Ordering::Release);
    }

    fn stop_intake(&self) {
        self.control.stop_intake.store(true, Ordering::Release);
    }

    fn close(&self) {
        self.control.close.store(true, Ordering::Release);
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.control.close.store(true, Ordering::Release);
        // Its last event says when it ended. Waiting here would block a thread of the runtime until its deadlines pass.
        if let Some(thread) = self.thread.take_if(|t| t.is_finished())
            && thread.join().is_err()
        {
            tracing::error!(category = "kafka", "the consumer thread panicked");
        }
    }
}
