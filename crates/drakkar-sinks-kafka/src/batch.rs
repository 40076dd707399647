//! The verdicts of one batch, collected by index while delivery reports arrive.

use std::sync::{Arc, Mutex, PoisonError};

use drakkar_core::{
    error::Class,
    sink::{Failure, Verdict},
};
use tokio::sync::oneshot;

/// A batch under way.
#[derive(Debug)]
pub(crate) struct Batch(Mutex<State>);

#[derive(Debug)]
struct State {
    verdicts: Vec<Option<Verdict>>,
    left: usize,
    done: Option<oneshot::Sender<Vec<Verdict>>>,
}

/// The place of one record in its batch. Dropped without a verdict, it counts as failed.
#[derive(Debug)]
pub(crate) struct Ticket {
    batch: Arc<Batch>,
    index: usize,
    settled: bool,
}

impl Batch {
    /// A batch of this many records, and where its verdicts will arrive.
    pub(crate) fn new(size: usize) -> (Arc<Self>, oneshot::Receiver<Vec<Verdict>>) {
        let (tx, rx) = oneshot::channel();
        let state = State { verdicts: vec![None; size], left: size, done: Some(tx) };
        (Arc::new(Self(Mutex::new(state))), rx)
    }

    pub(crate) fn ticket(self: &Arc<Self>, index: usize) -> Box<Ticket> {
        Box::new(Ticket { batch: self.clone(), index, settled: false })
    }

    fn settle(&self, index: usize, verdict: Verdict) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.verdicts[index].replace(verdict).is_none() {
            state.left -= 1;
        }
        if state.left == 0
            && let Some(done) = state.done.take()
        {
            let verdicts = std::mem::take(&mut state.verdicts).into_iter().flatten().collect();
            // A delivery that was cut off does not listen any more: its payloads count as failed there.
            done.send(verdicts).unwrap_or_default();
        }
    }
}

impl Ticket {
    pub(crate) fn settle(mut self, verdict: Verdict) {
        self.settled = true;
        self.batch.settle(self.index, verdict);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.settled {
            let failure = Failure::new(Class::Transient, "the record was dropped without a delivery report");
            self.batch.settle(self.index, Verdict::Failed(failure));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_keep_their_order_whatever_the_order_of_the_reports() {
        let (batch, mut done) = Batch::new(3);
        let mut tickets: Vec<_> = (0..3).map(|i| batch.ticket(i)).collect();
        drop(tickets.remove(1));
        tickets.remove(1).settle(Verdict::Delivered);
        assert!(done.try_recv().is_err());
        tickets.remove(0).settle(Verdict::Delivered);
        let delivered: Vec<_> = done.try_recv().unwrap().iter().map(Verdict::is_delivered).collect();
        assert_eq!(delivered, [true, false, true]);
    }
}
