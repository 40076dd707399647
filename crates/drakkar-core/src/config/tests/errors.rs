//! What messages say.

use super::{problem, problems};

#[test]
fn an_unknown_key_names_the_nearest_one() {
    let cases = [
        ("kafka:\n  brokerz: x", "2:3: unknown key `kafka.brokerz`; did you mean `brokers`?"),
        ("kafak:\n  brokers: x", "1:1: unknown key `kafak`; did you mean `kafka`?"),
        (
            "kafka: { max-poll-records: 5 }",
            "1:10: unknown key `kafka.max-poll-records`; did you mean `max_poll_records`?",
        ),
        (
            "sinks: { s3: { a: {} } }",
            "1:10: unknown key `sinks.s3`; known keys are `kafka`, `postgres`, `mongo`, `http`, `redis`, `filesystem`, `circuit_breaker`, `delivery_timeout_seconds`, `max_attempts`, `retry_backoff_initial_seconds`, `retry_backoff_max_seconds`",
        ),
        ("sinks: { postgress: { a: {} } }", "1:10: unknown key `sinks.postgress`; did you mean `postgres`?"),
        (
            "sinks: { kafka: { a: { topic: t, brokrs: b } } }",
            "1:34: unknown key `sinks.kafka.a.brokrs`; did you mean `brokers`?",
        ),
        (
            "cache: { peer_sync: { intervall_seconds: 3 } }",
            "1:23: unknown key `cache.peer_sync.intervall_seconds`; did you mean `interval_seconds`?",
        ),
        (
            "debug: { custom_links: [{ name: a, url: b, txt: c }] }",
            "1:44: unknown key `debug.custom_links[0].txt`; known keys are `name`, `url`",
        ),
        ("kafka: { Brokers: b }", "1:10: unknown key `kafka.Brokers`; did you mean `brokers`?"),
    ];
    for (text, expected) in cases {
        assert_eq!(problem(text), format!("drakkar.yaml:{expected}"));
    }
}

#[test]
fn a_key_in_the_wrong_section_is_sent_to_the_right_one() {
    assert_eq!(
        problem("kafka: { window_size: 5 }"),
        "drakkar.yaml:1:10: unknown key `kafka.window_size`; `window_size` belongs under `executor`"
    );
    assert_eq!(
        problem("executor:\n  kafka: {}"),
        "drakkar.yaml:2:3: unknown key `executor.kafka`; `kafka` belongs at the top level or under `sinks`"
    );
    assert_eq!(
        problem("source_topic: x"),
        "drakkar.yaml:1:1: unknown key `source_topic`; `source_topic` belongs under `kafka`"
    );
}

#[test]
fn keys_of_the_later_layout_are_sent_to_their_place() {
    let cases = [
        ("sources: { kafka: { topic: t } }", "`sources.kafka.topic` is `kafka.source_topic` here"),
        ("ui: { port: 1 }", "the settings of `ui` stand under `debug` here"),
        ("fleet: {}", "`fleet.cache_exchange` is `cache.peer_sync` here"),
        ("kafka: { topic: t }", "did you mean `source_topic`?"),
        ("kafka: { security: { ssl_ca_location: x } }", "did you mean `ca_location`?"),
        (
            "sinks: { kafka: { a: { topic: t, flush_timeout_seconds: 3 } } }",
            "did you mean `message_timeout_seconds`?",
        ),
    ];
    for (text, expected) in cases {
        let problem = problem(text);
        assert!(problem.contains(expected), "{problem}");
    }
}

