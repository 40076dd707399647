//! The rules of a worker, taken from its configuration.

use std::time::Duration;

use drakkar_core::{
    config::{Config, OnParseError, OnSendFailure},
    handler::Hooks,
    pipeline::{BrakeRules, Parse, Rules},
    retry::RetryPolicy,
};

/// How a worker behaves.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The rules of each partition's pipeline.
    pub rules: Rules,
    /// What happens to messages that cannot be decoded.
    pub parse_policy: Parse,
    /// Time for one call of a hook; zero for any.
    pub hook_timeout: Duration,
    /// Tasks that hold or await a slot, at which no window starts any more.
    pub tasks_high: usize,
    /// Tasks at which windows start again.
    pub tasks_low: usize,
    /// Bounds of delivery retries.
    pub delivery: RetryPolicy,
    /// Whether a dead letter that cannot be written is dropped after the delivery bounds, instead of waiting for ever.
    pub drop_dead_letters: bool,
    /// Time from the stop signal to the end.
    pub grace: Duration,
    /// Time children get between TERM and KILL; taken off the end of `grace`.
    pub kill_grace: Duration,
    /// Time for each sink to connect.
    pub connect_timeout: Duration,
    /// Minimum wait and boundary spacing of the start-up alignment.
    pub align: Option<(Duration, Duration)>,
}

impl Settings {
    /// The settings of this configuration for a handler with these hooks.
    pub fn from_config(config: &Config, hooks: Hooks) -> Self {
        let executor = &config.executor;
        let kafka = &config.kafka;
        let slots = executor.max_executors;
        let delivery = RetryPolicy {
            max_attempts: config.sinks.max_attempts,
            max_elapsed: Duration::from_secs(600),
            initial: config.sinks.retry_backoff_initial_seconds.duration(),
            max: config.sinks.retry_backoff_max_seconds.duration(),
        };
        Self {
            rules: Rules {
                window_size: saturate(executor.window_size),
                max_in_flight: saturate(executor.max_in_flight_messages),
                retry: RetryPolicy {
                    max_attempts: executor.max_retries.saturating_add(1),
                    max_elapsed: executor.retry_max_elapsed_seconds.duration(),
                    initial: executor.retry_backoff_initial_seconds.duration(),
                    max: executor.retry_backoff_max_seconds.duration(),
                },
                max_replacement_depth: executor.max_replacement_depth,
                task_hook: hooks.on_task_complete,
                error_hook: hooks.on_error,
                message_hook: hooks.on_message_complete,
                window_hook: hooks.on_window_complete,
                delivery_hook: hooks.on_delivery_error,
                redelivery: delivery,
                brake: BrakeRules {
                    max_consecutive: config.dlq.max_consecutive,
                    max_ratio: config.dlq.max_ratio.get(),
                    over: config.dlq.ratio_messages,
                    cooldown: config.dlq.cooldown_seconds.duration(),
                },
            },
            parse_policy: match config.kafka.on_parse_error {
                OnParseError::Dlq => Parse::DeadLetter,
                OnParseError::Skip => Parse::Skip,
                OnParseError::Pass => Parse::Pass,
            },
            hook_timeout: executor.hook_timeout_seconds.duration(),
            tasks_high: slots.saturating_mul(executor.backpressure_high_multiplier),
            tasks_low: slots.saturating_mul(executor.backpressure_low_multiplier).max(1),
            delivery,
            drop_dead_letters: config.dlq.on_send_failure == OnSendFailure::Drop,
            grace: executor.drain_timeout_seconds.duration(),
            kill_grace: executor.kill_grace_seconds.duration(),
            connect_timeout: kafka.connect_timeout_seconds.duration(),
            align: kafka.startup_align_enabled.then(|| {
                let interval = kafka.startup_align_interval_seconds.duration();
                (kafka.startup_min_wait_seconds.duration(), interval)
            }),
        }
    }
}

fn saturate(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
