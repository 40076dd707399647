//! The `check` command: everything that can be found wrong before the first message.

use std::sync::Arc;

use drakkar_core::{bytes_in_hand::ByteLedger, config::Loaded, error::chain, handler::Handler};
use drakkar_executor::ProcessPool;
use drakkar_kafka::KafkaSource;
use drakkar_runtime::Exit;

use crate::{assemble, identity::identity};

/// Sections of the configuration whose part does not exist yet: accepted, so that a file can be shared, but without effect.
const UNBUILT: &[&str] = &[
    "metrics",
    "debug",
    "cache",
    "sinks.postgres",
    "sinks.mongo",
    "sinks.http",
    "sinks.redis",
    "sinks.circuit_breaker",
    "kafka.ui_url",
    "kafka.ui_cluster_name",
];

/// A warning for each section that was set and has no effect.
pub(crate) fn unbuilt_sections(loaded: &Loaded) -> impl Iterator<Item = String> {
    UNBUILT
        .iter()
        .filter(|section| loaded.is_set(section))
        .map(|section| format!("`{section}` is accepted but has no effect in this version"))
}

/// Prints one line per check and returns the exit code of the first that failed.
pub(crate) async fn check<H: Handler>(loaded: &Loaded, connect: bool) -> Exit {
    let mut first = Exit::Clean;
    let mut line = |what: &str, result: Result<String, (String, Exit)>| match result {
        Ok(detail) => println!("ok    {what:<14} {detail}"),
        Err((error, exit)) => {
            println!("FAIL  {what:<14} {error}");
            if first == Exit::Clean {
                first = exit;
            }
        }
    };
    let config = &loaded.config;
    let name = identity(config, None).map(|i| i.worker).map_err(|e| (e.to_string(), e.exit()));
    let worker = name.clone().unwrap_or_default();
    line("configuration", name.map(|name| config.summary(Some(&name))));
    for warning in loaded.warnings.iter().map(ToString::to_string).chain(unbuilt_sections(loaded)) {
        println!("warn  {:<14} {warning}", "configuration");
    }
    let pool = ProcessPool::start(assemble::executor(config));
    line(
        "program",
        match &pool {
            Ok(_) => Ok(config
                .executor
                .binary_path
                .clone()
                .unwrap_or_else(|| "each task names its own".to_owned())),
            Err(error) => Err((chain(error).to_string(), Exit::Startup)),
        },
    );
    let sinks = assemble::sinks(config, &worker);
    let sinks = match sinks {
        Ok(sinks) => sinks,
        Err(error) => {
            line("sinks", Err((error.to_string(), error.exit())));
            return first;
        }
    };
    line(
        "routes",
        match drakkar_runtime::check_routes::<H>(&sinks) {
            Ok(()) => Ok(format!("{} outputs", drakkar_runtime::required_sinks::<H>().len())),
            Err(error) => Err((error.to_string(), Exit::Config)),
        },
    );
    if connect {
        let bytes = Arc::new(ByteLedger::new(1));
        line(
            "source",
            match assemble::source(config, &worker) {
                Ok(settings) => match KafkaSource::open(settings, bytes).await {
                    Ok(source) => {
                        source.control.close();
                        Ok(format!("{} at {}", config.kafka.source_topic, config.kafka.brokers))
                    }
                    Err(error) => Err((error.to_string(), Exit::Startup)),
                },
                Err(error) => Err((error.to_string(), error.exit())),
            },
        );
        let dead_letters = assemble::dead_letters(config, &worker);
        for sink in sinks.iter().chain(dead_letters.as_ref()) {
            let what = format!("{} {}", sink.sink.kind(), sink.name);
            let result = sink.sink.connect().await;
            line(&what, result.map(|()| "reached".to_owned()).map_err(|e| (e.to_string(), Exit::Startup)));
            if let Err(error) = sink.sink.close().await {
                println!("warn  {what:<14} failed to close: {error}");
            }
        }
    }
    first
}
