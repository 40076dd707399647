//! The `debug` section: the flight recorder and the debug UI.

use super::{
    rules::{at_least, between, not_blank},
    secret::Secret,
    section::{defaults, section},
    units::{Millis, WholeSeconds},
};

section! {
    /// The flight recorder and the debug UI.
    pub struct Debug {
        /// Whether the recorder and the debug UI run.
        pub enabled: bool = true;
        /// The address the UI is served on; `0.0.0.0` for every interface.
        pub host: String = "127.0.0.1".to_owned(), not_blank();
        /// The port the UI is served on.
        pub port: u16 = 8080, between(1, 65_535);
        /// The token that opens the UI; empty for no check.
        ///
        /// Spaces around it are ignored.
        pub auth_token: Secret = Secret::default();
        /// Origins that may open the UI's WebSocket.
        ///
        /// Empty with a token set allows the UI's own origin only.
        pub allowed_ws_origins: Vec<String> = Vec::new();
        /// The UI's address as other workers reach it; empty when they do not.
        pub debug_url: String = String::new();
        /// The folder for recordings; empty keeps them in memory only.
        pub db_dir: String = "/tmp".to_owned();
        /// Whether events are recorded.
        pub store_events: bool = true;
        /// Whether the worker's configuration is recorded, secrets left out, for other workers to find it.
        pub store_config: bool = true;
        /// Whether the worker's state is recorded from time to time.
        pub store_state: bool = true;
        /// Seconds between two recordings of the state.
        pub state_sync_interval_seconds: WholeSeconds = WholeSeconds(10), at_least(1);
        /// Environment variables whose values are recorded with the configuration.
        pub expose_env_vars: Vec<String> = Vec::new();
        /// Minutes after which a new recording file starts.
        pub rotation_interval_minutes: u32 = 60, at_least(1);
        /// Hours after which a recording file is deleted.
        pub retention_hours: u32 = 24, at_least(1);
        /// Events kept in all files together; older files are deleted above it.
        pub retention_max_events: usize = 100_000, at_least(100);
        /// Whether the output of tasks is recorded.
        pub store_output: bool = true;
        /// Seconds between two writes of recorded events.
        pub flush_interval_seconds: WholeSeconds = WholeSeconds(5), at_least(1);
        /// Events waiting to be written; above it the oldest are dropped and counted.
        pub max_buffer: usize = 50_000, at_least(1000);
        /// Failed writes of one batch before it is dropped and counted.
        pub max_flush_retries: u32 = 3, at_least(1);
        /// The most rows in a list of the UI.
        pub max_ui_rows: usize = 5_000, at_least(100);
        /// Tasks that took at least this many milliseconds are logged as slow.
        pub log_min_duration_ms: Millis = Millis(500), at_least(0);
        /// Tasks that took at least this many milliseconds appear in the live view; failed ones always do.
        pub ws_min_duration_ms: Millis = Millis(500), at_least(0);
        /// Tasks that took at least this many milliseconds are recorded.
        pub event_min_duration_ms: Millis = Millis(0), at_least(0);
        /// Tasks that took at least this many milliseconds have their output recorded.
        pub output_min_duration_ms: Millis = Millis(500), at_least(0);
        /// Base address of a Prometheus server, for links; empty for no links.
        pub prometheus_url: String = String::new();
        /// The rate window in those links.
        pub prometheus_rate_interval: String = "5m".to_owned(), not_blank();
        /// The label filter for this worker in those links.
        ///
        /// `{worker_id}`, `{cluster_name}`, `{metrics_port}` and `{debug_port}` stand for their values.
        pub prometheus_worker_label: String = String::new();
        /// The label filter for the cluster in those links, with the same placeholders.
        pub prometheus_cluster_label: String = String::new();
        /// Further links in the UI's navigation.
        pub custom_links: Vec<CustomLink> = Vec::new();
    }
}

section! {
    /// A link in the navigation.
    pub struct CustomLink {
        required {
            /// Its text.
            pub name: String, not_blank();
            /// Where it leads, with the placeholders of `prometheus_worker_label`.
            pub url: String, not_blank();
        }
    }
}

defaults!(Debug);
