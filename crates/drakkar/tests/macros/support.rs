//! Messages, results and a runtime for the behaviour tests.

use std::sync::Arc;

use drakkar::__private::core::{
    config::Config,
    context::Context,
    error::Class,
    ids::{Offset, PartitionId},
    message::{Message, Record},
    outcome::{DeliveryFailure, Ended, MessageGroup, Report, TaskFailure, TaskResult, WindowGroup},
    payload::{Encoder, Payload, SinkKind, SinkOutputs},
    task::Task,
};

pub fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

pub fn context() -> Context {
    Context::new("worker-7", "blue", Config::default())
}

pub fn record(value: Option<&'static str>) -> Record {
    Record {
        topic: "requests".into(),
        partition: PartitionId(3),
        offset: Offset(41),
        timestamp_ms: None,
        key: None,
        value: value.map(|text| text.into()),
        headers: Vec::new(),
    }
}

pub fn message<T>(payload: T) -> Arc<Message<T>> {
    Arc::new(Message::new(record(None), payload))
}

pub fn result() -> TaskResult {
    let report = Report { success: true, ..Report::without_output(Ended::Exited { code: 4 }) };
    TaskResult { task: task(), attempt: 1, report }
}

pub fn failure() -> TaskFailure {
    TaskFailure { task: task(), attempt: 2, report: Report::without_output(Ended::Cancelled) }
}

pub fn group<T>(payload: T) -> MessageGroup<T> {
    MessageGroup {
        message: message(payload),
        results: Vec::new(),
        failures: Vec::new(),
        replaced: vec![task(); 5],
        duration: std::time::Duration::ZERO,
    }
}

pub fn window_group<T>(payloads: impl IntoIterator<Item = T>) -> WindowGroup<T> {
    WindowGroup {
        messages: payloads.into_iter().map(message).collect(),
        results: Vec::new(),
        failures: Vec::new(),
        replaced: vec![task(); 2],
        duration: std::time::Duration::ZERO,
    }
}

pub fn delivery_failure() -> DeliveryFailure {
    DeliveryFailure {
        kind: SinkKind::Kafka,
        sink: "results".into(),
        class: Class::Permanent,
        error: "no such topic".into(),
        attempt: 3,
        payloads: Vec::new(),
        partition: PartitionId(3),
    }
}

pub fn encode(outputs: impl SinkOutputs) -> Vec<Payload> {
    let mut encoder = Encoder::default();
    outputs.encode(&mut encoder).unwrap();
    encoder.take()
}

pub fn task() -> Arc<Task> {
    Arc::new(Task::for_offsets(PartitionId(3), [Offset(41)]))
}
