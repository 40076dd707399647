//! One delivery task per sink instance: it batches, retries by class, and answers each payload with its own verdict.

use std::{collections::VecDeque, sync::Arc};

use drakkar_core::{
    bytes_in_hand::ByteLedger,
    error::Class,
    event::{Event, Events},
    payload::Payload,
    retry::{Jitter, RetryPolicy},
    sink::{Batching, Failure, Sink, Verdict},
};
use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until, timeout},
};

use crate::{
    port::{Answer, FailedPayload, Port, Tag},
    routes::NamedSink,
    status::{NotReady, Status},
};

/// Payloads of one partition for one sink.
#[derive(Debug)]
pub(crate) struct Parcel {
    pub(crate) port: Arc<Port>,
    pub(crate) items: Vec<(Tag, Payload)>,
}

/// The rules of one delivery task.
#[derive(Clone, Debug)]
pub(crate) struct DeliverySettings {
    /// The sink's index, for answers.
    pub(crate) index: usize,
    /// Bounds of retries; `None` tries for ever, which is how a dead letter stalls its partition.
    pub(crate) retry: Option<RetryPolicy>,
    /// Waits between attempts where `retry` is `None`.
    pub(crate) backoff: RetryPolicy,
    /// Failures answered as delivered after the bounds: the `drop` policy of dead letters.
    pub(crate) drop_failed: bool,
}

/// A batch on its way: payloads and, in the same order, where they came from.
#[derive(Debug, Default)]
struct Batch {
    payloads: Vec<Payload>,
    tags: Vec<Tag>,
    /// The partitions of the payloads, and how many in a row are of each.
    ports: Vec<(Arc<Port>, usize)>,
    bytes: usize,
    attempts: u32,
    first_failure: Option<Instant>,
}

impl Batch {
    fn push(&mut self, port: &Arc<Port>, tag: Tag, payload: Payload) {
        self.bytes += payload.size();
        self.payloads.push(payload);
        self.tags.push(tag);
        match self.ports.last_mut() {
            Some((last, count)) if Arc::ptr_eq(last, port) => *count += 1,
            _ => self.ports.push((port.clone(), 1)),
        }
    }

    fn len(&self) -> usize {
        self.payloads.len()
    }
}

/// What is left of a parcel.
type Items = std::vec::IntoIter<(Tag, Payload)>;

/// Payloads that wait for their batch.
#[derive(Debug, Default)]
struct Queue {
    parcels: VecDeque<(Arc<Port>, Items)>,
    len: usize,
    bytes: usize,
}

impl Queue {
    fn push(&mut self, parcel: Parcel) {
        self.len += parcel.items.len();
        self.bytes += parcel.items.iter().map(|(_, payload)| payload.size()).sum::<usize>();
        self.parcels.push_back((parcel.port, parcel.items.into_iter()));
    }

    fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Moves the next payload to the batch, unless it would exceed the limits. Payloads of a partition that is gone are
    /// discarded here, before the send, and their bytes returned.
    fn move_next(&mut self, batch: &mut Batch, limits: &Batching) -> Move {
        while let Some((port, items)) = self.parcels.front_mut() {
            let Some((_, next)) = items.as_slice().first() else {
                self.parcels.pop_front();
                continue;
            };
            let size = next.size();
            let full = batch.len() >= limits.max_items || batch.bytes + size > limits.max_bytes;
            let released = port.is_released();
            if full && batch.len() > 0 && !released {
                return Move::Full;
            }
            let Some((tag, payload)) = items.next() else { continue };
            self.len -= 1;
            self.bytes -= size;
            if released {
                return Move::Discarded(size);
            }
            batch.push(port, tag, payload);
            return Move::Moved;
        }
        Move::Full
    }
}

enum Move {
    Moved,
    Discarded(usize),
    Full,
}

