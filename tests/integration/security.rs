//! TLS and logins, against the secure listeners of the real broker.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::{Duration, Instant},
};

use xtask::services::kafka::{KEY_PASSWORD, PASSWORD, USER};

use crate::scene::Scene;

const LIMIT: Duration = Duration::from_secs(60);

/// What the services say about the secure listeners.
fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!(
            "no {name}: run the tests with `cargo xtask test`, or renew the broker with `cargo xtask services down` and \
             `cargo xtask services up` and export what it prints"
        )
    })
}

fn secure() -> String {
    variable("DRAKKAR_TEST_KAFKA_TLS")
}

fn ca() -> PathBuf {
    variable("DRAKKAR_TEST_KAFKA_CA").into()
}

/// A file beside the authority's certificate.
fn certificate(name: &str) -> PathBuf {
    ca().with_file_name(name)
}

/// The lines of a `security` section for the listener with a login.
fn login(mechanism: &str, password: &str, ca: &Path) -> Vec<String> {
    vec![
        "security:".to_owned(),
        "  protocol: sasl_ssl".to_owned(),
        format!("  sasl_mechanism: {mechanism}"),
        format!("  sasl_username: {USER}"),
        format!("  sasl_password: {password}"),
        format!("  ca_location: {}", ca.display()),
    ]
}

/// A configuration with more lines for `kafka`, for the sink and for `dlq`.
pub fn yaml(scene: &Scene, brokers: &str, kafka: &[String], sink: &[String], dlq: &[String]) -> String {
    let lines =
        |indent: &str, lines: &[String]| lines.iter().map(|l| format!("{indent}{l}\n")).collect::<String>();
    let setup = &scene.setup;
    format!(
        "kafka:\n  brokers: {brokers}\n  source_topic: {}\n  consumer_group: {}\n  startup_align_enabled: false\n  \
         connect_timeout_seconds: 4\n{}sinks:\n  kafka:\n    answers:\n      topic: {}\n{}dlq:\n  \
         topic: {}_dlq\n{}app:\n  child: {:?}\n",
        setup.topic,
        setup.group,
        lines("  ", kafka),
        setup.answers,
        lines("      ", sink),
        setup.topic,
        lines("  ", dlq),
        setup.child,
    )
}

