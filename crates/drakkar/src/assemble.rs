//! Makes the parts of a worker from its configuration.

use std::{ffi::OsString, sync::Arc, time::Duration};

use drakkar_core::{
    config::{
        Batching as BatchSettings, ChildIo, Config, ExecutorMode, OutputLimit, Placeholder, Resident,
        ResidentProtocol, expand_instance_id,
    },
    frames::Protocol,
    payload::SinkKind,
    sink::{Batching, Sink},
    task::{IoClass, Limits},
};
use drakkar_runtime::NamedSink;
use drakkar_sinks_kafka::KafkaSink;

use crate::RunError;

/// The settings of the program pool.
pub(crate) fn executor(config: &Config) -> drakkar_executor::Settings {
    let executor = &config.executor;
    drakkar_executor::Settings {
        max_executors: u32::try_from(executor.max_executors).unwrap_or(u32::MAX),
        program: executor.binary_path.as_ref().map(Into::into),
        env: executor.env.iter().map(|(k, v)| (OsString::from(k), OsString::from(v.expose()))).collect(),
        inherit_env: executor.env_inherit_parent,
        env_deny: executor.env_inherit_deny.clone(),
        timeout: executor.task_timeout_seconds.duration(),
        kill_grace: executor.kill_grace_seconds.duration(),
        max_stdout: executor.max_stdout_bytes as u64,
        max_stderr: executor.max_stderr_bytes as u64,
        max_running_output: executor.max_running_output_bytes as u64,
        min_available_memory: executor.min_available_memory_bytes as u64,
        on_output_limit: match executor.on_output_limit {
            OutputLimit::Fail => drakkar_executor::OnOutputLimit::Fail,
            OutputLimit::Truncate => drakkar_executor::OnOutputLimit::Truncate,
        },
        slow_after: executor.slow_task_seconds.duration(),
        scratch_dir: match executor.scratch_dir.as_str() {
            "" => std::env::temp_dir(),
            dir => dir.into(),
        },
        success_codes: executor.success_exit_codes.clone(),
        limits: Limits {
            address_space_bytes: executor.limits.address_space_bytes.map(|n| n as u64),
            cpu_seconds: executor.limits.cpu_seconds.map(|n| n as u64),
            open_files: executor.limits.open_files.map(|n| n as u64),
            file_size_bytes: executor.limits.file_size_bytes.map(|n| n as u64),
            core_size_bytes: executor.limits.core_size_bytes.map(|n| n as u64),
            nice: executor.limits.nice,
            io: executor.limits.io_class.map(|class| match class {
                ChildIo::Low => IoClass::Low,
                ChildIo::Idle => IoClass::Idle,
            }),
        },
        mode: mode(executor.mode, &executor.resident),
        programs: executor
            .programs
            .iter()
            .map(|(name, program)| (name.into(), mode(program.mode, &program.resident)))
            .collect(),
    }
}

fn mode(mode: ExecutorMode, resident: &Resident) -> drakkar_executor::Mode {
    match mode {
        ExecutorMode::Oneshot => drakkar_executor::Mode::OneShot,
        ExecutorMode::Resident => drakkar_executor::Mode::Resident(drakkar_executor::Resident {
            protocol: match resident.protocol {
                ResidentProtocol::JsonLines => Protocol::JsonLines,
                ResidentProtocol::LengthPrefixed => Protocol::LengthPrefixed,
            },
            args: resident.args.iter().map(OsString::from).collect(),
            depth: resident.pipeline_depth,
            min_ready: resident.min_ready,
            ready_timeout: resident.ready_timeout_seconds.duration(),
            max_requests: resident.max_requests as u64,
            max_age: resident.max_age_seconds.duration(),
            max_rss: resident.max_rss_bytes as u64,
            replace_after_failure: resident.replace_after_failure,
            idle_timeout: resident.idle_timeout_seconds.duration(),
            heartbeat: resident.heartbeat_seconds.duration(),
            start_backoff_max: resident.start_backoff_max_seconds.duration(),
        }),
    }
}

/// The settings of the Kafka source.
///
/// # Errors
/// When the name of the static member cannot be made.
pub(crate) fn source(config: &Config, worker: &str) -> Result<drakkar_kafka::Settings, RunError> {
    let kafka = &config.kafka;
    let connection = config.source_connection();
    Ok(drakkar_kafka::Settings {
        brokers: connection.brokers.to_owned(),
        topic: kafka.source_topic.clone(),
        group: kafka.consumer_group.clone(),
        worker: worker.to_owned(),
        assignment: kafka.assignment,
        protocol: kafka.group_protocol,
        instance_id: instance_id(&kafka.group_instance_id, worker)?,
        max_poll_records: kafka.max_poll_records,
        session_timeout: kafka.session_timeout_ms.duration(),
        heartbeat_interval: kafka.heartbeat_interval_ms.duration(),
        max_poll_interval: kafka.max_poll_interval_ms.duration(),
        queue_max_messages: kafka.queue_max_messages,
        rebalance_drain: kafka.rebalance_drain_seconds.duration(),
        commit_interval: kafka.commit_interval_seconds.duration(),
        commit_timeout: kafka.commit_timeout_seconds.duration(),
        close_timeout: kafka.close_timeout_seconds.duration(),
        connect_timeout: kafka.connect_timeout_seconds.duration(),
        watchdog: kafka.watchdog_seconds.duration(),
        extra: connection.client_settings(),
    })
}

