//! The `dlq`, `metrics` and `logging` sections.

use super::{
    client_config::ClientConfig,
    rules::{above_zero, at_least, between, not_below, not_blank},
    section::{choice, defaults, section},
    security::Security,
    units::{Ratio, Seconds},
};

section! {
    /// The dead letter topic.
    pub struct Dlq {
        /// The topic; empty for the source topic's name followed by `_dlq`.
        pub topic: String = String::new();
        /// Bootstrap servers; empty for those of `kafka.brokers`.
        pub brokers: String = String::new();
        /// How connections to these brokers are secured; only beside `brokers`, otherwise `kafka.security` holds.
        pub security: Security = Security::new();
        /// Raw librdkafka settings by name; their values are never shown.
        ///
        /// Without `brokers` they are added to those of `kafka.client_config`.
        pub client_config: ClientConfig = ClientConfig::new();
        /// What happens when a dead letter cannot be written.
        ///
        /// `stall` stops the message's partition until it can, so that nothing is lost; `drop` counts it, logs it and
        /// loses it.
        pub on_send_failure: OnSendFailure = OnSendFailure::Stall;
        /// How long a dead letter may wait for its acknowledgement, in seconds.
        pub message_timeout_seconds: Seconds = Seconds::of(30.0), above_zero();
        /// Messages of one partition that may be dead-lettered in a row before the partition stops, visibly.
        ///
        /// It keeps a fault of the surroundings from emptying a topic into this one. Zero for any number.
        pub max_consecutive: u32 = 0, at_least(0);
        /// Share of a partition's last `ratio_messages` messages that may be dead-lettered before it stops; 1 for any.
        pub max_ratio: Ratio = Ratio::of(1.0);
        /// Messages that `max_ratio` is taken of.
        pub ratio_messages: u32 = 100, between(1, 100_000);
        /// How long a partition that stopped waits before it tries a single message, in seconds.
        ///
        /// The partition goes on when that message ends well.
        pub cooldown_seconds: Seconds = Seconds::of(60.0), not_below(0.0);
    }
}

choice! {
    /// What happens when a dead letter cannot be written.
    pub enum OnSendFailure {
        /// The message's partition stops until it can: nothing is lost.
        Stall = "stall",
        /// The dead letter is counted, logged and lost.
        Drop = "drop",
    }
}

section! {
    /// Prometheus metrics.
    pub struct Metrics {
        /// Whether metrics are served.
        pub enabled: bool = true;
        /// The address to serve them on; `0.0.0.0` for every interface.
        pub host: String = "127.0.0.1".to_owned(), not_blank();
        /// The port to serve them on.
        pub port: u16 = 9090, between(1, 65_535);
    }
}

section! {
    /// Log lines.
    pub struct Logging {
        /// The least severe level that is logged, in any case of letters.
        ///
        /// `DEBUG` adds single messages and tasks; `INFO` is the life of the worker.
        pub level: Level = Level::Info;
        /// The form of a line.
        ///
        /// `json` is one object per line; `console` is text for people.
        pub format: Format = Format::Json;
        /// Where lines go: `stderr`, `stdout`, or a file path.
        ///
        /// In a path, `{worker_id}` and `{cluster_name}` stand for those names. The file is appended to.
        pub output: String = "stderr".to_owned(), not_blank();
    }
}

choice! {
    /// How severe a log line is.
    pub enum Level {
        /// Details of single messages and tasks.
        Debug = "DEBUG",
        /// The life of the worker.
        Info = "INFO",
        /// Unexpected, but recovered.
        Warning = "WARNING",
        /// Something was lost, or a person is needed.
        Error = "ERROR",
        /// The worker cannot go on.
        Critical = "CRITICAL",
    }
}

choice! {
    /// The form of a log line.
    pub enum Format {
        /// One JSON object per line.
        Json = "json",
        /// Text for people.
        Console = "console",
    }
}

defaults!(Dlq, Metrics, Logging);
