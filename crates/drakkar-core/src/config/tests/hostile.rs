//! Texts that were never meant to be read.

use super::{config, file, problem};
use crate::config::load;

#[test]
fn nesting_is_bounded() {
    for text in ["[".repeat(100_000), "{a: ".repeat(10_000), "- ".repeat(100_000), "? ".repeat(10_000)] {
        let error = load(file(&text), []).expect_err("too deep").to_string();
        assert!(error.len() < 500, "{error}");
    }
    let block: String = (0..500).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
    assert!(problem(&block).ends_with("more than 64 levels of nesting"));
}

#[test]
fn aliases_cannot_blow_up() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..20 {
        let items = vec![format!("*a{}", level - 1); 10].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{items}]\n"));
    }
    assert!(problem(&text).ends_with("the configuration is too large"));
    let wide = format!("a: &a [{}]\nb: [{}]\n", "x, ".repeat(10_000), "*a, ".repeat(10_000));
    assert!(problem(&wide).ends_with("the configuration is too large"));
    assert!(problem("a: &a [*a]").contains("this alias stands inside what it refers to"));
    assert!(problem("a: *nowhere").contains("not valid YAML"));
}

#[test]
fn a_long_scalar_is_read_and_never_echoed_whole() {
    let long = "x".repeat(1 << 20);
    assert_eq!(config(&format!("cluster_name: {long}")).cluster_name.len(), 1 << 20);
    for text in [
        format!("kafka: {{ max_poll_records: {long} }}"),
        format!("kafka: {{ {long}: 1 }}"),
        format!("logging: {{ level: {long} }}"),
        format!("kafka: {{ max_poll_records: {} }}", "9".repeat(1 << 20)),
        format!("\"{long}\": 1"),
    ] {
        let invalid = load(file(&text), []).expect_err("must be refused");
        assert!(invalid.to_string().len() < 500);
        assert!(invalid.render(&text).len() < 3000);
    }
}

#[test]
fn a_text_beyond_the_bound_is_refused_unread() {
    let text = "#".repeat((4 << 20) + 1);
    assert_eq!(problem(&text), "drakkar.yaml:1:1: the file has 4194305 bytes, the most is 4194304");
}

#[test]
fn garbage_is_refused_or_read_but_never_panics() {
    let garbage: Vec<u8> = (0..=255).cycle().take(5000).collect();
    for text in [
        String::from_utf8_lossy(&garbage).into_owned(),
        "\0\0\0".to_owned(),
        "\u{1b}[2J".to_owned(),
        "%YAML 9.9\n---\n".to_owned(),
        "%TAG ! x\n".to_owned(),
        "&".to_owned(),
        "*".to_owned(),
        "!".to_owned(),
        "? - : , [] {}".to_owned(),
        ": : : :".to_owned(),
        "---\n---\n---".to_owned(),
        "\"\\uD800\"".to_owned(),
        "a: !!binary AAAA".to_owned(),
        "- - - -\n -".to_owned(),
        "|\n  x\n y".to_owned(),
        "'".to_owned(),
    ] {
        if let Err(invalid) = load(file(&text), []) {
            assert!(!invalid.to_string().contains(['\u{1b}', '\0']), "{invalid:?}");
            assert!(!invalid.render(&text).contains(['\u{1b}', '\0']));
        }
    }
}

#[test]
fn tabs_for_indentation_are_named() {
    let problem = problem("kafka:\n\tbrokers: x\n");
    assert!(problem.starts_with("drakkar.yaml:2:"), "{problem}");
    assert!(problem.contains("tab"), "{problem}");
}

#[test]
fn a_second_document_is_refused() {
    assert_eq!(
        problem("kafka: {}\n---\nkafka: {}\n"),
        "drakkar.yaml:2:1: a second document; the configuration is one document"
    );
}

#[test]
fn keys_that_are_no_names_are_refused() {
    assert!(problem("? [a]\n: b\n").contains("a key must be a name"));
    assert!(problem("ключ: 1").contains("unknown key `ключ`"));
    assert!(problem("1: 1").contains("unknown key `1`"));
    assert!(problem("\"a b\": 1").contains("unknown key `***`"));
    assert!(problem("~: 1").contains("unknown key"));
}

#[test]
fn tags_of_other_programs_are_refused() {
    assert!(problem("kafka: !!python/object:os.system x").contains("tags"));
    assert!(problem("kafka: { brokers: !secret x }").contains("tags"));
    assert!(problem("kafka: { brokers: !!binary x }").contains("tags"));
    assert_eq!(config("cluster_name: !!str 5").cluster_name, "5");
    assert_eq!(config("cluster_name: ! 5").cluster_name, "5");
    assert_eq!(config("metrics: !!map { port: !!int 5 }").metrics.port, 5);
}
