//! Hooks of windows, deliveries and assignments, a codec of the handler's own, periodic methods and services.

use std::{sync::Mutex, time::Duration};

use drakkar::{
    __private::core::{
        handler::{DecodeError, Hooks, Periodic},
        payload::SinkKind,
    },
    prelude::{
        Bytes, Context, DeliveryAction, DeliveryFailure, Handler, PartitionId, Record, Result, SinkOutputs,
        Task, Window, WindowGroup,
    },
};

use super::support::{block_on, context, message};

#[derive(SinkOutputs, Default)]
struct Sizes {
    #[sink(kafka)]
    size: Option<usize>,
}

/// A number as a line of text: its type can be read from JSON in no way.
struct Line(u64);

/// Writes down each call.
#[derive(Default)]
struct Full(Mutex<Vec<String>>);

impl Full {
    fn note(&self, text: impl Into<String>) {
        self.0.lock().unwrap().push(text.into());
    }
}

#[drakkar::handler]
impl Full {
    async fn arrange(&self, _window: Window<'_, Line>) -> Result<Vec<Task>> {
        Ok(Vec::new())
    }

    fn deserialize_message(&self, record: &Record) -> Result<Line> {
        let value = record.value.as_deref().unwrap_or_default();
        Ok(Line(std::str::from_utf8(value)?.trim().parse()?))
    }

    async fn on_window_complete(&self, window: &WindowGroup<Line>, ctx: &Context) -> Result<Sizes> {
        self.note(format!("on_window_complete {}", ctx.worker()));
        Ok(Sizes { size: Some(window.messages.len()) })
    }

    async fn on_delivery_error(&self, failure: &DeliveryFailure) -> DeliveryAction {
        self.note(format!("on_delivery_error {}", failure.sink));
        DeliveryAction::Skip
    }

    fn task_priority(&self, task: &Task) -> i64 {
        -task.offsets().first().map_or(0, |o| o.0)
    }

    async fn on_assign(&self, partitions: &[PartitionId], ctx: &Context) -> Result<()> {
        self.note(format!("on_assign {} {}", partitions.len(), ctx.worker()));
        Ok(())
    }

    async fn on_revoke(&self, partitions: &[PartitionId]) -> Result<()> {
        self.note(format!("on_revoke {}", partitions.len()));
        Ok(())
    }

    async fn on_shutdown(&self, _ctx: &Context) -> Result<()> {
        self.note("on_shutdown");
        Ok(())
    }

    #[periodic(every = "1.5s")]
    async fn refresh(&self, ctx: &Context) -> Result<()> {
        self.note(format!("refresh {}", ctx.worker()));
        Ok(())
    }

    #[cfg(windows)]
    #[periodic(every = "9h")]
    async fn elsewhere(&self) -> Result<()> {
        Ok(())
    }

    #[periodic(every = "5m", on_error = "stop")]
    async fn check(&self) -> std::io::Result<()> {
        Err(std::io::Error::other("broken"))
    }

    #[service]
    async fn server(&self, ctx: &Context) -> Result<()> {
        self.note(format!("server {}", ctx.worker()));
        Ok(())
    }
}

struct Raw;

#[drakkar::handler]
impl Raw {
    async fn arrange(&self, _window: Window<'_, Bytes>) -> Result<Vec<Task>> {
        Ok(Vec::new())
    }
}

fn record(value: &[u8]) -> Record {
    Record { value: Some(Bytes::copy_from_slice(value)), ..message(Line(0)).record().clone() }
}

#[test]
fn hooks_are_those_that_are_written() {
    let hooks = Hooks {
        on_window_complete: true,
        on_delivery_error: true,
        task_priority: true,
        on_assign: true,
        on_revoke: true,
        on_shutdown: true,
        ..Hooks::NONE
    };
    assert_eq!(Full::HOOKS, hooks);
    assert_eq!((Raw::HOOKS, Raw::PERIODIC, Raw::SERVICES), (Hooks::NONE, &[][..], &[][..]));
}

#[test]
fn timers_and_services_are_listed_and_called_by_their_number() {
    let seconds = |name, seconds, stop_on_error| Periodic {
        name,
        every: Duration::from_secs_f64(seconds),
        stop_on_error,
    };
    assert_eq!(Full::PERIODIC, [seconds("refresh", 1.5, false), seconds("check", 300.0, true)]);
    assert_eq!(Full::SERVICES, ["server"]);
    let (handler, ctx) = (Full::default(), context());
    block_on(async {
        handler.periodic(0, &ctx).await.unwrap();
        assert_eq!(handler.periodic(1, &ctx).await.unwrap_err().to_string(), "broken");
        handler.service(0, &ctx).await.unwrap();
    });
    let worker = ctx.worker();
    assert_eq!(*handler.0.lock().unwrap(), [format!("refresh {worker}"), format!("server {worker}")]);
}

#[test]
fn every_hook_reaches_the_method_of_its_name() {
    let (handler, ctx) = (Full::default(), context());
    let group = WindowGroup {
        messages: vec![message(Line(7))],
        results: Vec::new(),
        failures: Vec::new(),
        replaced: Vec::new(),
        duration: Duration::ZERO,
    };
    let failure = DeliveryFailure {
        kind: SinkKind::Kafka,
        sink: "results".into(),
        class: drakkar::__private::core::error::Class::Permanent,
        error: "refused".into(),
        attempt: 1,
        payloads: Vec::new(),
        partition: PartitionId(3),
    };
    block_on(async {
        let outputs = Handler::on_window_complete(&handler, &group, &ctx).await.unwrap();
        assert_eq!(outputs.size, Some(1));
        let action = Handler::on_delivery_error(&handler, &failure, &ctx).await;
        assert_eq!(action, DeliveryAction::Skip);
        Handler::on_assign(&handler, &[PartitionId(1), PartitionId(2)], &ctx).await.unwrap();
        Handler::on_revoke(&handler, &[PartitionId(1)], &ctx).await.unwrap();
        Handler::on_shutdown(&handler, &ctx).await.unwrap();
    });
    assert_eq!(Handler::task_priority(&handler, &Task::for_message(&group.messages[0])), -41);
    let worker = ctx.worker();
    let expected = [
        format!("on_window_complete {worker}"),
        "on_delivery_error results".to_owned(),
        format!("on_assign 2 {worker}"),
        "on_revoke 1".to_owned(),
        "on_shutdown".to_owned(),
    ];
    assert_eq!(*handler.0.lock().unwrap(), expected);
}

#[test]
fn a_codec_of_the_handlers_own_replaces_json() {
    let handler = Full::default();
    assert_eq!(handler.decode(&record(b"42\n")).unwrap().0, 42);
    let Err(DecodeError::Other(error)) = handler.decode(&record(b"x")) else { panic!("it is no number") };
    assert_eq!(error.to_string(), "invalid digit found in string");
    assert_eq!(Raw.decode(&record(b"\xff")).unwrap(), Bytes::from_static(b"\xff"));
}
