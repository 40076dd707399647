//! Variables over defaults and file.

use super::{file, invalid, loaded, owned, variable_problem};
use crate::config::load;

#[test]
fn variables_override_the_file_which_overrides_the_defaults() {
    let text = "kafka: { brokers: file, source_topic: file }";
    let config =
        loaded(text, &[("DK_KAFKA__BROKERS", "variable"), ("DK_CONFIG", "/x"), ("PATH", "/bin")]).config;
    assert_eq!(config.kafka.brokers, "variable");
    assert_eq!(config.kafka.source_topic, "file");
    assert_eq!(config.kafka.consumer_group, "drakkar-workers");
}

#[test]
fn values_are_converted_by_the_type_of_the_setting() {
    let config = loaded(
        "",
        &[
            ("DK_EXECUTOR__MAX_EXECUTORS", " 08 "),
            ("DK_CACHE__ENABLED", "Yes"),
            ("DK_CACHE__FLUSH_INTERVAL_SECONDS", "0.25"),
            ("DK_CLUSTER_NAME", "42"),
            ("DK_CACHE__PEER_SYNC__INTERVAL_SECONDS", "60"),
            ("DK_LOGGING__LEVEL", "error"),
        ],
    )
    .config;
    assert_eq!(config.executor.max_executors, 8);
    assert!(config.cache.enabled);
    assert_eq!(config.cache.flush_interval_seconds.get(), 0.25);
    assert_eq!(config.cluster_name, "42");
    assert_eq!(config.cache.peer_sync.interval_seconds.get(), 60.0);
    assert_eq!(config.logging.level.as_str(), "ERROR");
}

