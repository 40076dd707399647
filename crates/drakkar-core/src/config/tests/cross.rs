//! Settings that must agree with each other.

use super::{config, problem, variable_problem};

#[test]
fn contradicting_pairs_are_errors() {
    let cases = [
        (
            "kafka: { heartbeat_interval_ms: 2001, session_timeout_ms: 6000 }",
            "1:33: `kafka.heartbeat_interval_ms` must be at most a third of `kafka.session_timeout_ms` (6000), found 2001",
        ),
        (
            "kafka: { rebalance_drain_seconds: 45 }",
            "1:35: `kafka.rebalance_drain_seconds` must be below `kafka.session_timeout_ms` (45000), found 45 seconds",
        ),
        (
            "kafka: { rebalance_drain_seconds: 10, max_poll_interval_ms: 9000 }",
            "1:35: `kafka.rebalance_drain_seconds` must be below `kafka.max_poll_interval_ms` (9000), found 10 seconds",
        ),
        (
            "executor: { backpressure_low_multiplier: 33 }",
            "1:42: `executor.backpressure_low_multiplier` must be at most `executor.backpressure_high_multiplier` (32), found 33",
        ),
        (
            "executor: { retry_backoff_initial_seconds: 60 }",
            "1:44: `executor.retry_backoff_initial_seconds` must be at most `executor.retry_backoff_max_seconds` (30), found 60",
        ),
        (
            "sinks: { retry_backoff_initial_seconds: 60 }",
            "1:41: `sinks.retry_backoff_initial_seconds` must be at most `sinks.retry_backoff_max_seconds` (10), found 60",
        ),
        (
            "sinks: { postgres: { a: { dsn: x, pool_min: 5, pool_max: 4 } } }",
            "1:45: `sinks.postgres.a.pool_min` must be at most `sinks.postgres.a.pool_max` (4), found 5",
        ),
        (
            "cache: { peer_sync: { interval_seconds: 5, cycle_deadline_seconds: 5 } }",
            "1:68: `cache.peer_sync.cycle_deadline_seconds` must be below `cache.peer_sync.interval_seconds` (5), found 5",
        ),
        (
            "dlq: { topic: input-events }",
            "1:15: `dlq.topic` must not be the topic that is consumed: dead letters would come back for ever",
        ),
        (
            "executor: { env: { 'A=B': x } }",
            "1:20: `executor.env.***` must have a name without `=` that is not empty",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(problem(text), format!("drakkar.yaml:{expected}"), "{text}");
    }
}

#[test]
fn defaults_give_way_to_what_is_set_beside_them() {
    let kafka = config("kafka: { session_timeout_ms: 6000 }").kafka;
    assert_eq!((kafka.heartbeat_interval_ms.0, kafka.rebalance_drain_seconds.get()), (2000, 3.0));
    assert_eq!(
        config("executor: { backpressure_high_multiplier: 2 }").executor.backpressure_low_multiplier,
        2
    );
    assert_eq!(config("sinks: { postgres: { a: { dsn: x, pool_max: 1 } } }").sinks.postgres["a"].pool_min, 1);
    let sinks = config("sinks: { retry_backoff_max_seconds: 0.05 }").sinks;
    assert_eq!(sinks.retry_backoff_initial_seconds.get(), 0.05);
}

#[test]
fn a_pair_with_a_setting_already_reported_is_passed_over() {
    problem("kafka: { heartbeat_interval_ms: 40000, session_timeout_ms: long }");
}

#[test]
fn a_contradiction_by_a_variable_names_the_variable() {
    assert_eq!(
        variable_problem(
            "kafka: { session_timeout_ms: 9000 }",
            &[("DK_KAFKA__HEARTBEAT_INTERVAL_MS", "4000")]
        ),
        "DK_KAFKA__HEARTBEAT_INTERVAL_MS: `kafka.heartbeat_interval_ms` must be at most a third of \
         `kafka.session_timeout_ms` (9000), found 4000"
    );
}

#[test]
fn with_the_newer_group_protocol_nothing_may_be_set_that_the_broker_decides() {
    for (key, value) in
        [("session_timeout_ms", "45000"), ("heartbeat_interval_ms", "3000"), ("assignment", "cooperative")]
    {
        let found = problem(&format!("kafka:\n  group_protocol: consumer\n  {key}: {value}\n"));
        let place = format!("`kafka.{key}` has no place beside `kafka.group_protocol: consumer`; the broker");
        assert!(found.starts_with("drakkar.yaml:3:") && found.contains(&place), "{found}");
        config(&format!("kafka:\n  group_protocol: classic\n  {key}: {value}\n"));
    }
    let variables = [("DK_KAFKA__SESSION_TIMEOUT_MS", "6000"), ("DK_KAFKA__GROUP_PROTOCOL", "Consumer")];
    assert!(
        variable_problem("", &variables)
            .starts_with("DK_KAFKA__SESSION_TIMEOUT_MS: `kafka.session_timeout_ms` has no place")
    );
    let kafka = config("kafka: { group_protocol: consumer, rebalance_drain_seconds: 20 }").kafka;
    assert_eq!(kafka.rebalance_drain_seconds.get(), 20.0);
}

#[test]
fn the_name_of_a_static_member_holds_only_what_can_be_filled_in() {
    for good in ["w-1.a_b", "{hostname}", "w-{env:ORDINAL}", "{worker_id}"] {
        config(&format!("kafka: {{ group_instance_id: '{good}' }}"));
    }
    for bad in ["a b", "{host}", "a/b", "{env:}", "{hostname"] {
        let found = problem(&format!("kafka: {{ group_instance_id: '{bad}' }}"));
        assert!(
            found.contains("`kafka.group_instance_id` must hold letters") && found.contains("{env:NAME}"),
            "{found}"
        );
    }
}
