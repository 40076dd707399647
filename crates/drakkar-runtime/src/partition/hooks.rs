//! Calling hooks: polled once where they stand, parked only when they have to wait, bounded in time, panics contained.

use std::{
    any::Any,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    task::{Context as Poller, Poll, Waker},
    time::Duration,
};

use drakkar_core::{
    context::panic_text,
    error::HookError,
    handler::Handler,
    ids::{PartitionId, Seq, TaskKey, WindowId},
    message::{Message, Unparsed, Window},
    outcome::{
        DeliveryAction, DeliveryFailure, ErrorAction, MessageGroup, TaskFailure, TaskResult, WindowGroup,
    },
    payload::{EncodeError, Encoder, Payload, SinkOutputs},
    pending::Pending,
    pipeline::Owner,
    task::Task,
};
use futures_util::FutureExt;
use tokio::time::{Sleep, sleep};
use tokio_util::sync::ReusableBoxFuture;

use super::Local;
use crate::crash_marker::MarkerSlot;

/// A hook call under way. Its box is used again for the next call of its kind.
pub(super) type HookCall = ReusableBoxFuture<'static, HookDone>;

/// A hook call that waits, noted in the crash marker until it ends.
pub(super) struct Parked {
    pub(super) call: HookCall,
    pub(super) _mark: MarkerSlot,
}

impl Future for Parked {
    type Output = HookDone;

    fn poll(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<HookDone> {
        Pin::new(&mut self.call).poll(poller)
    }
}

/// A hook call that ended.
pub(super) enum HookDone {
    Arranged { window: WindowId, result: Result<Vec<Task>, HookFailure> },
    Task { task: TaskKey, result: Result<Vec<Payload>, HookFailure> },
    Error { task: TaskKey, result: Result<ErrorAction, HookFailure> },
    Message { message: Seq, result: Result<Vec<Payload>, HookFailure> },
    Window { window: WindowId, result: Result<Vec<Payload>, HookFailure> },
    Delivery { owner: Owner, actions: Vec<(usize, Result<DeliveryAction, HookFailure>)> },
}

/// Why a hook call failed.
#[derive(Debug)]
pub(crate) struct HookFailure {
    pub(crate) error: String,
    pub(crate) panicked: bool,
}

impl HookFailure {
    pub(crate) fn panic(payload: &(dyn Any + Send)) -> Self {
        Self { error: format!("panicked: {}", panic_text(payload)), panicked: true }
    }
}

impl From<HookError> for HookFailure {
    fn from(error: HookError) -> Self {
        Self { error: error.to_string(), panicked: false }
    }
}

impl From<EncodeError> for HookFailure {
    fn from(error: EncodeError) -> Self {
        Self { error: drakkar_core::error::chain(&error).to_string(), panicked: false }
    }
}

/// Polls a call once. Most hooks never wait, so most calls end here, without a wake-up.
pub(super) fn poll_once(call: &mut HookCall) -> Option<HookDone> {
    match Pin::new(call).poll(&mut Poller::from_waker(Waker::noop())) {
        Poll::Ready(done) => Some(done),
        Poll::Pending => None,
    }
}

/// What `arrange` is called with.
pub(super) struct WindowInput<T> {
    pub(super) partition: PartitionId,
    pub(super) messages: Vec<Arc<Message<T>>>,
    pub(super) unparsed: Vec<Unparsed>,
    pub(super) pending: Pending,
    pub(super) age: Duration,
}

pub(super) async fn arrange<H: Handler>(
    shared: Arc<Local<H>>,
    window: WindowId,
    input: WindowInput<H::Input>,
) -> HookDone {
    let call = async {
        let view = Window::new(input.partition, &input.messages)
            .with_unparsed(&input.unparsed)
            .with_pending(&input.pending)
            .with_age(input.age);
        shared.handler.arrange(view, &shared.ctx).await.map_err(Into::into)
    };
    HookDone::Arranged { window, result: contain(shared.hook_timeout, call).await }
}

pub(super) async fn task_complete<H: Handler>(
    shared: Arc<Local<H>>,
    task: TaskKey,
    done: Arc<TaskResult>,
) -> HookDone {
    let call = async {
        encode(shared.handler.on_task_complete(&done, &shared.ctx).await.map_err(HookFailure::from)?)
    };
    HookDone::Task { task, result: contain(shared.hook_timeout, call).await }
}

pub(super) async fn error<H: Handler>(
    shared: Arc<Local<H>>,
    task: TaskKey,
    failure: Arc<TaskFailure>,
) -> HookDone {
    let call = async { Ok(shared.handler.on_error(&failure, &shared.ctx).await) };
    HookDone::Error { task, result: contain(shared.hook_timeout, call).await }
}

pub(super) async fn message_complete<H: Handler>(
    shared: Arc<Local<H>>,
    message: Seq,
    group: MessageGroup<H::Input>,
) -> HookDone {
    let call = async {
        encode(shared.handler.on_message_complete(&group, &shared.ctx).await.map_err(HookFailure::from)?)
    };
    HookDone::Message { message, result: contain(shared.hook_timeout, call).await }
}

pub(super) async fn window_complete<H: Handler>(
    shared: Arc<Local<H>>,
    window: WindowId,
    group: WindowGroup<H::Input>,
) -> HookDone {
    let call = async {
        encode(shared.handler.on_window_complete(&group, &shared.ctx).await.map_err(HookFailure::from)?)
    };
    HookDone::Window { window, result: contain(shared.hook_timeout, call).await }
}

/// Asks what to do about each sink's failed outputs, one sink after the other.
pub(super) async fn delivery_error<H: Handler>(
    shared: Arc<Local<H>>,
    owner: Owner,
    failures: Vec<(usize, DeliveryFailure)>,
) -> HookDone {
    let mut actions = Vec::with_capacity(failures.len());
    for (sink, failure) in failures {
        let call = async { Ok(shared.handler.on_delivery_error(&failure, &shared.ctx).await) };
        actions.push((sink, contain(shared.hook_timeout, call).await));
    }
    HookDone::Delivery { owner, actions }
}

/// Runs a hook: a panic is a failure, and so is one that does not end in time.
pub(crate) async fn contain<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, HookFailure>>,
) -> Result<T, HookFailure> {
    let mut call = std::pin::pin!(AssertUnwindSafe(call).catch_unwind());
    let mut over: Option<Pin<Box<Sleep>>> = None;
    std::future::poll_fn(|poller| {
        if let Poll::Ready(result) = call.as_mut().poll(poller) {
            return Poll::Ready(result.unwrap_or_else(|panic| Err(HookFailure::panic(&*panic))));
        }
        if limit.is_zero() {
            return Poll::Pending;
        }
        // Only a hook that waits costs a timer.
        over.get_or_insert_with(|| Box::pin(sleep(limit))).as_mut().poll(poller).map(|()| {
            let seconds = limit.as_secs_f64();
            let error = format!("did not end within {seconds} s (executor.hook_timeout_seconds)");
            Err(HookFailure { error, panicked: false })
        })
    })
    .await
}

fn encode<O: SinkOutputs>(outputs: O) -> Result<Vec<Payload>, HookFailure> {
    let mut encoder = Encoder::default();
    outputs.encode(&mut encoder)?;
    Ok(encoder.take())
}
