//! The `sinks` section: named destinations, and how deliveries are tried.

use std::collections::BTreeMap;

use super::{
    client_config::ClientConfig,
    rules::{above_zero, at_least, callable_url, method, not_below, not_blank},
    secret::Secret,
    section::{choice, defaults, section},
    security::Security,
    units::{Millis, Seconds, WholeSeconds},
};

section! {
    /// Where results go.
    pub struct Sinks {
        /// Kafka topics, by name.
        pub kafka: BTreeMap<String, KafkaSink> = BTreeMap::new();
        /// PostgreSQL databases, by name.
        pub postgres: BTreeMap<String, PostgresSink> = BTreeMap::new();
        /// MongoDB databases, by name.
        pub mongo: BTreeMap<String, MongoSink> = BTreeMap::new();
        /// HTTP endpoints, by name.
        pub http: BTreeMap<String, HttpSink> = BTreeMap::new();
        /// Redis servers, by name.
        pub redis: BTreeMap<String, RedisSink> = BTreeMap::new();
        /// Folders, by name.
        pub filesystem: BTreeMap<String, FilesystemSink> = BTreeMap::new();
        /// When a failing sink is left alone for a while.
        pub circuit_breaker: CircuitBreaker = CircuitBreaker::new();
        /// Time for one attempt to deliver one batch, in seconds.
        pub delivery_timeout_seconds: Seconds = Seconds::of(30.0), above_zero();
        /// Attempts per payload before it goes to the dead letter topic.
        pub max_attempts: u32 = 5, at_least(1);
        /// The longest wait before the second attempt, in seconds; it doubles with each further attempt.
        ///
        /// The actual wait is random between zero and this. When not set, it is lowered to `retry_backoff_max_seconds`.
        pub retry_backoff_initial_seconds: Seconds = Seconds::of(0.1), not_below(0.0);
        /// What the wait between attempts grows to at most, in seconds.
        pub retry_backoff_max_seconds: Seconds = Seconds::of(10.0), not_below(0.0);
    }
}

impl Sinks {
    /// True when no sink of any type is configured.
    pub fn is_empty(&self) -> bool {
        self.kafka.is_empty()
            && self.postgres.is_empty()
            && self.mongo.is_empty()
            && self.http.is_empty()
            && self.redis.is_empty()
            && self.filesystem.is_empty()
    }
}

section! {
    /// When a failing sink is left alone for a while.
    pub struct CircuitBreaker {
        /// Failed deliveries in a row that open the breaker.
        pub failure_threshold: u32 = 5, at_least(1);
        /// How long it stays open before one delivery is tried, in seconds.
        pub cooldown_seconds: Seconds = Seconds::of(30.0), not_below(0.0);
    }
}

section! {
    /// How payloads for one sink are put together; what is not set follows the sink's type.
    pub struct Batching {
        /// The most payloads in one batch.
        pub max_items as "batch_max_items": Option<usize> = None, at_least(1);
        /// The most bytes in one batch; a larger payload travels alone.
        pub max_bytes as "batch_max_bytes": Option<usize> = None, at_least(1);
        /// How long a batch that is not full waits for more, in milliseconds; zero never waits.
        pub linger_ms as "batch_linger_ms": Option<Millis> = None, at_least(0);
        /// Batches under way at once; payloads of one order key never overtake each other.
        pub concurrency: Option<usize> = None, at_least(1);
    }
}

section! {
    /// A Kafka topic.
    pub struct KafkaSink {
        required {
            /// The topic to write to.
            pub topic: String, not_blank();
        }
        /// Bootstrap servers; empty for those of `kafka.brokers`.
        pub brokers: String = String::new();
        /// How connections to these brokers are secured; only beside `brokers`, otherwise `kafka.security` holds.
        pub security: Security = Security::new();
        /// Raw librdkafka settings by name; their values are never shown.
        ///
        /// Without `brokers` they are added to those of `kafka.client_config`.
        pub client_config: ClientConfig = ClientConfig::new();
        /// How long a message may wait for its acknowledgement, in seconds.
        pub message_timeout_seconds: Seconds = Seconds::of(30.0), above_zero();
        /// How message batches are compressed.
        pub compression: Compression = Compression::None;
        /// A link shown in the debug UI.
        pub ui_url: String = String::new();
        flatten {
            /// How payloads are put together.
            pub batching: Batching;
        }
    }
}