fn run(scene: &Scene, args: &[&str], yaml: &str, variables: &[(&str, &str)]) -> Output {
    fs::create_dir_all(&scene.setup.folder).unwrap();
    let config = scene.setup.folder.join("drakkar.yaml");
    fs::write(&config, yaml).unwrap();
    let mut command = Command::new(&scene.setup.program);
    command.args(args).arg("--config").arg(&config).envs(variables.iter().copied()).output().unwrap()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// `check --connect` reaches the source, the sink and the dead letter topic.
#[track_caller]
fn assert_reached(output: &Output) {
    let text = text(output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    for what in ["ok    source", "ok    kafka answers", "ok    kafka dlq"] {
        assert!(text.contains(what), "`{what}` is not in: {text}");
    }
}

/// The start fails in time with this said, and nothing was consumed.
#[track_caller]
fn assert_refused(scene: &Scene, yaml: &str, said: &[&str]) {
    let started = Instant::now();
    let output = run(scene, &[], yaml, &[]);
    let (took, text) = (started.elapsed(), text(&output));
    assert_eq!(output.status.code(), Some(3), "{text}");
    for said in said {
        assert!(text.contains(said), "`{said}` is not in: {text}");
    }
    assert!(took < Duration::from_secs(8), "{took:?}: {text}");
    assert!(!text.contains("wrong-password") && !text.contains(PASSWORD), "a password was shown: {text}");
    assert_eq!(scene.committed(), [-1; 2]);
    assert!(scene.answers().is_empty());
}

#[test]
fn messages_and_dead_letters_flow_over_tls_for_each_way_to_log_in() {
    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
        let mut scene = Scene::new("tls", 2);
        scene.issue(300, "precomputed");
        scene.issue(2, "panic_in_arrange");
        scene.setup.brokers = secure();
        scene.setup.kafka = login(mechanism, PASSWORD, &ca());
        let worker = scene.setup.start("w").unwrap();
        scene.wait_committed(LIMIT);
        let log = worker.log();
        assert_eq!(worker.stop(LIMIT).unwrap().status.code(), Some(0), "{log}");
        assert!(!log.contains(PASSWORD), "the password is in the log");
        assert!(log.contains("librdkafka"), "the version is not in the log: {log}");
        let judgement = scene.assert_nothing_lost();
        assert!(judgement.dead > 0, "void: no dead letter was written");
    }
}

#[test]
fn a_client_proves_itself_with_its_certificate() {
    let mut scene = Scene::new("mutual-tls", 2);
    scene.issue(100, "precomputed");
    scene.setup.brokers = variable("DRAKKAR_TEST_KAFKA_MUTUAL_TLS");
    scene.setup.kafka = vec![
        "security:".to_owned(),
        "  protocol: ssl".to_owned(),
        format!("  ca_location: {}", ca().display()),
        format!("  certificate_location: {}", certificate("client.pem").display()),
        format!("  key_location: {}", certificate("client.key").display()),
        format!("  key_password: {KEY_PASSWORD}"),
    ];
    let worker = scene.setup.start("w").unwrap();
    scene.wait_committed(LIMIT);
    assert_eq!(worker.stop(LIMIT).unwrap().status.code(), Some(0));
    scene.assert_nothing_lost();

    // Without it the broker hangs up.
    let yaml = yaml(&scene, &scene.setup.brokers, &scene.setup.kafka[..3], &[], &[]);
    let output = run(&scene, &[], &yaml, &[]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    assert!(text(&output).contains("certificate"), "{}", text(&output));
}

#[test]
fn a_wrong_password_stops_the_start_and_is_not_shown() {
    for mechanism in ["PLAIN", "SCRAM-SHA-256"] {
        let mut scene = Scene::new("bad-login", 2);
        scene.issue(10, "precomputed");
        let security = login(mechanism, "wrong-password", &ca());
        let yaml = yaml(&scene, &secure(), &security, &[], &[]);
        assert_refused(&scene, &yaml, &[&secure(), "refuse us", "uthentication", "kafka.security"]);
    }
}

#[test]
fn an_authority_that_nobody_trusts_stops_the_start() {
    let mut scene = Scene::new("unknown-ca", 2);
    scene.issue(10, "precomputed");
    let security = login("PLAIN", PASSWORD, &certificate("stranger.pem"));
    let yaml = yaml(&scene, &secure(), &security, &[], &[]);
    assert_refused(&scene, &yaml, &[&secure(), "refuse us", "certificate", "kafka.security"]);
}

#[test]
fn a_sink_that_cannot_log_in_stops_the_start() {
    let mut scene = Scene::new("sink-password", 2);
    scene.issue(10, "precomputed");
    let own = |password: &str, authority: &Path| {
        let mut lines = login("PLAIN", password, authority);
        lines.push(format!("brokers: {}", secure()));
        lines
    };
    let wrong = own("wrong-password", &ca());
    let text = yaml(&scene, &scene.brokers, &[], &wrong, &[]);
    assert_refused(&scene, &text, &["answers", "refuse us", "uthentication"]);
    let unknown = own(PASSWORD, &certificate("stranger.pem"));
    let text = yaml(&scene, &scene.brokers, &[], &[], &unknown);
    assert_refused(&scene, &text, &["dlq", "refuse us", "certificate"]);
}

#[test]
fn sink_and_dead_letters_have_connections_of_their_own() {
    let scene = Scene::new("own-security", 2);
    let mut own = login("SCRAM-SHA-256", PASSWORD, &ca());
    own.push(format!("brokers: {}", secure()));
    assert_reached(&run(
        &scene,
        &["check", "--connect"],
        &yaml(&scene, &scene.brokers, &[], &own, &own),
        &[],
    ));
    // The other way round: what the source logs in with is not for other brokers.
    let plain = [format!("brokers: {}", scene.brokers)];
    let source = login("SCRAM-SHA-256", PASSWORD, &ca());
    assert_reached(&run(
        &scene,
        &["check", "--connect"],
        &yaml(&scene, &secure(), &source, &plain, &plain),
        &[],
    ));
}

#[test]
fn the_password_may_come_from_the_environment() {
    let scene = Scene::new("password-variable", 2);
    let mut security = login("PLAIN", "x", &ca());
    security.retain(|line| !line.contains("sasl_password"));
    let yaml = yaml(&scene, &secure(), &security, &[], &[]);
    let variables = [("DK_KAFKA__SECURITY__SASL_PASSWORD", PASSWORD)];
    assert_reached(&run(&scene, &["check", "--connect"], &yaml, &variables));
    let output = run(&scene, &["check"], &yaml, &[]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(text(&output).contains("`kafka.security.sasl_password` must be set"), "{}", text(&output));
}

#[test]
fn a_broker_must_be_the_one_its_certificate_names() {
    let scene = Scene::new("hostname", 2);
    // The certificate is made out for the address alone.
    let brokers = secure().replace("127.0.0.1", "localhost");
    let mut security = login("PLAIN", PASSWORD, &ca());
    let output = run(&scene, &["check", "--connect"], &yaml(&scene, &brokers, &security, &[], &[]), &[]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    assert!(text(&output).contains("certificate"), "{}", text(&output));
    security.push("  verify_hostname: false".to_owned());
    assert_reached(&run(&scene, &["check", "--connect"], &yaml(&scene, &brokers, &security, &[], &[]), &[]));
}
