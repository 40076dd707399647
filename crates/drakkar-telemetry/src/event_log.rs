//! The event stream as log lines.

use std::fmt::Write;

use drakkar_core::{
    event::{Detail, Event, Subscriber},
    ids::Assignment,
};
use tracing::{debug, error, info, warn};

/// Logs the events of a worker: lifecycle at INFO, trouble at WARN and ERROR, the rest at DEBUG.
#[derive(Clone, Copy, Debug)]
pub struct EventLog {
    detail: Detail,
}

impl EventLog {
    /// A log that asks for as much detail as the installed level shows.
    pub fn new() -> Self {
        let detail = if tracing::enabled!(tracing::Level::DEBUG) { Detail::Task } else { Detail::Lifecycle };
        Self { detail }
    }
}

impl Default for EventLog {
    fn default() -> Self {
        Self::new()
    }
}

impl Subscriber for EventLog {
    fn detail(&self) -> Detail {
        self.detail
    }

    fn on_event(&self, event: &Event) {
        match event {
            Event::Starting { summary } => {
                info!(category = "lifecycle", config = summary, "drakkar_starting")
            }
            Event::SinkConnected { kind, name } => {
                info!(category = "sink", sink_type = %kind, sink_name = %name, "sink_connected");
            }
            Event::Assigned { assignments } => info!(
                category = "kafka",
                count = assignments.len(),
                partitions = list(assignments),
                "partitions_assigned"
            ),
            Event::Revoking { assignments } => info!(
                category = "kafka",
                count = assignments.len(),
                partitions = list(assignments),
                "partitions_revoking"
            ),
            Event::Released { ledgers, lost } => {
                let assignments: Vec<_> = ledgers.iter().map(|(a, _)| *a).collect();
                info!(
                    category = "kafka",
                    count = assignments.len(),
                    partitions = list(&assignments),
                    lost,
                    "partitions_released"
                );
            }
            Event::Flow { assignment, paused: true } => {
                debug!(category = "kafka", partition = assignment.partition.0, "partition_paused");
            }
            Event::Flow { assignment, paused: false } => {
                debug!(category = "kafka", partition = assignment.partition.0, "partition_resumed");
            }
            Event::WindowStarted { assignment, window, first, messages } => debug!(
                category = "partition",
                partition = assignment.partition.0,
                window_id = window.0,
                offset = first.0,
                messages,
                "window_started"
            ),
            Event::AttemptEnded { assignment, task, attempt, ended, success } => debug!(
                category = "executor", partition = assignment.partition.0, task_id = task, attempt, success,
                ended = %ended, "task_attempt_ended"
            ),
            Event::HookFailed { assignment, offset, hook, error, panicked } => error!(
                category = "handler",
                partition = assignment.partition.0,
                offset = offset.0,
                hook,
                error,
                panicked,
                "hook_failed"
            ),
            Event::WorkerHookFailed { hook, error } => {
                error!(category = "handler", hook, error, "hook_failed");
            }
            Event::PeriodicRan { name, duration, error: None, .. } => debug!(
                category = "handler",
                periodic = name,
                seconds = duration.as_secs_f64(),
                "periodic_run"
            ),
            Event::PeriodicRan { name, duration, error: Some(error), stopped } => error!(
                category = "handler",
                periodic = name,
                seconds = duration.as_secs_f64(),
                error,
                stopped,
                "periodic_run_failed"
            ),
            Event::ServiceEnded { name, error: None, expected: true } => {
                info!(category = "lifecycle", service = name, "service_ended");
            }
            Event::ServiceEnded { name, error, expected } => error!(
                category = "lifecycle",
                service = name,
                error = error.as_deref().unwrap_or("none"),
                expected,
                "service_ended_unexpectedly"
            ),
            Event::Brake { partition, on: true } => error!(
                category = "partition",
                partition = partition.0,
                "partition_stopped: too many messages were dead-lettered (dlq.max_consecutive, dlq.max_ratio); one is tried \
                 after dlq.cooldown_seconds"
            ),
            Event::Brake { partition, on: false } => {
                info!(category = "partition", partition = partition.0, "partition_goes_on");
            }
            Event::DeliverySkipped { kind, name, error } => warn!(
                category = "sink", sink_type = %kind, sink_name = %name, error = %error, "sink_delivery_skipped"
            ),
            Event::DeliveryRetried { kind, name, payloads, attempt, error, class } => warn!(
                category = "sink", sink_type = %kind, sink_name = %name, payloads, attempt, error = %error,
                class = %class, "sink_delivery_retry"
            ),
            Event::DeadLettered { partition, offset, stage, error } => warn!(
                category = "sink", partition = partition.0, offset = offset.0, stage, error = %error,
                "dead_letter_written"
            ),
            Event::DeadLettersStalled { letters, attempt, error } => {
                error!(category = "sink", letters, attempt, error = %error, "dead_letters_stalled");
            }
            Event::Committed { offsets } => debug!(
                category = "kafka", offsets = ?offsets.iter().map(|(p, o)| (p.0, o.0)).collect::<Vec<_>>(),
                "offsets_committed"
            ),
            Event::CommitFailed { error, discarded } => {
                warn!(category = "kafka", error, discarded, "commit_failed");
            }
            Event::OffsetsLost { assignment, from, to } => error!(
                category = "kafka",
                partition = assignment.partition.0,
                from_offset = from.0,
                to_offset = to.0,
                "offsets_lost: the broker had deleted these messages before they were read; lengthen the topic's retention"
            ),
            Event::SourceStalled { assignments } => error!(
                category = "kafka",
                count = assignments.len(),
                partitions = list(assignments),
                "source_stalled: messages wait on the broker but none comes; connecting anew"
            ),
            Event::SourceRecovered => info!(category = "kafka", "source_recovered"),
            Event::KafkaError { error } => warn!(category = "kafka", error, "consumer_error"),
            Event::Stopping { reason } => info!(category = "lifecycle", reason, "drakkar_shutting_down"),
            Event::Stopped { ledger, drained } => {
                info!(category = "lifecycle", ledger = %ledger, drained, "drakkar_stopped");
            }
            other => debug!(category = "lifecycle", event = ?other, "event"),
        }
    }
}

fn list(assignments: &[Assignment]) -> String {
    let mut text = String::new();
    for (index, assignment) in assignments.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        // Writing to a string cannot fail.
        write!(text, "{comma}{}", assignment.partition).unwrap_or_default();
    }
    text
}
