//! Secrets never appear in a message, a snippet or a printed configuration.

use super::{NAME, invalid, loaded};

const SECRET: &str = "hunter2";

/// Texts that are wrong in some way and hold the secret.
const BROKEN: [&str; 30] = [
    "kafka: { security: { sasl_pasword: hunter2 } }",
    "kafka: { security: hunter2 }",
    "kafka: { security: { protocol: hunter2 } }",
    "kafka:\n  security:\n    protocol: ssl\n    sasl_password: hunter2\n",
    "kafka:\n  security:\n    protocol: sasl_ssl\n    sasl_username: hunter2\n",
    "kafka:\n  client_config:\n    sasl.password: hunter2\n",
    "kafka:\n  client_config:\n    ssl.key.pem: [hunter2]\n",
    "kafka:\n  client_config: sasl.password=hunter2\n",
    "sinks: { postgres: { main: { dsn: [postgres://u:hunter2@h] } } }",
    "sinks:\n  postgres:\n    main:\n      dns: postgres://u:hunter2@h\n",
    "sinks:\n  postgres:\n    main:\n      postgres://u:hunter2@h\n",
    "sinks:\n  postgres:\n    main: { \"postgres://u:hunter2@h\" }\n",
    "sinks:\n  postgres:\n    main: \"hunter2 x\"\n",
    "sinks:\n  postgres: postgres://u:hunter2@h\n",
    "sinks:\n  postgres:\n    main:\n      dsn: x\n      pool_min: hunter2\n",
    "sinks:\n  postgres:\n    main:\n      dsn: \"postgres://u:hunter2@h\n      pool_min: 1\n",
    "sinks:\n  postgres:\n    main: {dsn: postgres://u:hunter2@h, pool_min: 9, pool_max: 1}\n",
    "sinks:\n  mongo:\n    m:\n      uri: { hunter2: 1 }\n      database: d\n",
    "sinks:\n  http:\n    h:\n      url: ftp://u:hunter2@h\n",
    "sinks:\n  http:\n    h:\n      url: http://h\n      headers: \"Authorization: hunter2\"\n",
    "sinks:\n  http:\n    h:\n      url: http://h\n      headers: { Authorization: [hunter2] }\n",
    "sinks:\n  http:\n    h:\n      url: http://h\n      method: hunter2\n",
    "sinks:\n  redis:\n    r:\n      url: redis://:hunter2@h\n      url: redis://:hunter2@h\n",
    "debug: { auth_token: [hunter2] }",
    "debug:\n  auth_token: hunter2\n  auth_tokn: hunter2\n",
    "debug: hunter2 !",
    "executor:\n  env:\n    KEY:\n      - hunter2\n",
    "executor:\n  env: KEY=hunter2\n",
    "sinks:\n  postgres:\n    main:\n      dsn: |\n        hunter2 at\n      pool_min: 0\n\tx: hunter2\n",
    "debug:\n  auth_token: hunter2\n  port: 0 # hunter2\n",
];

#[test]
fn no_message_shows_a_secret() {
    for text in BROKEN {
        let invalid = invalid(text, &[]);
        for shown in [invalid.to_string(), invalid.render(text), format!("{invalid:?}")] {
            assert!(!shown.contains(SECRET), "{shown}");
        }
    }
}