#[test]
fn lists_and_mappings_are_json() {
    let config = loaded(
        "sinks: { http: { hook: { url: 'http://h', headers: { A: old, B: kept } } } }",
        &[
            ("DK_EXECUTOR__ENV_INHERIT_DENY", r#"["*_KEY"]"#),
            ("DK_EXECUTOR__ENV", r#"{"LANG": "C", "lower": "x"}"#),
            ("DK_EXECUTOR__ENV__LANG", "de"),
            ("DK_EXECUTOR__SUCCESS_EXIT_CODES", "[0, 1]"),
            ("DK_DEBUG__CUSTOM_LINKS", r#"[{"name": "n", "url": "u"}]"#),
            ("DK_SINKS__HTTP__HOOK__HEADERS", r#"{"A": "new"}"#),
            ("DK_SINKS__KAFKA", r#"{"made": {"topic": "t"}}"#),
            ("DK_SINKS__KAFKA__MADE__BROKERS", "b"),
        ],
    )
    .config;
    assert_eq!(config.executor.env_inherit_deny, ["*_KEY"]);
    assert_eq!(config.executor.env["LANG"].expose(), "de");
    assert_eq!(config.executor.env["lower"].expose(), "x");
    assert_eq!(config.executor.success_exit_codes, [0, 1]);
    assert_eq!(config.debug.custom_links[0].name, "n");
    let headers = &config.sinks.http["hook"].headers;
    assert_eq!((headers["A"].expose(), headers["B"].expose()), ("new", "kept"));
    assert_eq!(config.sinks.kafka["made"].topic, "t");
    assert_eq!(config.sinks.kafka["made"].brokers, "b");
}

#[test]
fn names_in_the_file_are_found_in_any_case_and_with_hyphens() {
    let text = "sinks:\n  postgres:\n    main-db: { dsn: a }\n    Main_Log: { dsn: b }\n";
    let config = loaded(
        text,
        &[
            ("DK_SINKS__POSTGRES__MAIN_DB__DSN", "x"),
            ("DK_SINKS__POSTGRES__MAIN_LOG__POOL_MAX", "3"),
            ("DK_SINKS__POSTGRES__NEW_ONE__DSN", "y"),
        ],
    )
    .config;
    assert_eq!(config.sinks.postgres["main-db"].dsn.expose(), "x");
    assert_eq!(config.sinks.postgres["Main_Log"].pool_max, 3);
    assert_eq!(config.sinks.postgres["new_one"].dsn.expose(), "y");
    assert_eq!(config.sinks.postgres.len(), 3);
}

#[test]
fn a_name_that_could_mean_two_sinks_is_an_error() {
    let text = "sinks: { redis: { a-b: {}, A_B: {} } }";
    assert_eq!(
        variable_problem(text, &[("DK_SINKS__REDIS__A_B__KEY_PREFIX", "x")]),
        "DK_SINKS__REDIS__A_B__KEY_PREFIX: this variable could mean `a-b`, `A_B` below `sinks.redis`; \
         give them names that differ"
    );
    let text = "sinks: { redis: { a-b: {}, a_b: {} } }";
    let config = loaded(text, &[("DK_SINKS__REDIS__A_B__KEY_PREFIX", "x")]).config;
    assert_eq!(config.sinks.redis["a_b"].key_prefix, "x");
}

#[test]
fn null_resets_what_is_optional_and_is_text_elsewhere() {
    let text = "executor: { binary_path: /bin/x, env_inherit_deny: [a] }\ncache: { enabled: true }";
    let loaded = loaded(
        text,
        &[
            ("DK_EXECUTOR__BINARY_PATH", "null"),
            ("DK_CACHE__MAX_MEMORY_ENTRIES", "null"),
            ("DK_CLUSTER_NAME", "null"),
            ("DK_EXECUTOR__ENV_INHERIT_DENY", "null"),
        ],
    );
    assert_eq!(loaded.config.executor.binary_path, None);
    assert_eq!(loaded.config.cache.max_memory_entries, None);
    assert_eq!(loaded.config.cluster_name, "null");
    assert_eq!(loaded.config.executor.env_inherit_deny.len(), 7, "null means the default list");
    assert_eq!(loaded.warnings.len(), 1);
    assert!(loaded.warnings[0].to_string().starts_with("DK_CACHE__MAX_MEMORY_ENTRIES: "));
    assert!(
        variable_problem("", &[("DK_EXECUTOR__WINDOW_SIZE", "null")])
            .ends_with("a whole number, found `null`")
    );
}

#[test]
fn names_for_children_keep_their_case() {
    let config = loaded(
        "executor: { env: { http_proxy: a } }",
        &[("DK_EXECUTOR__ENV__HTTP_PROXY", "b"), ("DK_executor__ENV__Mixed", "c")],
    )
    .config;
    let keys: Vec<_> = config.executor.env.keys().collect();
    assert_eq!(keys, ["HTTP_PROXY", "Mixed", "http_proxy"]);
}

#[test]
fn a_stray_variable_warns_and_names_the_nearest() {
    let stray = [
        ("DK_FOO", "x", None),
        ("DK_KAFAK__BROKERS", "x", Some("did you mean `DK_KAFKA__BROKERS`?")),
        ("DK_CLUSTER", "x", Some("did you mean `DK_CLUSTER_NAME`?")),
        ("DK_CLUSTER_NAM", "x", Some("did you mean `DK_CLUSTER_NAME`?")),
        ("DK_KAFKA_BROKERS", "x", Some("levels are separated by two underscores: `DK_KAFKA__BROKERS`")),
        ("DK_UI__PORT", "1", Some("the settings of `ui` stand under `debug` here")),
        ("DK_", "x", None),
    ];
    for (name, value, help) in stray {
        let loaded = loaded("", &[(name, value)]);
        assert_eq!(loaded.warnings.len(), 1, "{name}");
        let warning = &loaded.warnings[0];
        assert_eq!(warning.key, name);
        assert_eq!(warning.help.as_deref(), help, "{name}");
    }
}

#[test]
fn the_prefix_is_upper_case_only() {
    let loaded = loaded("", &[("dk_cluster_name", "x"), ("Dk_CLUSTER_NAME", "y")]);
    assert_eq!(loaded.config.cluster_name, "");
    assert!(loaded.warnings.is_empty());
}

#[test]
fn variables_that_hold_names_are_not_warned_about() {
    let text = "worker_name_env: DK_WORKER\ncluster_name_env: DK_CLUSTER\ncluster_name: file";
    let loaded = loaded(text, &[("DK_WORKER", "w"), ("DK_CLUSTER", "c")]);
    assert!(loaded.warnings.is_empty());
    assert_eq!(loaded.config.cluster_name, "c");
    assert_eq!(loaded.origin("cluster_name").to_string(), "DK_CLUSTER");
    let config = load(file(text), owned(&[("DK_CLUSTER", "")])).expect("valid").config;
    assert_eq!(config.cluster_name, "file");
    let by_variable = [("DK_CLUSTER_NAME_ENV", "DK_KAFKA__ID"), ("DK_KAFKA__ID", "c")];
    assert_eq!(load(None, owned(&by_variable)).expect("valid").config.cluster_name, "c");
}

#[test]
fn an_unknown_key_below_a_section_is_an_error() {
    assert_eq!(
        variable_problem("", &[("DK_KAFKA__BROKERZ", "x")]),
        "DK_KAFKA__BROKERZ: unknown key `kafka.brokerz`; did you mean `brokers`?"
    );
    assert_eq!(
        variable_problem("", &[("DK_SINKS__KAFKA__A__TOPICS", "t")]),
        "DK_SINKS__KAFKA__A__TOPICS: unknown key `sinks.kafka.a.topics`; did you mean `topic`?"
    );
}

#[test]
fn an_incomplete_new_sink_points_at_its_variable() {
    assert_eq!(
        variable_problem("", &[("DK_SINKS__KAFKA__NEW__BROKERS", "b")]),
        "DK_SINKS__KAFKA__NEW__BROKERS: `sinks.kafka.new.topic` is missing"
    );
}

#[test]
fn a_section_or_list_given_as_text_is_a_clear_error() {
    let cases = [
        (
            "DK_KAFKA",
            "x",
            "DK_KAFKA: `kafka` is a section, and takes JSON; this is not (wrong at character 1); set its keys one by one, as in `DK_KAFKA__...`",
        ),
        (
            "DK_KAFKA",
            "5",
            "DK_KAFKA: `kafka` is a section, and takes JSON that is one; found text; set its keys one by one, as in `DK_KAFKA__...`",
        ),
        (
            "DK_EXECUTOR__ENV",
            "a=b",
            "DK_EXECUTOR__ENV: `executor.env` is a mapping, and takes JSON; this is not (wrong at character 1); write it as {\"a\": \"b\"}",
        ),
        (
            "DK_EXECUTOR__ENV",
            "{\"a\": \"x\", \"a\": \"y\"}",
            "DK_EXECUTOR__ENV: `executor.env` is a mapping, and takes JSON; this is not (it repeats a key); write it as {\"a\": \"b\"}",
        ),
        (
            "DK_EXECUTOR__ENV_INHERIT_DENY",
            "a,b",
            "DK_EXECUTOR__ENV_INHERIT_DENY: `executor.env_inherit_deny` is a list, and takes JSON; this is not (wrong at character 1); write it as [\"a\", \"b\"]",
        ),
        (
            "DK_EXECUTOR__ENV_INHERIT_DENY",
            "{}",
            "DK_EXECUTOR__ENV_INHERIT_DENY: `executor.env_inherit_deny` is a list, and takes JSON that is one; found a mapping; write it as [\"a\", \"b\"]",
        ),
        (
            "DK_EXECUTOR__ENV_INHERIT_DENY__0",
            "a",
            "DK_EXECUTOR__ENV_INHERIT_DENY__0: `executor.env_inherit_deny` is a list; its items cannot be set one by one; set the whole list as JSON in `DK_EXECUTOR__ENV_INHERIT_DENY`",
        ),
        (
            "DK_KAFKA__BROKERS__X",
            "a",
            "DK_KAFKA__BROKERS__X: `kafka.brokers` is a single value with nothing below it; set it in `DK_KAFKA__BROKERS`",
        ),
        ("DK_APP__X", "a", "DK_APP__X: `app` cannot be set by variables; set it in the file"),
        ("DK_APP", "{}", "DK_APP: `app` cannot be set by variables; set it in the file"),
        ("DK_SINKS__KAFKA____TOPIC", "a", "DK_SINKS__KAFKA____TOPIC: a name is missing below `sinks.kafka`"),
    ];
    for (name, value, expected) in cases {
        assert_eq!(variable_problem("", &[(name, value)]), expected);
    }
    let both = invalid("", &[("DK_KAFKA", "x"), ("DK_KAFKA__BROKERS", "y")]);
    assert_eq!(both.problems.len(), 1, "the good one is no problem");
}

#[test]
fn two_variables_for_one_setting_are_an_error() {
    let both = [("DK_KAFKA__BROKERS", "a"), ("DK_Kafka__Brokers", "b")];
    assert_eq!(
        variable_problem("", &both),
        "DK_Kafka__Brokers: `kafka.brokers` is also set by `DK_KAFKA__BROKERS`; keep one of them"
    );
}

#[test]
fn variables_fill_a_section_the_file_left_empty() {
    assert_eq!(loaded("kafka:\n", &[("DK_KAFKA__BROKERS", "b")]).config.kafka.brokers, "b");
    let broken = invalid("kafka: text\n", &[("DK_KAFKA__BROKERS", "b")]);
    assert_eq!(broken.to_string(), "drakkar.yaml:1:8: `kafka` must be a mapping, found text");
}

#[test]
fn a_bad_value_names_its_variable() {
    assert_eq!(
        variable_problem("", &[("DK_METRICS__PORT", "http")]),
        "DK_METRICS__PORT: `metrics.port` must be a whole number, found `http`"
    );
    let empty = variable_problem("", &[("DK_EXECUTOR__BINARY_PATH", "")]);
    assert_eq!(empty, "DK_EXECUTOR__BINARY_PATH: `executor.binary_path` must not be empty, found ``");
}