#[test]
fn a_wrong_type_says_what_was_expected_and_found() {
    let cases = [
        ("dlq: { max_ratio: 1.5 }", "1:19: `dlq.max_ratio` must be from 0 to 1, found `1.5`"),
        ("dlq: { max_ratio: half }", "1:19: `dlq.max_ratio` must be a number from 0 to 1, found `half`"),
        (
            "kafka: { max_poll_records: many }",
            "1:28: `kafka.max_poll_records` must be a whole number, found `many`",
        ),
        (
            "kafka: { max_poll_records: 1.5 }",
            "1:28: `kafka.max_poll_records` must be a whole number, found `1.5`",
        ),
        (
            "kafka: { max_poll_records: true }",
            "1:28: `kafka.max_poll_records` must be a whole number, found `true`",
        ),
        (
            "kafka: { max_poll_records: [1] }",
            "1:28: `kafka.max_poll_records` must be a whole number, found a list",
        ),
        (
            "kafka: { max_poll_records: {a: 1} }",
            "1:28: `kafka.max_poll_records` must be a whole number, found a mapping",
        ),
        (
            "kafka: { max_poll_records: ~ }",
            "1:28: `kafka.max_poll_records` must hold a value, found nothing; give a value, or leave the key out",
        ),
        (
            "kafka: { max_poll_records: 010 }",
            "1:28: `kafka.max_poll_records` must be a whole number without a leading zero, found `010`; write octal as 0o17",
        ),
        (
            "kafka: { brokers: 9092 }",
            "1:19: `kafka.brokers` must be text, found `9092`; put quotes around it",
        ),
        (
            "kafka: { brokers: true }",
            "1:19: `kafka.brokers` must be text, found `true`; put quotes around it",
        ),
        ("kafka: { brokers: [a] }", "1:19: `kafka.brokers` must be text, found a list"),
        (
            "kafka: { startup_align_enabled: maybe }",
            "1:33: `kafka.startup_align_enabled` must be true or false, found `maybe`",
        ),
        (
            "kafka: { commit_interval_seconds: soon }",
            "1:35: `kafka.commit_interval_seconds` must be a number of seconds, found `soon`",
        ),
        ("kafka: text", "1:8: `kafka` must be a mapping, found text"),
        ("kafka: [a]", "1:8: `kafka` must be a mapping, found a list"),
        (
            "executor: { env_inherit_deny: x }",
            "1:31: `executor.env_inherit_deny` must be a list, found text; write it as [\"a\", \"b\"]",
        ),
        (
            "executor: { env_inherit_deny: [a, ~] }",
            "1:35: `executor.env_inherit_deny[1]` must hold a value, found nothing",
        ),
        ("executor: { env: [a] }", "1:18: `executor.env` must be a mapping, found a list"),
        (
            "logging: { level: LOUD }",
            "1:19: `logging.level` must be one of `DEBUG`, `INFO`, `WARNING`, `ERROR`, `CRITICAL`, found `LOUD`",
        ),
        (
            "logging: { level: warn }",
            "1:19: `logging.level` must be one of `DEBUG`, `INFO`, `WARNING`, `ERROR`, `CRITICAL`, found `warn`; did you mean `WARNING`?",
        ),
        ("app: 5", "1:6: `app` must be a mapping, found text"),
        ("[1]", "1:1: the configuration must be a mapping, found a list"),
        ("text", "1:1: the configuration must be a mapping, found text"),
    ];
    for (text, expected) in cases {
        assert_eq!(problem(text), format!("drakkar.yaml:{expected}"), "{text}");
    }
}

