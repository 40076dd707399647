//! The configuration in one line.

use super::Config;

pub(super) fn summary(config: &Config, worker: Option<&str>) -> String {
    let Config { kafka, executor, debug, metrics, dlq, logging, .. } = config;
    let worker = worker.filter(|name| !name.is_empty()).unwrap_or("?");
    let cluster = match config.cluster_name.as_str() {
        "" => String::new(),
        name => format!("/{name}"),
    };
    format!(
        "[{worker}{cluster}] topic={} group={} exec={}w/{}win/{}poll retries={}/{}s debug={} cache={} metrics={} \
         dlq={} sinks=[{}] log={}",
        kafka.source_topic,
        kafka.consumer_group,
        executor.max_executors,
        executor.window_size,
        kafka.max_poll_records,
        executor.max_retries,
        executor.task_timeout_seconds,
        if debug.enabled { format!("on:{}", debug.port) } else { "off".to_owned() },
        cache(config),
        if metrics.enabled { metrics.port.to_string() } else { "off".to_owned() },
        if dlq.topic.is_empty() { "on" } else { &dlq.topic },
        sinks(config),
        logging.level,
    )
}

fn cache(config: &Config) -> String {
    let cache = &config.cache;
    if !cache.enabled {
        return "off".to_owned();
    }
    let sync = match cache.peer_sync.enabled {
        true => format!("{}s", cache.peer_sync.interval_seconds),
        false => "off".to_owned(),
    };
    let mut text =
        format!("on:f={}s/s={sync}/c={}s", cache.flush_interval_seconds, cache.cleanup_interval_seconds);
    if let Some(max) = cache.max_memory_entries {
        text.push_str(&format!("/max={max}"));
    }
    text
}

fn sinks(config: &Config) -> String {
    fn names<T>(short: &str, sinks: &std::collections::BTreeMap<String, T>) -> Option<String> {
        let names: Vec<&str> = sinks.keys().map(String::as_str).collect();
        (!names.is_empty()).then(|| format!("{short}:{}", names.join(",")))
    }
    let sinks = &config.sinks;
    let types = [
        names("kf", &sinks.kafka),
        names("pg", &sinks.postgres),
        names("mg", &sinks.mongo),
        names("http", &sinks.http),
        names("rd", &sinks.redis),
        names("fs", &sinks.filesystem),
    ];
    let types: Vec<String> = types.into_iter().flatten().collect();
    if types.is_empty() { "none".to_owned() } else { types.join(" ") }
}
