//! The `kafka` section: the connection, the consumer group and how far it reads ahead.

use super::{
    client_config::ClientConfig,
    instance_id,
    rules::{above_zero, at_least, between, not_below, not_blank},
    section::{choice, defaults, section},
    security::Security,
    units::{Millis, Seconds, WholeSeconds},
};

section! {
    /// Where messages come from.
    pub struct Kafka {
        /// Bootstrap servers, separated by commas.
        ///
        /// Kafka sinks and the dead letter topic use them too, with `security` and `client_config`, unless they name their
        /// own.
        pub brokers: String = "localhost:9092".to_owned(), not_blank();
        /// How connections to the brokers are secured.
        pub security: Security = Security::new();
        /// Raw librdkafka settings by name, for what has no key here; their values are never shown.
        ///
        /// Kafka sinks and the dead letter topic use them too unless they name brokers of their own. Those that drakkar
        /// owns are refused, and so are names that librdkafka does not know.
        pub client_config: ClientConfig = ClientConfig::new();
        /// The topic to consume.
        pub source_topic: String = "input-events".to_owned(), not_blank();
        /// The consumer group; workers of one group share the partitions.
        pub consumer_group: String = "drakkar-workers".to_owned(), not_blank();
        /// How the group shares its partitions when workers come and go.
        ///
        /// `cooperative` moves only the partitions that change hands; `eager` takes all partitions away and hands out
        /// contiguous ranges. All workers of a group must use the same. It has no place with `group_protocol: consumer`.
        pub assignment: AssignmentMode = AssignmentMode::Cooperative;
        /// A name that is the worker's own over restarts: the group then waits for it instead of sharing its partitions
        /// out; empty for none.
        ///
        /// A worker that is away longer than `session_timeout_ms` loses its partitions. `{hostname}`, `{worker_id}` and
        /// `{env:NAME}` stand for the host's name, the worker's name and an environment variable. Two workers with one
        /// name fight: the broker stops one of them, which then ends with an error.
        pub group_instance_id: String = String::new(), instance_id::rule();
        /// The protocol of the group.
        ///
        /// With `consumer` (Kafka 4.0 and later) the broker shares out the partitions and owns the session, so that
        /// `session_timeout_ms`, `heartbeat_interval_ms` and `assignment` have no place beside it.
        pub group_protocol: GroupProtocol = GroupProtocol::Classic;
        /// The most messages taken from the client per poll.
        ///
        /// A small value costs throughput, a large one makes the first message of a batch wait.
        pub max_poll_records: usize = 100, at_least(1);
        /// The most milliseconds between two polls before the group takes the worker's partitions away.
        pub max_poll_interval_ms: Millis = Millis(300_000), between(1, 86_400_000);
        /// Milliseconds without a heartbeat after which the group counts the worker as dead.
        ///
        /// A small value notices a crash sooner, but a short network fault costs a rebalance.
        pub session_timeout_ms: Millis = Millis(45_000), between(1, 3_600_000);
        /// Milliseconds between two heartbeats; at most a third of `session_timeout_ms`.
        ///
        /// When not set, it is lowered to fit a short session timeout.
        pub heartbeat_interval_ms: Millis = Millis(3_000), between(1, 3_600_000);
        /// Base address of a Kafka UI, for links from the debug UI; empty for no links.
        pub ui_url: String = String::new();
        /// The cluster's name in that Kafka UI; links need both.
        pub ui_cluster_name: String = String::new();
        /// Whether workers wait for a shared moment before they join the group.
        ///
        /// Workers started together then join together, which saves rebalances.
        pub startup_align_enabled: bool = true;
        /// The least time to wait before joining, in seconds.
        pub startup_min_wait_seconds: Seconds = Seconds::of(4.0), not_below(0.0);
        /// The spacing of the shared moments, in seconds.
        pub startup_align_interval_seconds: WholeSeconds = WholeSeconds(10), at_least(1);
        /// How long a revoked partition may finish its work before it is handed over, in seconds.
        ///
        /// Zero hands over at once, and its unfinished messages are read again elsewhere. It must be below
        /// `session_timeout_ms` and `max_poll_interval_ms`; when not set, it is lowered to half of the smaller one.
        pub rebalance_drain_seconds: Seconds = Seconds::of(5.0), not_below(0.0);
        /// How long closing the consumer may take, in seconds, before the worker stops without it.
        pub close_timeout_seconds: Seconds = Seconds::of(10.0), above_zero();
        /// Time between two commits, in seconds.
        ///
        /// A large value repeats more messages after a crash, a small one costs broker requests.
        pub commit_interval_seconds: Seconds = Seconds::of(0.5), above_zero();
        /// How long a commit may stay unanswered, in seconds, before that is reported.
        ///
        /// The next one waits for the answer: of two that are under way at once the older one could win.
        pub commit_timeout_seconds: Seconds = Seconds::of(10.0), above_zero();
        /// How long the first connection to the brokers may take, in seconds.
        pub connect_timeout_seconds: Seconds = Seconds::of(10.0), above_zero();
        /// How long nothing may come, in seconds, while messages wait on the broker and fetching is not paused, before the
        /// worker connects anew; 0 for never.
        ///
        /// Such a stall is a fault of the client or the network. It makes the worker not ready until messages come again.
        pub watchdog_seconds: Seconds = Seconds::of(30.0), not_below(0.0);
        /// What happens to a message that cannot be parsed as the handler's input.
        ///
        /// `dlq` sends it to the dead letter topic; `skip` counts it, logs it and passes over it; `pass` hands it to
        /// `arrange`, which finds it in `window.unparsed()`.
        pub on_parse_error: OnParseError = OnParseError::Dlq;
        /// Messages of one partition that may wait in the worker before its fetching pauses.
        ///
        /// A small value pauses often, a large one costs memory.
        pub queue_max_messages: usize = 4_000, at_least(1);
    }
}

choice! {
    /// How a group shares its partitions.
    pub enum AssignmentMode {
        /// Only the partitions that change hands move.
        Cooperative = "cooperative",
        /// All partitions are taken away and handed out as contiguous ranges.
        Eager = "eager",
    }
}

choice! {
    /// The protocol of the group.
    pub enum GroupProtocol {
        /// The workers share out the partitions.
        Classic = "classic",
        /// The broker shares out the partitions.
        Consumer = "consumer",
    }
}

choice! {
    /// What happens to a message that cannot be parsed.
    pub enum OnParseError {
        /// It goes to the dead letter topic.
        Dlq = "dlq",
        /// It is counted, logged and passed over.
        Skip = "skip",
        /// `arrange` gets it as it is.
        Pass = "pass",
    }
    refused {
        "raise" => "`raise` is not available; a bad message never stops a worker",
    }
}

defaults!(Kafka);