#[test]
fn a_value_out_of_range_says_the_range() {
    let cases = [
        ("kafka: { max_poll_records: 0 }", "`kafka.max_poll_records` must be at least 1, found `0`"),
        ("kafka: { max_poll_records: -5 }", "`kafka.max_poll_records` must be at least 1, found `-5`"),
        ("executor: { max_retries: -1 }", "`executor.max_retries` must be at least 0, found `-1`"),
        (
            "executor: { max_retries: 5000000000 }",
            "`executor.max_retries` must be from 0 to 4294967295, found `5000000000`",
        ),
        (
            "executor: { max_retries: 99999999999999999999 }",
            "`executor.max_retries` must be from 0 to 4294967295, found `99999999999999999999`",
        ),
        ("metrics: { port: 0 }", "`metrics.port` must be from 1 to 65535, found `0`"),
        ("metrics: { port: 65536 }", "`metrics.port` must be from 1 to 65535, found `65536`"),
        (
            "kafka: { commit_interval_seconds: 0 }",
            "`kafka.commit_interval_seconds` must be above 0, found `0`",
        ),
        (
            "kafka: { commit_interval_seconds: -1 }",
            "`kafka.commit_interval_seconds` must be above 0, found `-1`",
        ),
        (
            "kafka: { commit_interval_seconds: .nan }",
            "`kafka.commit_interval_seconds` must be above 0, found `.nan`",
        ),
        (
            "kafka: { commit_interval_seconds: .inf }",
            "`kafka.commit_interval_seconds` must be from 0 to 1000000000, found `.inf`",
        ),
        (
            "kafka: { commit_interval_seconds: 1e300 }",
            "`kafka.commit_interval_seconds` must be from 0 to 1000000000, found `1e300`",
        ),
        (
            "kafka: { session_timeout_ms: 3600001 }",
            "`kafka.session_timeout_ms` must be from 1 to 3600000, found `3600001`",
        ),
        ("executor: { max_stdout_bytes: 0 }", "`executor.max_stdout_bytes` must be at least 1, found `0`"),
        (
            "executor: { max_in_hand_bytes: 1000 }",
            "`executor.max_in_hand_bytes` must be at least 1048576, found `1000`",
        ),
        (
            "executor: { success_exit_codes: [0, 256] }",
            "`executor.success_exit_codes[1]` must be from 0 to 255, found `256`",
        ),
        ("executor: { binary_path: '' }", "`executor.binary_path` must not be empty, found ``"),
        ("kafka: { source_topic: ' ' }", "`kafka.source_topic` must not be empty, found ` `"),
        ("kafka: { consumer_group: '' }", "`kafka.consumer_group` must not be empty, found ``"),
        (
            "sinks: { filesystem: { a: { base_path: '' } } }",
            "`sinks.filesystem.a.base_path` must not be empty, found ``",
        ),
        ("sinks: { max_attempts: 0 }", "`sinks.max_attempts` must be at least 1, found `0`"),
        ("cache: { max_memory_entries: 0 }", "`cache.max_memory_entries` must be at least 1, found `0`"),
    ];
    for (text, expected) in cases {
        let problem = problem(text);
        assert_eq!(problem.split_once(": ").expect("has an origin").1, expected);
    }
}

#[test]
fn a_missing_setting_points_at_its_section() {
    assert_eq!(
        problem("sinks:\n  kafka:\n    results:\n      brokers: b\n"),
        "drakkar.yaml:4:7: `sinks.kafka.results.topic` is missing"
    );
    assert_eq!(
        problems("sinks:\n  mongo:\n    m:\n"),
        [
            "drakkar.yaml:3:5: `sinks.mongo.m.database` is missing",
            "drakkar.yaml:3:5: `sinks.mongo.m.uri` is missing"
        ]
    );
}

#[test]
fn names_of_sinks_are_plain() {
    for name in ["-a", "_a", "\"a b\"", "a.b", "ü", "\"\""] {
        let text = format!("sinks: {{ redis: {{ {name}: {{}} }} }}");
        assert!(problem(&text).contains("must be named with letters"), "{name}");
    }
    assert_eq!(super::config("sinks: { redis: { 0-a_B: {} } }").sinks.redis.len(), 1);
}

#[test]
fn all_problems_are_reported_at_once_in_order_of_the_file() {
    let text = "kafka:
  brokerz: a
  max_poll_records: 0
executor:
  max_executors: many
  max_executors: 2
sinks:
  kafka:
    a: {}
    b: { topic: 5 }
  postgres:
    p: { dsn: x, pool_min: 9, pool_max: 2 }
logging: { level: loud }
";
    let lines: Vec<String> =
        problems(text).iter().map(|p| p.split(':').take(3).skip(1).collect::<Vec<_>>().join(":")).collect();
    assert_eq!(lines, ["2:3", "3:21", "5:18", "6:3", "9:8", "10:17", "12:28", "13:19"]);
    let shown = super::invalid(text, &[]).to_string();
    assert!(shown.starts_with("8 problems in the configuration\n  drakkar.yaml:2:3: unknown key"), "{shown}");
}

#[test]
fn a_duplicate_key_names_the_first_one() {
    assert_eq!(
        problem("kafka:\n  brokers: a\n  brokers: b\n"),
        "drakkar.yaml:3:3: duplicate key `kafka.brokers`, first given in line 2; keep one of them"
    );
    assert_eq!(
        problem("kafka: {}\nkafka: {}\n"),
        "drakkar.yaml:2:1: duplicate key `kafka`, first given in line 1; keep one of them"
    );
}