choice! {
    /// How message batches are compressed.
    pub enum Compression {
        /// Not at all.
        None = "none",
        /// With gzip.
        Gzip = "gzip",
        /// With Snappy.
        Snappy = "snappy",
        /// With LZ4.
        Lz4 = "lz4",
        /// With Zstandard.
        Zstd = "zstd",
    }
}

section! {
    /// A PostgreSQL database.
    #[secretive = true]
    pub struct PostgresSink {
        required {
            /// The connection string.
            pub dsn: Secret, not_blank();
        }
        /// Connections kept open; at most `pool_max`.
        ///
        /// When not set, it is lowered to fit.
        pub pool_min: u32 = 2, at_least(1);
        /// The most connections.
        pub pool_max: u32 = 10, at_least(1);
        /// A link shown in the debug UI.
        pub ui_url: String = String::new();
        flatten {
            /// How payloads are put together.
            pub batching: Batching;
        }
    }
}

section! {
    /// A MongoDB database.
    #[secretive = true]
    pub struct MongoSink {
        required {
            /// The connection URI.
            pub uri: Secret, not_blank();
            /// The database.
            pub database: String, not_blank();
        }
        /// A link shown in the debug UI.
        pub ui_url: String = String::new();
        flatten {
            /// How payloads are put together.
            pub batching: Batching;
        }
    }
}

section! {
    /// An HTTP endpoint.
    #[secretive = true]
    pub struct HttpSink {
        required {
            /// The address to call: http or https.
            ///
            /// Metadata services and link-local addresses are refused, in every notation. Credentials belong in
            /// `headers`, as this address is shown.
            pub url: String, callable_url();
        }
        /// The request method.
        pub method: String = "POST".to_owned(), method();
        /// Time for each phase of a request (connect, send, receive), in seconds.
        pub timeout_seconds: WholeSeconds = WholeSeconds(30), at_least(1);
        /// Headers added to every request; their values are secret.
        pub headers: BTreeMap<String, Secret> = BTreeMap::new();
        /// Attempts beyond the first for this sink; null for what `sinks.max_attempts` says.
        pub max_retries: Option<u32> = None, at_least(0);
        /// A link shown in the debug UI.
        pub ui_url: String = String::new();
        flatten {
            /// How payloads are put together.
            pub batching: Batching;
        }
    }
}

section! {
    /// A Redis server.
    #[secretive = true]
    pub struct RedisSink {
        /// The connection URL.
        pub url: Secret = Secret::from("redis://localhost:6379/0"), not_blank();
        /// Text put before every key.
        pub key_prefix: String = String::new();
        /// A link shown in the debug UI.
        pub ui_url: String = String::new();
        flatten {
            /// How payloads are put together.
            pub batching: Batching;
        }
    }
}

section! {
    /// A folder.
    pub struct FilesystemSink {
        required {
            /// The folder under which every file is written.
            pub base_path: String, not_blank();
        }
        /// Whether missing folders are created, the base path among them.
        pub create_folders: bool = false;
        /// When written files are forced to the disk.
        ///
        /// `batch` does so before a batch counts as delivered. With `never`, a power cut can lose what was delivered.
        pub fsync: Fsync = Fsync::Batch;
        /// A link shown in the debug UI.
        pub ui_url: String = String::new();
        flatten {
            /// How payloads are put together.
            pub batching: Batching;
        }
    }
}

choice! {
    /// When written files are forced to the disk.
    pub enum Fsync {
        /// Never: a power cut can lose what was reported as delivered.
        Never = "never",
        /// Once per batch, before it is reported as delivered.
        Batch = "batch",
    }
}

defaults!(Sinks, CircuitBreaker, Batching, RedisSink);
