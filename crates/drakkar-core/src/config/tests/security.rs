//! Security of Kafka connections, and raw settings of the client.

use super::{config, loaded, problem, problems, variable_problem};
use crate::config::{Config, Origin, SaslMechanism, SecurityProtocol};

const SECURE: &str = "kafka:
  security:
    protocol: SASL_SSL
    sasl_mechanism: scram-sha-256
    sasl_username: u
    sasl_password: hunter2
    ca_location: /ca.pem
  client_config: { fetch.wait.max.ms: 50, socket.keepalive.enable: true, ssl.ca.pem: x }
sinks:
  kafka:
    shared: { topic: a, client_config: { linger.ms: 1, fetch.wait.max.ms: 60 } }
    own: { topic: b, brokers: other:1, client_config: { linger.ms: 2 } }
";

fn pairs(settings: &[(String, crate::config::Secret)]) -> Vec<(&str, &str)> {
    settings.iter().map(|(name, value)| (name.as_str(), value.expose())).collect()
}

fn sink(config: &Config, name: &str) -> Vec<(String, String)> {
    let connection = config.sink_connection(name, &config.sinks.kafka[name]);
    let settings = connection.client_settings();
    settings.iter().map(|(name, value)| (name.clone(), value.expose().to_owned())).collect()
}

#[test]
fn the_client_gets_security_and_raw_settings_by_its_own_names() {
    let config = config(SECURE);
    let security = &config.kafka.security;
    assert_eq!(security.protocol, SecurityProtocol::SaslSsl);
    assert_eq!(security.sasl_mechanism, Some(SaslMechanism::Scram256));
    let settings = config.source_connection().client_settings();
    assert_eq!(
        pairs(&settings),
        [
            ("fetch.wait.max.ms", "50"),
            ("socket.keepalive.enable", "true"),
            ("ssl.ca.pem", "x"),
            ("security.protocol", "sasl_ssl"),
            ("sasl.mechanism", "SCRAM-SHA-256"),
            ("sasl.username", "u"),
            ("sasl.password", "hunter2"),
            ("ssl.ca.location", "/ca.pem"),
            ("ssl.endpoint.identification.algorithm", "https"),
        ]
    );
}

#[test]
fn without_security_the_client_is_told_nothing_about_it() {
    assert!(config("").source_connection().client_settings().is_empty());
}

#[test]
fn a_sink_without_brokers_of_its_own_shares_the_connection_and_adds_to_it() {
    let config = config(SECURE);
    let shared = sink(&config, "shared");
    let waits: Vec<_> = shared.iter().filter(|(n, _)| n == "fetch.wait.max.ms").map(|(_, v)| &**v).collect();
    assert_eq!(waits, ["50", "60"], "its own comes later");
    assert!(shared.contains(&("sasl.password".to_owned(), "hunter2".to_owned())));
    let dlq = config.dlq_connection();
    assert_eq!((dlq.brokers, dlq.security_path.as_str()), ("localhost:9092", "kafka.security"));
    assert!(dlq.client_settings().iter().any(|(name, _)| name == "sasl.password"));
}

#[test]
fn a_password_never_goes_to_other_brokers() {
    let config = config(SECURE);
    assert_eq!(sink(&config, "own"), [("linger.ms".to_owned(), "2".to_owned())]);
}

#[test]
fn brokers_of_its_own_need_security_of_its_own_and_the_other_way_round() {
    let text = "dlq: { brokers: o:1, security: { protocol: ssl, verify_hostname: no } }";
    let settings = config(text).dlq_connection().client_settings();
    assert_eq!(
        pairs(&settings),
        [("security.protocol", "ssl"), ("ssl.endpoint.identification.algorithm", "none")]
    );
    assert_eq!(
        problem("dlq: { security: { protocol: ssl } }"),
        "drakkar.yaml:1:30: `dlq.security` has no place without `dlq.brokers`; without brokers of its own, \
         `kafka.security` holds; name them, or leave it out"
    );
    let found = problem("sinks: { kafka: { a: { topic: t, security: { protocol: ssl } } } }");
    assert!(
        found.contains("`sinks.kafka.a.security` has no place without `sinks.kafka.a.brokers`"),
        "{found}"
    );
}

#[test]
fn half_of_a_login_is_refused() {
    let found = problems("kafka: { security: { protocol: sasl_plaintext } }");
    assert_eq!(found.len(), 3, "{found:#?}");
    for (found, key) in found.iter().zip(["mechanism", "password", "username"]) {
        let expected = format!(
            "drakkar.yaml:1:32: `kafka.security.sasl_{key}` must be set with `kafka.security.protocol: sasl_plaintext`"
        );
        assert_eq!(*found, expected);
    }
    let found = problem("kafka: { security: { sasl_password: hunter2 } }");
    assert!(
        found.contains(
            "`kafka.security.sasl_password` has no place beside `kafka.security.protocol: plaintext`"
        )
    );
    assert!(!found.contains("hunter2"));
    assert!(
        problem("kafka: { security: { protocol: ssl, sasl_mechanism: PLAIN } }").contains("has no place")
    );
    for (mechanism, why) in [("gssapi", "Kerberos"), ("OAUTHBEARER", "OAuth"), ("MD5", "be one of")] {
        let text = format!("kafka: {{ security: {{ sasl_mechanism: {mechanism} }} }}");
        assert!(problems(&text)[0].contains(why), "{mechanism}");
    }
}