#[test]
fn no_message_about_a_variable_shows_a_secret() {
    let broken = [
        ("DK_SINKS__POSTGRES__A__DSM", "hunter2"),
        ("DK_SINKS__POSTGRES__A", "hunter2"),
        ("DK_SINKS__POSTGRES__A", "{\"dsn\": \"hunter2\", \"dsn\": \"hunter2\"}"),
        ("DK_SINKS__POSTGRES__A", "{\"dsn\": {\"hunter2\": 1}}"),
        ("DK_SINKS__POSTGRES__A", "{\"dsn\": \"hunter2\""),
        ("DK_SINKS__POSTGRES__A__POOL_MAX", "hunter2"),
        ("DK_SINKS__HTTP__A__HEADERS", "Authorization: hunter2"),
        ("DK_SINKS__HTTP__A__URL", "hunter2"),
        ("DK_EXECUTOR__ENV", "A=hunter2"),
        ("DK_DEBUG", "hunter2"),
        ("DK_APP__TOKEN", "hunter2"),
    ];
    for (name, value) in broken {
        let invalid = invalid("", &[(name, value)]);
        for shown in [invalid.to_string(), invalid.render(""), format!("{invalid:?}")] {
            assert!(!shown.contains(SECRET), "{shown}");
        }
    }
    let stray = loaded("", &[("DK_TOKEN", "hunter2")]);
    assert!(!format!("{stray:?} {}", stray.warnings[0]).contains(SECRET));
}

#[test]
fn a_printed_configuration_shows_no_secret() {
    let text = "sinks:
  postgres: { a: { dsn: hunter2 } }
  mongo: { a: { uri: hunter2, database: d } }
  http: { a: { url: 'http://h', headers: { Authorization: hunter2 } } }
  redis: { a: { url: hunter2 } }
debug: { auth_token: hunter2 }
executor: { env: { KEY: hunter2 } }
kafka:
  security: { protocol: sasl_ssl, sasl_mechanism: PLAIN, sasl_username: u, sasl_password: hunter2 }
  client_config: { ssl.key.pem: hunter2, fetch.wait.max.ms: hunter2 }
dlq: { brokers: x, security: { protocol: ssl, certificate_location: c, key_location: k, key_password: hunter2 } }
";
    let loaded = loaded(text, &[]);
    let config = &loaded.config;
    for shown in [format!("{loaded:?}"), config.to_json().to_string(), config.summary(None)] {
        assert!(!shown.contains(SECRET), "{shown}");
    }
    assert_eq!(config.to_json()["sinks"]["postgres"]["a"]["dsn"], "***");
    assert_eq!(config.debug.auth_token.to_string(), "***");
}

#[test]
fn a_file_name_cannot_disturb_a_terminal() {
    let file = crate::config::File { name: "a\u{1b}[2Jb", text: "x: 1" };
    let shown = crate::config::load(Some(file), []).expect_err("unknown key").to_string();
    assert!(!shown.contains('\u{1b}') && NAME.is_ascii(), "{shown}");
}

#[test]
fn no_slip_of_the_finger_shows_a_secret() {
    let text = "kafka:
  brokers: b
  security: { protocol: sasl_ssl, sasl_mechanism: PLAIN, sasl_username: u, sasl_password: s/hunter2 }
  client_config:
    ssl.key.pem: \"s/hunter2\"
executor:
  env:
    KEY: s://hunter2@x
sinks:
  postgres:
    main:
      dsn: \"s://u:hunter2@h\"
      pool_min: 3
  http:
    hook: { url: 'http://h', headers: { Authorization: 's=hunter2==' } }
debug:
  auth_token: s/hunter2/x
";
    let chars: Vec<char> = text.chars().collect();
    let edits = [
        "", " ", ":", ": ", ":\n", "\n", "\n  ", "\"", "'", "{", "}", "[", "]", ",", ", ", "- ", "#", "&a ",
        "*a", "!", "|", "\t",
    ];
    for at in 0..chars.len() {
        for (edit, removed) in edits.iter().flat_map(|edit| [(edit, 0), (edit, 1)]) {
            let before: String = chars[..at].iter().collect();
            let after: String = chars[at + removed..].iter().collect();
            let text = format!("{before}{edit}{after}");
            if let Err(invalid) = crate::config::load(super::file(&text), []) {
                for shown in [invalid.to_string(), invalid.render(&text)] {
                    assert!(!shown.contains(SECRET), "{text}\n{shown}");
                }
            }
        }
    }
}