/// The name of the static member, if there is to be one.
fn instance_id(template: &str, worker: &str) -> Result<Option<String>, RunError> {
    if template.is_empty() {
        return Ok(None);
    }
    let value = |placeholder: Placeholder<'_>| match placeholder {
        Placeholder::Hostname => hostname(),
        Placeholder::WorkerId => Some(worker.to_owned()),
        Placeholder::Variable(name) => std::env::var(name).ok(),
    };
    expand_instance_id(template, value)
        .map(Some)
        .map_err(|reason| RunError::InstanceId { template: template.to_owned(), reason })
}

fn hostname() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// The sinks of the configuration, in the order of their types.
pub(crate) fn sinks(config: &Config, worker: &str) -> Result<Vec<NamedSink>, RunError> {
    let mut sinks = kafka_sinks(config, worker)?;
    sinks.extend(file_sinks(config)?);
    Ok(sinks)
}

#[cfg(feature = "sink-kafka")]
fn kafka_sinks(config: &Config, worker: &str) -> Result<Vec<NamedSink>, RunError> {
    let make = |(name, sink): (&String, &drakkar_core::config::KafkaSink)| {
        let timeout = sink.message_timeout_seconds.duration();
        let connection = config.sink_connection(name, sink);
        let made = KafkaSink::new(drakkar_sinks_kafka::Settings {
            name: name.clone(),
            brokers: connection.brokers.to_owned(),
            topic: sink.topic.clone(),
            client_id: worker.to_owned(),
            message_timeout: timeout,
            compression: Some(sink.compression.as_str().to_owned()),
            connect_timeout: config.kafka.connect_timeout_seconds.duration(),
            extra: connection.client_settings(),
        });
        // The producer's own time-out decides: an attempt cut off earlier would send a message twice.
        let attempt = config.sinks.delivery_timeout_seconds.duration().max(timeout + Duration::from_secs(5));
        named(SinkKind::Kafka, name, made, &sink.batching, attempt)
    };
    config.sinks.kafka.iter().map(make).collect()
}

#[cfg(not(feature = "sink-kafka"))]
fn kafka_sinks(config: &Config, _worker: &str) -> Result<Vec<NamedSink>, RunError> {
    not_built(SinkKind::Kafka, "sink-kafka", config.sinks.kafka.keys().next())
}

#[cfg(feature = "sink-filesystem")]
fn file_sinks(config: &Config) -> Result<Vec<NamedSink>, RunError> {
    let make = |(name, sink): (&String, &drakkar_core::config::FilesystemSink)| {
        let made = drakkar_sinks_filesystem::FilesystemSink::new(drakkar_sinks_filesystem::Settings {
            name: name.clone(),
            base_path: (&sink.base_path).into(),
            create_folders: sink.create_folders,
            fsync: sink.fsync == drakkar_core::config::Fsync::Batch,
        });
        let attempt = config.sinks.delivery_timeout_seconds.duration();
        named(SinkKind::Filesystem, name, made, &sink.batching, attempt)
    };
    config.sinks.filesystem.iter().map(make).collect()
}

#[cfg(not(feature = "sink-filesystem"))]
fn file_sinks(config: &Config) -> Result<Vec<NamedSink>, RunError> {
    not_built(SinkKind::Filesystem, "sink-filesystem", config.sinks.filesystem.keys().next())
}

/// A configured sink whose type was left out of this binary must not go unnoticed.
#[cfg(not(all(feature = "sink-kafka", feature = "sink-filesystem")))]
fn not_built(kind: SinkKind, feature: &str, configured: Option<&String>) -> Result<Vec<NamedSink>, RunError> {
    match configured {
        None => Ok(Vec::new()),
        Some(name) => Err(RunError::Sink {
            kind,
            name: name.clone(),
            message: format!("this program was built without the feature `{feature}` of drakkar"),
        }),
    }
}

/// The dead letter topic.
pub(crate) fn dead_letters(config: &Config, worker: &str) -> Result<NamedSink, RunError> {
    let timeout = config.dlq.message_timeout_seconds.duration();
    let connection = config.dlq_connection();
    let made = KafkaSink::new(drakkar_sinks_kafka::Settings {
        name: "dlq".to_owned(),
        brokers: connection.brokers.to_owned(),
        topic: config.dlq_topic(),
        client_id: worker.to_owned(),
        message_timeout: timeout,
        // Dead letters carry their message as text, which is longer than the message: without compression the broker
        // could refuse the letter of a message that it accepted.
        compression: Some("gzip".to_owned()),
        connect_timeout: config.kafka.connect_timeout_seconds.duration(),
        extra: connection.client_settings(),
    });
    named(SinkKind::Kafka, "dlq", made, &BatchSettings::default(), timeout + Duration::from_secs(5))
}

fn named<S: Sink + 'static>(
    kind: SinkKind,
    name: &str,
    made: Result<S, drakkar_core::sink::Failure>,
    batching: &BatchSettings,
    attempt_timeout: Duration,
) -> Result<NamedSink, RunError> {
    let sink = made.map_err(|failure| RunError::Sink {
        kind,
        name: name.to_owned(),
        message: failure.message.to_string(),
    })?;
    let defaults = sink.batching();
    let batching = Batching {
        max_items: batching.max_items.unwrap_or(defaults.max_items),
        max_bytes: batching.max_bytes.unwrap_or(defaults.max_bytes),
        linger: batching.linger_ms.map_or(defaults.linger, |l| l.duration()),
        concurrency: batching.concurrency.unwrap_or(defaults.concurrency),
    };
    Ok(NamedSink { name: name.into(), sink: Arc::new(sink), batching, attempt_timeout })
}
