//! The side of the source that others hold.

use std::sync::atomic::{AtomicBool, Ordering};

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

impl SourceControl for Control {
    fn subscribe(&self) {
        self.subscribe.store(true, Ordering::Release);
    }

    fn stop_intake(&self) {
        self.stop_intake.store(true, Ordering::Release);
    }

    fn close(&self) {
        self.close.store(true, Ordering::Release);
    }
}
