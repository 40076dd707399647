//! Calling hooks: polled once where they stand, parked only when they have to wait, panics contained.

use std::{
    any::Any,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    task::{Context as Poller, Poll, Waker},
};

use drakkar_core::{
    error::HookError,
    handler::Handler,
    ids::{Seq, TaskKey, WindowId},
    message::{Message, Window},
    outcome::{ErrorAction, MessageGroup, TaskFailure, TaskResult},
    payload::{EncodeError, Encoder, Payload, SinkOutputs},
    task::Task,
};
use futures_util::FutureExt;

use super::Shared;

/// A hook call under way.
pub(super) type HookCall = Pin<Box<dyn Future<Output = HookDone> + Send>>;

/// A hook call that ended.
pub(super) enum HookDone {
    Arranged { window: WindowId, result: Result<Vec<Task>, HookFailure> },
    Task { task: TaskKey, result: Result<Vec<Payload>, HookFailure> },
    Error { task: TaskKey, result: Result<ErrorAction, HookFailure> },
    Message { message: Seq, result: Result<Vec<Payload>, HookFailure> },
}

/// Why a hook call failed.
pub(super) struct HookFailure {
    pub(super) error: String,
    pub(super) panicked: bool,
}

impl HookFailure {
    pub(super) fn panic(payload: &(dyn Any + Send)) -> Self {
        let text = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("(no message)");
        Self { error: format!("panicked: {text}"), panicked: true }
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
pub(super) fn poll_once(mut call: HookCall) -> Result<HookDone, HookCall> {
    match call.as_mut().poll(&mut Poller::from_waker(Waker::noop())) {
        Poll::Ready(done) => Ok(done),
        Poll::Pending => Err(call),
    }
}

pub(super) fn arrange<H: Handler>(
    shared: Arc<Shared<H>>,
    window: WindowId,
    partition: drakkar_core::ids::PartitionId,
    messages: Vec<Arc<Message<H::Input>>>,
) -> HookCall {
    Box::pin(async move {
        let call = async {
            shared.handler.arrange(Window::new(partition, &messages), &shared.ctx).await.map_err(Into::into)
        };
        HookDone::Arranged { window, result: contain(call).await }
    })
}

pub(super) fn task_complete<H: Handler>(
    shared: Arc<Shared<H>>,
    task: TaskKey,
    done: Arc<TaskResult>,
) -> HookCall {
    Box::pin(async move {
        let call = async {
            encode(shared.handler.on_task_complete(&done, &shared.ctx).await.map_err(HookFailure::from)?)
        };
        HookDone::Task { task, result: contain(call).await }
    })
}

pub(super) fn error<H: Handler>(
    shared: Arc<Shared<H>>,
    task: TaskKey,
    failure: Arc<TaskFailure>,
) -> HookCall {
    Box::pin(async move {
        let call = async { Ok(shared.handler.on_error(&failure, &shared.ctx).await) };
        HookDone::Error { task, result: contain(call).await }
    })
}

pub(super) fn message_complete<H: Handler>(
    shared: Arc<Shared<H>>,
    message: Seq,
    group: MessageGroup<H::Input>,
) -> HookCall {
    Box::pin(async move {
        let call = async {
            encode(shared.handler.on_message_complete(&group, &shared.ctx).await.map_err(HookFailure::from)?)
        };
        HookDone::Message { message, result: contain(call).await }
    })
}

async fn contain<T>(call: impl Future<Output = Result<T, HookFailure>>) -> Result<T, HookFailure> {
    match AssertUnwindSafe(call).catch_unwind().await {
        Ok(result) => result,
        Err(payload) => Err(HookFailure::panic(&*payload)),
    }
}

fn encode<O: SinkOutputs>(outputs: O) -> Result<Vec<Payload>, HookFailure> {
    let mut encoder = Encoder::default();
    outputs.encode(&mut encoder)?;
    Ok(encoder.take())
}
