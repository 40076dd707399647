//! Properties over random input.

use proptest::prelude::*;

use super::{file, owned};
use crate::config::{Config, File, Seconds, load};

/// Pieces of YAML that make trouble when put together at random.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("kafka".to_owned()),
        Just("sinks".to_owned()),
        Just("brokers".to_owned()),
        Just("postgres".to_owned()),
        Just(": ".to_owned()),
        Just("\n  ".to_owned()),
        Just("\n".to_owned()),
        Just("- ".to_owned()),
        Just("{".to_owned()),
        Just("}".to_owned()),
        Just("[".to_owned()),
        Just("]".to_owned()),
        Just(", ".to_owned()),
        Just("&a ".to_owned()),
        Just("*a".to_owned()),
        Just("<<".to_owned()),
        Just("!!str ".to_owned()),
        Just("'".to_owned()),
        Just("\"".to_owned()),
        Just("|\n".to_owned()),
        Just("? ".to_owned()),
        Just("---\n".to_owned()),
        Just("#".to_owned()),
        Just("\r".to_owned()),
        Just("\t".to_owned()),
        "[a-z0-9]{1,5}",
        any::<char>().prop_map(String::from),
    ]
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_with_a_place(pieces in prop::collection::vec(piece(), 0..40)) {
        let text = pieces.concat();
        if let Err(invalid) = load(file(&text), []) {
            prop_assert!(!invalid.problems.is_empty());
            prop_assert!(!invalid.render(&text).is_empty());
        }
    }

    #[test]
    fn any_variable_is_read_or_refused(name in "DK_[A-Za-z_]{0,30}", section in 0..4_usize, value in ".{0,30}") {
        let section = ["", "SINKS__KAFKA__", "EXECUTOR__", "CACHE__PEER_SYNC__"][section];
        let name = name.replacen("DK_", &format!("DK_{section}"), 1);
        if let Err(invalid) = load(None, [(name, value)]) {
            prop_assert!(!invalid.to_string().is_empty());
        }
    }

    #[test]
    fn a_configuration_written_as_json_loads_as_itself(
        records in 1..1_000_000_usize,
        millis in 1..1_000_000_000_u32,
        text in "[ -~äß]{0,20}",
        codes in prop::collection::vec(0..256_i32, 0..5),
        names in prop::collection::btree_set("[a-zA-Z0-9][a-zA-Z0-9_-]{0,8}", 0..4),
        flag: bool,
    ) {
        let seconds = f64::from(millis) / 1000.0;
        let mut config = Config::default();
        config.cluster_name.clone_from(&text);
        config.kafka.max_poll_records = records;
        config.kafka.commit_interval_seconds = Seconds::new(seconds).expect("in range");
        config.kafka.startup_align_enabled = flag;
        config.executor.success_exit_codes = codes;
        config.executor.env_inherit_deny = vec![text.clone()];
        config.app = serde_json::json!({"text": text, "number": seconds, "list": [records, flag, null]});
        for name in names {
            let sink = crate::config::KafkaSink::new(format!("t{name}"));
            config.sinks.kafka.insert(name.clone(), sink);
            config.sinks.filesystem.insert(name.clone(), crate::config::FilesystemSink::new("/x"));
        }
        let json = config.to_json().to_string();
        let loaded = load(Some(File { name: "c.json", text: &json }), []).expect("valid");
        prop_assert_eq!(&loaded.config, &config);
        let by_variable = load(None, owned(&[("DK_KAFKA", &config.to_json()["kafka"].to_string())]));
        prop_assert_eq!(&by_variable.expect("valid").config.kafka, &config.kafka);
    }

    #[test]
    fn the_file_can_be_split_between_file_and_variables(window in 1..1000_usize, executors in 1..100_usize) {
        let whole = format!("executor: {{ window_size: {window}, max_executors: {executors} }}");
        let part = format!("executor: {{ window_size: {window}, max_executors: 1 }}");
        let variables = owned(&[("DK_EXECUTOR__MAX_EXECUTORS", &executors.to_string())]);
        let split = load(file(&part), variables).expect("valid").config;
        prop_assert_eq!(split, load(file(&whole), []).expect("valid").config);
    }
}
