//! What settings must satisfy together, and defaults that give way to their neighbours.

mod kafka;
mod security;

use std::collections::BTreeMap;

use super::{
    Config,
    load::{find, is_set},
    problem::{Excerpt, Mark, Origin, Problem, Warning},
    secret::Secret,
    units::{Millis, Seconds},
};

type Origins = BTreeMap<String, Mark>;

/// Lowers defaults that nobody set so that they agree with what was set beside them.
pub(super) fn fit(config: &mut Config, origins: &Origins) {
    let free = |path: &str| !is_set(origins, path);
    let kafka = &mut config.kafka;
    if free("kafka.heartbeat_interval_ms") {
        let most = Millis((kafka.session_timeout_ms.0 / 3).max(1));
        kafka.heartbeat_interval_ms = kafka.heartbeat_interval_ms.min(most);
    }
    if free("kafka.rebalance_drain_seconds") {
        let most = kafka.session_timeout_ms.min(kafka.max_poll_interval_ms).duration() / 2;
        lower(&mut kafka.rebalance_drain_seconds, most.into());
    }
    let executor = &mut config.executor;
    if free("executor.backpressure_low_multiplier") {
        let most = executor.backpressure_high_multiplier;
        executor.backpressure_low_multiplier = executor.backpressure_low_multiplier.min(most);
    }
    if free("executor.retry_backoff_initial_seconds") {
        lower(&mut executor.retry_backoff_initial_seconds, executor.retry_backoff_max_seconds);
    }
    let sinks = &mut config.sinks;
    if free("sinks.retry_backoff_initial_seconds") {
        lower(&mut sinks.retry_backoff_initial_seconds, sinks.retry_backoff_max_seconds);
    }
    for (name, sink) in &mut sinks.postgres {
        if free(&format!("sinks.postgres.{name}.pool_min")) {
            sink.pool_min = sink.pool_min.min(sink.pool_max);
        }
    }
    let token = &mut config.debug.auth_token;
    *token = Secret::from(token.expose().trim());
}

fn lower(value: &mut Seconds, most: Seconds) {
    if *value > most {
        *value = most;
    }
}

/// Checks pairs of settings; a pair with a setting already reported is passed over.
pub(super) fn check(config: &Config, origins: &Origins, problems: &mut Vec<Problem>) {
    let mut pairs =
        Pairs { origins, reported: problems.iter().map(|p| p.key.clone()).collect(), found: Vec::new() };
    let kafka = &config.kafka;
    kafka::check(kafka, &mut pairs);
    security::check(config, &mut pairs);
    let executor = &config.executor;
    let (low, high) = (executor.backpressure_low_multiplier, executor.backpressure_high_multiplier);
    pairs.check(
        low <= high,
        ["executor.backpressure_low_multiplier", "executor.backpressure_high_multiplier"],
        || format!("must be at most `executor.backpressure_high_multiplier` ({high}), found {low}"),
    );
    let slots = executor.max_executors;
    let residents = [("executor".to_owned(), &executor.resident)];
    let named = executor.programs.iter().map(|(name, p)| (format!("executor.programs.{name}"), &p.resident));
    for (path, resident) in residents.into_iter().chain(named) {
        let min_ready = format!("{path}.resident.min_ready");
        pairs.check(resident.min_ready <= slots, [&min_ready, "executor.max_executors"], || {
            format!("must be at most `executor.max_executors` ({slots}), found {}", resident.min_ready)
        });
    }
    pairs.backoff("executor", executor.retry_backoff_initial_seconds, executor.retry_backoff_max_seconds);
    let sinks = &config.sinks;
    pairs.backoff("sinks", sinks.retry_backoff_initial_seconds, sinks.retry_backoff_max_seconds);
    for (name, sink) in &sinks.postgres {
        let (min, max) =
            (format!("sinks.postgres.{name}.pool_min"), format!("sinks.postgres.{name}.pool_max"));
        pairs.check(sink.pool_min <= sink.pool_max, [&min, &max], || {
            format!("must be at most `{max}` ({}), found {}", sink.pool_max, sink.pool_min)
        });
    }
    let sync = &config.cache.peer_sync;
    let (deadline, interval) = (sync.cycle_deadline(), sync.interval_seconds);
    pairs.check(
        sync.cycle_deadline_seconds.is_none() || deadline < interval,
        ["cache.peer_sync.cycle_deadline_seconds", "cache.peer_sync.interval_seconds"],
        || format!("must be below `cache.peer_sync.interval_seconds` ({interval}), found {deadline}"),
    );
    pairs.check(
        config.dlq.topic != kafka.source_topic || config.dlq_brokers() != kafka.brokers,
        ["dlq.topic", "kafka.source_topic"],
        || "must not be the topic that is consumed: dead letters would come back for ever".to_owned(),
    );
    for name in executor.env.keys() {
        let path = format!("executor.env.{}", super::names::shown(name));
        pairs.check(!name.is_empty() && !name.contains(['=', '\0']), [&path, &path], || {
            "must have a name without `=` that is not empty".to_owned()
        });
    }
    problems.append(&mut pairs.found);
}

struct Pairs<'a> {
    origins: &'a Origins,
    reported: Vec<String>,
    found: Vec<Problem>,
}

impl Pairs<'_> {
    /// Reports the first path (or the second, when only that was set) unless the pair holds.
    fn check(&mut self, holds: bool, paths: [&str; 2], must: impl FnOnce() -> String) {
        if holds || self.reported.iter().any(|path| paths.contains(&path.as_str())) {
            return;
        }
        let mark = paths.iter().find_map(|path| self.origins.get(*path)).unwrap_or(&Mark::DEFAULT);
        let secretive =
            ["sinks.postgres", "executor.env"].iter().any(|section| paths[0].starts_with(section))
                || paths[0].split('.').any(|part| matches!(part, "security" | "client_config"));
        let excerpt = if secretive { Excerpt::Head } else { Excerpt::Value };
        let message = format!("`{}` {}", paths[0], must());
        self.found.push(Problem::at(mark, excerpt, paths[0], message));
    }

    /// Reports what was set, wherever it came from. No value is shown.
    fn refuse(&mut self, path: &str, message: String, help: &str) {
        let mark = find(self.origins, path).unwrap_or(&Mark::DEFAULT);
        let mut problem = Problem::at(mark, Excerpt::Head, path, message);
        problem.help = Some(help.to_owned());
        self.found.push(problem);
    }

    /// Reports a setting that was set and has no place beside another one.
    fn no_place(&mut self, path: &str, beside: &str, help: &str) {
        if is_set(self.origins, path) {
            self.refuse(path, format!("`{path}` has no place beside {beside}"), help);
        }
    }

    fn backoff(&mut self, section: &str, initial: Seconds, max: Seconds) {
        let (first, second) = (
            format!("{section}.retry_backoff_initial_seconds"),
            format!("{section}.retry_backoff_max_seconds"),
        );
        self.check(initial <= max, [&first, &second], || {
            format!("must be at most `{second}` ({max}), found {initial}")
        });
    }
}

/// Notes what is allowed but odd.
pub(super) fn warn(config: &Config, origins: &Origins, warnings: &mut Vec<Warning>) {
    security::warn(config, origins, warnings);
    if config.cache.enabled && config.cache.max_memory_entries.is_none() {
        let key = "cache.max_memory_entries";
        warnings.push(Warning {
            origin: origins.get(key).map_or(Origin::Default, |mark| mark.origin.clone()),
            key: key.to_owned(),
            message: format!("`{key}` is null: the cache in memory has no bound"),
            help: Some("give the most entries to keep".to_owned()),
        });
    }
}
