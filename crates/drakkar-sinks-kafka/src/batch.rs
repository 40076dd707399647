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
    done: Option<oneshot::Sender<()>>,
}

/// The place of one record in its batch. Dropped without a verdict, it counts as failed.
#[derive(Debug)]
pub(crate) struct Ticket {
    batch: Arc<Batch>,
    index: usize,
    settled: bool,
}

impl Batch {
    /// A batch of this many records, and what says that each of them has its verdict.
    pub(crate) fn new(size: usize) -> (Arc<Self>, oneshot::Receiver<()>) {
        let (tx, rx) = oneshot::channel();
        let state = State { verdicts: vec![None; size], left: size, done: Some(tx) };
        (Arc::new(Self(Mutex::new(state))), rx)
    }

    pub(crate) fn ticket(self: &Arc<Self>, index: usize) -> Box<Ticket> {
        Box::new(Ticket { batch: self.clone(), index, settled: false })
    }

    /// One verdict per record, in order. A record without one counts as failed: nobody can tell what became of it.
    pub(crate) fn finish(&self) -> Vec<Verdict> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.done = None;
        let verdicts = std::mem::take(&mut state.verdicts);
        verdicts.into_iter().map(|verdict| verdict.unwrap_or_else(unreported)).collect()
    }

    fn settle(&self, index: usize, verdict: Verdict) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A batch that was finished without this record has no place for it any more.
        let Some(place) = state.verdicts.get_mut(index) else { return };
        if place.replace(verdict).is_none() {
            state.left -= 1;
        }
        if state.left == 0
            && let Some(done) = state.done.take()
        {
            // A delivery that was cut off does not listen any more: its payloads count as failed there.
            done.send(()).unwrap_or_default();
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
            self.batch.settle(self.index, unreported());
        }
    }
}

fn unreported() -> Verdict {
    Verdict::Failed(Failure::new(Class::Transient, "the record was dropped without a delivery report"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivered(batch: &Batch) -> Vec<bool> {
        batch.finish().iter().map(Verdict::is_delivered).collect()
    }

    #[test]
    fn verdicts_keep_their_order_whatever_the_order_of_the_reports() {
        let (batch, mut done) = Batch::new(3);
        let mut tickets: Vec<_> = (0..3).map(|i| batch.ticket(i)).collect();
        drop(tickets.remove(1));
        tickets.remove(1).settle(Verdict::Delivered);
        assert!(done.try_recv().is_err());
        tickets.remove(0).settle(Verdict::Delivered);
        done.try_recv().unwrap();
        assert_eq!(delivered(&batch), [true, false, true]);
    }

    #[test]
    fn a_record_whose_report_never_comes_counts_as_failed() {
        let (batch, _done) = Batch::new(2);
        let late = batch.ticket(0);
        batch.ticket(1).settle(Verdict::Delivered);
        assert_eq!(delivered(&batch), [false, true]);
        late.settle(Verdict::Delivered);
    }
}