/// Drives one sink until its channel closes and everything in hand has its verdict.
pub(crate) struct Delivery {
    pub(crate) sink: NamedSink,
    pub(crate) settings: DeliverySettings,
    pub(crate) parcels: mpsc::Receiver<Parcel>,
    pub(crate) bytes: Arc<ByteLedger>,
    pub(crate) events: Events,
    /// Told when dead letters stall, and when they do not any more.
    pub(crate) status: Option<Arc<Status>>,
}

impl Delivery {
    /// Runs until the channel closes.
    ///
    /// Batches that failed wait here for their next attempt, before any new batch starts: order within the sink is kept
    /// as far as its concurrency allows.
    pub(crate) async fn run(mut self) {
        let mut queue = Queue::default();
        let mut oldest: Option<Instant> = None;
        let mut retries: VecDeque<(Instant, Batch)> = VecDeque::new();
        let mut running = FuturesUnordered::new();
        let mut jitter = Jitter::new(self.settings.index as u64 ^ 0x5eed);
        let mut open = true;
        let limits = self.sink.batching;
        loop {
            let now = Instant::now();
            while running.len() < limits.concurrency {
                if let Some((at, _)) = retries.front() {
                    if *at > now {
                        break;
                    }
                    if let Some((_, batch)) = retries.pop_front() {
                        running.push(self.attempt(batch));
                    }
                    continue;
                }
                let full = queue.len >= limits.max_items || queue.bytes >= limits.max_bytes;
                let waited = oldest.is_some_and(|t| now >= t + limits.linger);
                // Nothing is under way and nothing else can come: a wait would only cost time.
                if queue.is_empty() || !(full || waited || !open) {
                    break;
                }
                let batch = self.take_batch(&mut queue);
                oldest = (!queue.is_empty()).then_some(now);
                if batch.len() > 0 {
                    running.push(self.attempt(batch));
                }
            }
            if !open && queue.is_empty() && retries.is_empty() && running.is_empty() {
                return;
            }
            let wake = match (retries.front(), oldest) {
                (Some((at, _)), _) => Some(*at),
                (None, Some(since)) => Some(since + limits.linger),
                (None, None) => None,
            };
            let can_start = running.len() < limits.concurrency;
            // What waits is bounded by two full batches; past that the channel fills and the partitions hold back.
            let room = open && queue.len < 2 * limits.max_items && queue.bytes < 2 * limits.max_bytes;
            tokio::select! {
                Some((batch, verdicts)) = running.next(), if !running.is_empty() => {
                    if let Some((at, batch)) = self.judge(batch, verdicts, &mut jitter).await {
                        retries.push_back((at, batch));
                    }
                }
                parcel = self.parcels.recv(), if room => match parcel {
                    None => open = false,
                    Some(parcel) => {
                        oldest.get_or_insert_with(Instant::now);
                        queue.push(parcel);
                    }
                },
                () = sleep_until(wake.unwrap_or(now)), if wake.is_some() && can_start => {}
            }
        }
    }

    /// Takes the next batch off the queue.
    fn take_batch(&self, queue: &mut Queue) -> Batch {
        let mut batch = Batch::default();
        let mut discarded = 0;
        loop {
            match queue.move_next(&mut batch, &self.sink.batching) {
                Move::Moved => {}
                Move::Discarded(bytes) => discarded += bytes,
                Move::Full => break,
            }
        }
        self.bytes.give(discarded);
        batch
    }

    fn attempt(&self, batch: Batch) -> impl Future<Output = (Batch, Vec<Verdict>)> + use<> {
        let sink: Arc<dyn Sink> = self.sink.sink.clone();
        let limit = self.sink.attempt_timeout;
        async move {
            // A panic or a missing verdict counts as a failure, never as done.
            let delivery = std::panic::AssertUnwindSafe(sink.deliver(&batch.payloads)).catch_unwind();
            let mut verdicts = match timeout(limit, delivery).await {
                Ok(Ok(verdicts)) => verdicts,
                Ok(Err(_)) => all_failed(batch.len(), Class::Permanent, "the sink panicked"),
                Err(_) => {
                    let text = format!("no verdict within {:.1} s", limit.as_secs_f64());
                    all_failed(batch.len(), Class::Transient, &text)
                }
            };
            let missing = || Verdict::Failed(Failure::new(Class::Transient, "the sink gave no verdict"));
            verdicts.resize_with(batch.payloads.len(), missing);
            (batch, verdicts)
        }
    }

