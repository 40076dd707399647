//! The configuration: its model, its loader, and messages that point at the mistake.
//!
//! [`load`] takes the text of a YAML file and the environment variables, and gives a [`Config`] or every mistake it
//! found, each with file, line, column, key, what was expected and the nearest valid key. Defaults are overridden by the
//! file, the file by variables named `DK_` and the path in upper case with `__` between levels. Nothing here reads a file
//! or the environment.
//!
//! # How it works
//!
//! The file becomes a tree of nodes that know their line and column. Variables are laid over the tree; the schema says
//! which part of a variable's name is a fixed key and which a free name, and whether its value is JSON. The sections then
//! read themselves from the tree. A section is declared once, with key, type, default, constraint and documentation, and
//! that declaration also gives the hints for misspelled keys and the reference page `docs/configuration.md`.
//!
//! ```
//! use drakkar_core::config::{File, load};
//!
//! let file = File { name: "drakkar.yaml", text: "kafka:\n  brokerz: b:9092\n" };
//! let invalid = load(Some(file), []).unwrap_err();
//! assert_eq!(invalid.to_string(), "drakkar.yaml:2:3: unknown key `kafka.brokerz`; did you mean `brokers`?");
//!
//! let variables = [("DK_EXECUTOR__MAX_EXECUTORS".to_owned(), "8".to_owned())];
//! assert_eq!(load(None, variables)?.config.executor.max_executors, 8);
//! # Ok::<(), drakkar_core::config::Invalid>(())
//! ```

mod cache;
mod client_config;
mod collections;
mod connection;
mod cross;
mod debug;
mod executor;
mod hints;
mod instance_id;
mod json;
mod kafka;
mod load;
mod names;
mod node;
mod output;
mod overlay;
mod problem;
mod reader;
mod reference;
mod render;
mod rules;
mod scalar;
mod schema;
mod secret;
mod section;
mod security;
mod sinks;
mod summary;
#[cfg(test)]
mod tests;
mod units;
mod url;
mod value;
mod yaml;

use section::{defaults, section};

pub use cache::{Cache, PeerSync};
pub use client_config::{ClientConfig, ClientValue};
pub use connection::Connection;
pub use debug::{CustomLink, Debug};
pub use executor::{
    ChildIo, ChildLimits, Executor, ExecutorMode, OutputLimit, Program, Resident, ResidentProtocol,
};
pub use instance_id::{Placeholder, expand_instance_id};
pub use kafka::{AssignmentMode, GroupProtocol, Kafka, OnParseError};
pub use load::{File, Loaded, load};
pub use output::{Dlq, Format, Level, Logging, Metrics, OnSendFailure};
pub use problem::{Invalid, Origin, Problem, Warning};
pub use reference::reference;
pub use secret::Secret;
pub use security::{SaslMechanism, Security, SecurityProtocol};
pub use sinks::{
    Batching, CircuitBreaker, Compression, FilesystemSink, Fsync, HttpSink, KafkaSink, MongoSink,
    PostgresSink, RedisSink, Sinks,
};
pub use units::{Millis, Ratio, Seconds, WholeSeconds};
pub use url::is_forbidden_address;

section! {
    /// Everything a worker can be told.
    pub struct Config {
        /// The environment variable that holds the worker's name.
        pub worker_name_env: String = "WORKER_ID".to_owned();
        /// The logical cluster the worker belongs to, for grouping.
        pub cluster_name: String = String::new();
        /// The environment variable that, when not empty, overrides `cluster_name`.
        pub cluster_name_env: String = String::new();
        /// Where messages come from.
        pub kafka: Kafka = Kafka::new();
        /// How tasks run.
        pub executor: Executor = Executor::new();
        /// Where results go.
        pub sinks: Sinks = Sinks::new();
        /// The dead letter topic.
        pub dlq: Dlq = Dlq::new();
        /// Prometheus metrics.
        pub metrics: Metrics = Metrics::new();
        /// Log lines.
        pub logging: Logging = Logging::new();
        /// The flight recorder and the debug UI.
        pub debug: Debug = Debug::new();
        /// The handler's cache.
        pub cache: Cache = Cache::new();
        /// Settings of the handler itself: any mapping, not checked here.
        ///
        /// Variables cannot set it.
        pub app: serde_json::Value = serde_json::Value::Object(serde_json::Map::new());
    }
}

defaults!(Config);

impl Config {
    /// The dead letter topic: the configured one, else the source topic's name followed by `_dlq`.
    pub fn dlq_topic(&self) -> String {
        match self.dlq.topic.as_str() {
            "" => format!("{}_dlq", self.kafka.source_topic),
            topic => topic.to_owned(),
        }
    }

    /// The brokers of the dead letter topic.
    pub fn dlq_brokers(&self) -> &str {
        self.or_own_brokers(&self.dlq.brokers)
    }

    /// The brokers of a Kafka sink.
    pub fn sink_brokers<'a>(&'a self, sink: &'a KafkaSink) -> &'a str {
        self.or_own_brokers(&sink.brokers)
    }

    fn or_own_brokers<'a>(&'a self, brokers: &'a str) -> &'a str {
        if brokers.is_empty() { &self.kafka.brokers } else { brokers }
    }

    /// All settings as JSON, secrets masked.
    pub fn to_json(&self) -> serde_json::Value {
        value::Value::to_json(self)
    }

    /// The configuration in one line, for the first log line of a worker.
    pub fn summary(&self, worker: Option<&str>) -> String {
        summary::summary(self, worker)
    }
}
