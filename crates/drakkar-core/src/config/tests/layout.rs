//! The layout of the reference loads unchanged, with its defaults.

use super::{config, file, loaded, problem};
use crate::config::{Compression, Config, Format, Fsync, Level, OnParseError, OnSendFailure, Origin, load};

const REFERENCE: &str = r#"
worker_name_env: POD_NAME
cluster_name: main
kafka:
  brokers: "kafka-1:9092,kafka-2:9092"
  source_topic: search-requests
  consumer_group: search
  max_poll_records: 200
  session_timeout_ms: 60000
  startup_align_enabled: no
  startup_min_wait_seconds: 2
executor:
  binary_path: /usr/bin/rg
  env:
    LANG: C.UTF-8
    THREADS: "2"
  env_inherit_deny: ["*_KEY"]
  max_executors: "8"
  task_timeout_seconds: 60
sinks:
  kafka:
    results: { topic: search-results }
    audit:
      topic: audit
      brokers: other:9092
  postgres:
    main-db: { dsn: "postgresql://u:p@db/search", pool_min: 1, pool_max: 4 }
  mongo:
    archive: { uri: "mongodb://m:27017", database: search }
  http:
    webhook:
      url: https://hooks.example.com/x
      headers: { Authorization: Bearer abc }
      max_retries: 3
  redis:
    hot:
  filesystem:
    files: { base_path: /data/out }
  circuit_breaker: { failure_threshold: 3, cooldown_seconds: 10 }
dlq:
  topic: ""
metrics: { port: 9100 }
logging: { level: debug, format: console }
debug:
  port: 8090
  auth_token: "  tok  "
  custom_links:
    - { name: Wiki, url: "https://wiki/{worker_id}" }
cache:
  enabled: true
  max_memory_entries: 50_000
  peer_sync: { interval_seconds: 20, cycle_deadline_seconds: 10 }
app:
  threshold: 0.5
  names: [a, 1, true, null]
"#;

#[test]
fn loads_a_file_of_the_reference() {
    let config = config(REFERENCE);
    assert_eq!(config.worker_name_env, "POD_NAME");
    assert_eq!(config.kafka.max_poll_records, 200);
    assert!(!config.kafka.startup_align_enabled);
    assert_eq!(config.kafka.startup_min_wait_seconds.get(), 2.0);
    assert_eq!(config.executor.max_executors, 8);
    assert_eq!(config.executor.env["THREADS"].expose(), "2");
    assert_eq!(config.executor.env_inherit_deny, ["*_KEY"]);
    assert_eq!(config.sinks.kafka.keys().collect::<Vec<_>>(), ["audit", "results"]);
    assert_eq!(config.sinks.postgres["main-db"].dsn.expose(), "postgresql://u:p@db/search");
    assert_eq!(config.sinks.mongo["archive"].database, "search");
    assert_eq!(config.sinks.http["webhook"].headers["Authorization"].expose(), "Bearer abc");
    assert_eq!(config.sinks.http["webhook"].max_retries, Some(3));
    assert_eq!(config.sinks.redis["hot"].url.expose(), "redis://localhost:6379/0");
    assert_eq!(config.sinks.filesystem["files"].fsync, Fsync::Batch);
    assert_eq!(config.sinks.circuit_breaker.cooldown_seconds.get(), 10.0);
    assert_eq!(config.logging.level, Level::Debug);
    assert_eq!(config.logging.format, Format::Console);
    assert_eq!(config.debug.auth_token.expose(), "tok");
    assert_eq!(config.debug.custom_links[0].url, "https://wiki/{worker_id}");
    assert_eq!(config.cache.max_memory_entries, Some(50_000));
    assert_eq!(config.app, serde_json::json!({"threshold": 0.5, "names": ["a", 1, true, null]}));
}

#[test]
fn has_the_defaults_of_the_reference() {
    let config = Config::default();
    let loaded = load(None, []).expect("nothing set is valid");
    assert_eq!(loaded.config, config);
    assert!(loaded.warnings.is_empty());
    assert_eq!(config.kafka.brokers, "localhost:9092");
    assert_eq!(config.kafka.heartbeat_interval_ms.0, 3000);
    assert_eq!(config.kafka.on_parse_error, OnParseError::Dlq);
    assert_eq!(config.executor.max_executors, 4);
    assert_eq!(config.executor.binary_path, None);
    assert_eq!(config.executor.success_exit_codes, [0]);
    assert_eq!(config.executor.max_in_hand_bytes, 268_435_456);
    assert_eq!(config.dlq.on_send_failure, OnSendFailure::Stall);
    assert_eq!(config.metrics.host, "127.0.0.1");
    assert_eq!(config.logging.level, Level::Info);
    assert!(config.sinks.is_empty());
    assert_eq!(config.cache.peer_sync.cycle_deadline().get(), 27.0);
}

#[test]
fn an_empty_file_is_no_settings() {
    for text in ["", "\n", "# nothing\n", "---\n", "{}", "null", "\u{feff}", "---\n...\n"] {
        assert_eq!(config(text), Config::default(), "{text:?}");
    }
}

#[test]
fn an_empty_section_means_its_defaults() {
    let text = "kafka:\nexecutor: ~\nsinks:\n  kafka:\n  circuit_breaker:\ndebug:\n  custom_links:\napp:\n";
    let loaded = loaded(text, &[]);
    assert_eq!(loaded.config, Config::default());
    assert!(!loaded.is_set("kafka") && !loaded.is_set("sinks") && !loaded.is_set("app"));
}