#[test]
fn encryption_that_nobody_asked_for_and_half_a_certificate_are_refused() {
    for setting in ["ca_location: f", "verify_hostname: false", "key_password: x"] {
        let found = problem(&format!("kafka: {{ security: {{ {setting} }} }}"));
        assert!(found.contains("has no place beside `kafka.security.protocol: plaintext`"), "{found}");
    }
    for (setting, missing) in [
        ("certificate_location: f", "key_location"),
        ("key_location: f", "certificate_location"),
        ("key_password: f", "key_location"),
    ] {
        let found = problem(&format!("kafka: {{ security: {{ protocol: ssl, {setting} }} }}"));
        assert!(found.contains(&format!("`kafka.security.{missing}` must be set with")), "{found}");
    }
}

#[test]
fn the_password_comes_from_a_variable_as_well() {
    let text = "kafka: { security: { protocol: sasl_ssl, sasl_mechanism: PLAIN, sasl_username: u } }";
    let loaded = loaded(text, &[("DK_KAFKA__SECURITY__SASL_PASSWORD", "hunter2")]);
    assert_eq!(loaded.config.kafka.security.sasl_password.expose(), "hunter2");
    let variable = Origin::Variable("DK_KAFKA__SECURITY__SASL_PASSWORD".into());
    assert_eq!(loaded.origin("kafka.security.sasl_password"), variable);
}

#[test]
fn what_drakkar_owns_is_refused_with_a_reason_and_a_remedy() {
    assert_eq!(
        problem("kafka:\n  client_config:\n    group.id: hunter2\n"),
        "drakkar.yaml:3:5: `kafka.client_config.group.id` cannot be set: offsets are committed for the configured \
         group; use `kafka.consumer_group`"
    );
    for name in ["enable.auto.commit", "auto.offset.reset", "enable.idempotence", "plugin.library.paths"] {
        let text = format!("sinks: {{ kafka: {{ a: {{ topic: t, client_config: {{ {name}: x }} }} }} }}");
        let found = problem(&text);
        assert!(found.contains(&format!("`sinks.kafka.a.client_config.{name}` cannot be set: ")), "{found}");
    }
    assert!(problem("dlq: { client_config: { acks: 1 } }").contains("only `all` is possible"));
    config("dlq: { client_config: { acks: all, compression.codec: zstd } }");
    assert!(problem("kafka: { client_config: { compression.codec: zstd } }").contains("use `compression`"));
}

#[test]
fn a_variable_names_a_raw_setting_with_underscores() {
    let text = "kafka: { client_config: { fetch.wait.max.ms: 1 } }";
    let variables =
        [("DK_KAFKA__CLIENT_CONFIG__FETCH_WAIT_MAX_MS", "2"), ("DK_DLQ__CLIENT_CONFIG__LINGER_MS", "3")];
    let config = loaded(text, &variables).config;
    assert_eq!(config.kafka.client_config.len(), 1);
    assert_eq!(config.kafka.client_config["fetch.wait.max.ms"].secret().expose(), "2");
    assert_eq!(config.dlq.client_config["linger.ms"].secret().expose(), "3");
    let variables = [("DK_KAFKA__CLIENT_CONFIG", r#"{"socket.nagle.disable": true, "fetch.min.bytes": 5}"#)];
    let config = loaded(text, &variables).config;
    assert_eq!(config.kafka.client_config["socket.nagle.disable"].secret().expose(), "true");
    assert_eq!(config.kafka.client_config.len(), 3);
    let refused = variable_problem("", &[("DK_KAFKA__CLIENT_CONFIG__GROUP_ID", "hunter2")]);
    assert!(
        refused.starts_with("DK_KAFKA__CLIENT_CONFIG__GROUP_ID: ") && !refused.contains("hunter2"),
        "{refused}"
    );
}

#[test]
fn what_is_unsafe_is_said() {
    let text = "kafka: { security: { protocol: sasl_plaintext, sasl_mechanism: PLAIN, sasl_username: u, \
                sasl_password: hunter2 }, client_config: { enable.ssl.certificate.verification: false } }";
    let warnings = loaded(text, &[]).warnings;
    let texts: Vec<_> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), 2, "{texts:#?}");
    assert!(texts[0].contains("the password crosses the network in the clear"), "{texts:#?}");
    assert!(texts[1].starts_with("drakkar.yaml:1:") && texts[1].contains("anyone on the way"), "{texts:#?}");
}