    /// Answers what has its final verdict and returns the rest with the moment of its next attempt.
    async fn judge(
        &self,
        batch: Batch,
        verdicts: Vec<Verdict>,
        jitter: &mut Jitter,
    ) -> Option<(Instant, Batch)> {
        let attempts = batch.attempts + 1;
        let now = Instant::now();
        let first_failure = batch.first_failure.unwrap_or(now);
        let random = jitter.draw();
        let next = match self.settings.retry {
            Some(policy) => policy.next(attempts, now - first_failure, random),
            None => Some(self.settings.backoff.backoff(attempts, random)),
        };
        let mut answers = Answers::default();
        let mut again = Batch { attempts, first_failure: Some(first_failure), ..Batch::default() };
        let mut wait = next.unwrap_or_default();
        let mut reason: Option<Failure> = None;
        let ports = batch.ports.iter().flat_map(|(port, count)| std::iter::repeat_n(port, *count));
        let mut given = 0;
        for (((payload, tag), port), verdict) in
            batch.payloads.into_iter().zip(batch.tags).zip(ports).zip(verdicts)
        {
            match verdict {
                Verdict::Delivered => {
                    given += payload.size();
                    answers.push(port, Answer { tag, failed: None });
                }
                Verdict::Failed(failure) => {
                    let retry = next.is_some()
                        && (failure.class == Class::Transient || self.settings.retry.is_none());
                    wait = wait.max(failure.retry_after.unwrap_or_default());
                    if retry && !port.is_released() {
                        reason.get_or_insert(failure);
                        again.push(port, tag, payload);
                        continue;
                    }
                    given += payload.size();
                    let failed = if self.settings.drop_failed {
                        tracing::error!(
                            category = "sink", sink = %self.sink.name, error = %failure, assignment = %port.assignment,
                            "dead letter dropped by policy `dlq.on_send_failure: drop`"
                        );
                        None
                    } else {
                        let sink = self.settings.index;
                        Some(Box::new(FailedPayload { payload, failure, attempts, sink }))
                    };
                    answers.push(port, Answer { tag, failed });
                }
            }
        }
        self.bytes.give(given);
        answers.send().await;
        if let Some(status) = &self.status {
            status.set(NotReady::DeadLettersStalled, reason.is_some());
        }
        let reason = reason?;
        self.events.emit(&match self.settings.retry {
            None => {
                Event::DeadLettersStalled { letters: again.len(), attempt: attempts, error: reason.message }
            }
            Some(_) => Event::DeliveryRetried {
                kind: self.sink.sink.kind(),
                name: self.sink.name.clone(),
                payloads: again.len(),
                attempt: attempts,
                error: reason.message,
                class: reason.class,
            },
        });
        Some((now + wait, again))
    }
}

fn all_failed(count: usize, class: Class, text: &str) -> Vec<Verdict> {
    vec![Verdict::Failed(Failure::new(class, text)); count]
}

/// Answers, put together per partition.
#[derive(Default)]
struct Answers(Vec<(Arc<Port>, Vec<Answer>)>);

impl Answers {
    fn push(&mut self, port: &Arc<Port>, answer: Answer) {
        // Payloads of one partition mostly come in a row.
        match self.0.iter_mut().rev().find(|(p, _)| Arc::ptr_eq(p, port)) {
            Some((_, answers)) => answers.push(answer),
            None => self.0.push((port.clone(), vec![answer])),
        }
    }

    async fn send(self) {
        for (port, answers) in self.0 {
            port.answer(answers).await;
        }
    }
}