#[test]
fn byte_order_mark_and_windows_lines_change_nothing() {
    let text = format!("\u{feff}{}", REFERENCE.replace('\n', "\r\n"));
    assert_eq!(config(&text), config(REFERENCE));
    assert!(problem("\u{feff}kafka:\r\n  brokerz: x\r\n").starts_with("drakkar.yaml:2:3: "));
}

#[test]
fn aliases_and_merge_keys_are_expanded() {
    let text = "sinks:\n  kafka:\n    a: &a { topic: t, brokers: b }\n    b: *a\n    c:\n      <<: *a\n      topic: u\n";
    let sinks = config(text).sinks.kafka;
    assert_eq!(sinks["b"], sinks["a"]);
    assert_eq!((sinks["c"].topic.as_str(), sinks["c"].brokers.as_str()), ("u", "b"));
}

#[test]
fn nothing_in_the_file_is_expanded() {
    assert_eq!(config("kafka: { source_topic: '${TOPIC}' }").kafka.source_topic, "${TOPIC}");
}

#[test]
fn batching_stands_in_every_type_of_sink() {
    let text = "sinks:\n  redis:\n    r: { batch_max_items: 10, batch_max_bytes: 20, batch_linger_ms: 0, concurrency: 2 }
  kafka:\n    k: { topic: t, compression: gzip, concurrency: 3 }\n";
    let sinks = config(text).sinks;
    let batching = &sinks.redis["r"].batching;
    assert_eq!((batching.max_items, batching.max_bytes), (Some(10), Some(20)));
    assert_eq!((batching.linger_ms.map(|l| l.0), batching.concurrency), (Some(0), Some(2)));
    assert_eq!(sinks.kafka["k"].batching.concurrency, Some(3));
    assert_eq!(sinks.kafka["k"].compression, Compression::Gzip);
    assert_eq!(
        problem("sinks: { filesystem: { f: { base_path: /x, concurrency: 0 } } }"),
        "drakkar.yaml:1:57: `sinks.filesystem.f.concurrency` must be at least 1, found `0`"
    );
}

#[test]
fn dead_letters_and_sinks_inherit_what_they_do_not_set() {
    let mut config = config("kafka: { brokers: k, source_topic: in }\nsinks: { kafka: { a: { topic: t } } }");
    assert_eq!(config.dlq_topic(), "in_dlq");
    assert_eq!(config.dlq_brokers(), "k");
    assert_eq!(config.sink_brokers(&config.sinks.kafka["a"]), "k");
    config.dlq.topic = "dead".to_owned();
    config.dlq.brokers = "d".to_owned();
    assert_eq!((config.dlq_topic().as_str(), config.dlq_brokers()), ("dead", "d"));
}

#[test]
fn origins_tell_file_variable_and_default_apart() {
    let loaded =
        loaded("executor:\n  window_size: 5\nsinks:\n  redis:\n    hot:\n", &[("DK_KAFKA__BROKERS", "x")]);
    let name = "drakkar.yaml".into();
    assert_eq!(loaded.origin("executor.window_size"), Origin::File { name, line: 2, column: 16 });
    assert_eq!(loaded.origin("kafka.brokers"), Origin::Variable("DK_KAFKA__BROKERS".into()));
    assert_eq!(loaded.origin("metrics.port"), Origin::Default);
    assert!(loaded.is_set("sinks.redis") && loaded.is_set("sinks.redis.hot") && loaded.is_set("executor"));
    assert!(!loaded.is_set("sinks.postgres") && !loaded.is_set("exec") && !loaded.is_set("kafka.broker"));
    assert_eq!(loaded.origins().count(), 3);
}

#[test]
fn unset_neighbours_do_not_hide_a_set_path() {
    // `-` sorts before `.`: a longer name may stand between a path and what is below it.
    let text = "executor: { env: { a-b: x, a.b: x } }\nsinks: { redis: { a: { key_prefix: x }, a-b: { key_prefix: y } } }";
    let loaded = loaded(text, &[]);
    assert!(loaded.is_set("sinks.redis.a") && loaded.is_set("sinks.redis.a-b"));
}

#[test]
fn numbers_are_read_in_their_usual_forms() {
    for (text, value) in
        [("7", 7), ("\"7\"", 7), ("+7", 7), ("7.0", 7), ("0x10", 16), ("0o10", 8), ("1_000", 1000)]
    {
        let text = format!("executor: {{ window_size: {text} }}");
        assert_eq!(config(&text).executor.window_size, value, "{text}");
    }
    for (text, value) in [("1", 1.0), ("1.5", 1.5), (".5", 0.5), ("1e1", 10.0), ("'2.5'", 2.5)] {
        let text = format!("kafka: {{ close_timeout_seconds: {text} }}");
        assert_eq!(config(&text).kafka.close_timeout_seconds.get(), value, "{text}");
    }
    for text in ["true", "True", "yes", "ON", "1", "y", "t", "'true'"] {
        let text = format!("cache: {{ enabled: {text} }}");
        assert!(config(&text).cache.enabled, "{text}");
    }
    assert!(load(file("cluster_name: no"), []).expect("`no` is text here").config.cluster_name == "no");
}
