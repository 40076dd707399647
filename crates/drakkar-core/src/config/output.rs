//! The `dlq`, `metrics` and `logging` sections.

use super::{
    rules::{above_zero, between, not_blank},
    section::{choice, defaults, section},
    units::Seconds,
};

section! {
    /// The dead letter topic.
    pub struct Dlq {
        /// The topic; empty for the source topic's name followed by `_dlq`.
        pub topic: String = String::new();
        /// Bootstrap servers; empty for those of `kafka.brokers`.
        pub brokers: String = String::new();
        /// What happens when a dead letter cannot be written.
        ///
        /// `stall` stops the message's partition until it can, so that nothing is lost; `drop` counts it, logs it and
        /// loses it.
        pub on_send_failure: OnSendFailure = OnSendFailure::Stall;
        /// How long a dead letter may wait for its acknowledgement, in seconds.
        pub message_timeout_seconds: Seconds = Seconds::of(30.0), above_zero();
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
