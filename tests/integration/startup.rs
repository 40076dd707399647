//! What is wrong at the start is said, and nothing is consumed.

use std::{
    fs,
    process::{Command, Output},
};

use drakkar_tests::{kafka, worker::Setup};

use crate::scene::Scene;

fn run(setup: &Setup, yaml: &str) -> Output {
    fs::create_dir_all(&setup.folder).unwrap();
    let config = setup.folder.join("drakkar.yaml");
    fs::write(&config, yaml).unwrap();
    Command::new(&setup.program).arg("--config").arg(&config).output().unwrap()
}

fn yaml(setup: &Setup, kafka: &str, rest: &str) -> String {
    format!(
        "kafka:\n  brokers: {}\n  source_topic: {}\n  consumer_group: {}\n  startup_align_enabled: false\n{kafka}\
         sinks:\n  kafka:\n    answers:\n      topic: {}\n{rest}",
        setup.brokers, setup.topic, setup.group, setup.answers
    )
}

#[track_caller]
fn assert_fails(output: &Output, code: i32, texts: &[&str]) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    for text in texts {
        assert!(stderr.contains(text), "`{text}` is not in: {stderr}");
    }
}

#[test]
fn a_wrong_configuration_names_place_key_and_remedy() {
    let scene = Scene::new("wrong-config", 1);
    let yaml = yaml(&scene.setup, "  max_pol_records: 5\n", "");
    let output = run(&scene.setup, &yaml);
    assert_fails(&output, 2, &["drakkar.yaml:6:3", "max_pol_records", "max_poll_records"]);
}

#[test]
fn a_route_without_a_sink_names_both() {
    let scene = Scene::new("no-route", 1);
    let yaml = yaml(&scene.setup, "", "").replace("answers:", "other:");
    assert_fails(&run(&scene.setup, &yaml), 2, &["answers", "not configured", "`other`"]);
}

#[test]
fn a_broker_that_cannot_be_reached_is_named() {
    let mut scene = Scene::new("unreachable", 1);
    scene.setup.brokers = "127.0.0.1:1".into();
    let yaml = yaml(&scene.setup, "  connect_timeout_seconds: 3\n", "");
    assert_fails(&run(&scene.setup, &yaml), 3, &["127.0.0.1:1"]);
}

#[test]
fn a_missing_source_topic_is_named() {
    let mut scene = Scene::new("no-topic", 1);
    scene.setup.topic = kafka::unique("never-made");
    let yaml = yaml(&scene.setup, "", "");
    assert_fails(&run(&scene.setup, &yaml), 3, &[&scene.setup.topic]);
}

#[test]
fn a_missing_sink_topic_is_named() {
    let mut scene = Scene::new("no-sink-topic", 1);
    scene.setup.answers = kafka::unique("never-made");
    let yaml = yaml(&scene.setup, "", "");
    assert_fails(&run(&scene.setup, &yaml), 3, &["answers", &scene.setup.answers]);
}

#[test]
fn a_program_that_cannot_run_is_named() {
    let scene = Scene::new("no-program", 1);
    for program in ["/nowhere/at/all", "/etc/passwd", "/tmp"] {
        let yaml = yaml(&scene.setup, "", &format!("executor:\n  binary_path: {program}\n"));
        assert_fails(&run(&scene.setup, &yaml), 3, &[program]);
    }
}

#[test]
fn an_output_folder_that_cannot_be_written_is_named() {
    let scene = Scene::new("no-folder", 1);
    let yaml = yaml(&scene.setup, "", "")
        .replace("sinks:\n", "sinks:\n  filesystem:\n    out:\n      base_path: /proc/nowhere\n");
    assert_fails(&run(&scene.setup, &yaml), 3, &["out", "/proc/nowhere"]);
}

#[test]
fn nothing_is_consumed_when_the_start_fails() {
    let mut scene = Scene::new("fails-clean", 1);
    scene.issue(10, "echo");
    let yaml = yaml(&scene.setup, "", "executor:\n  binary_path: /nowhere/at/all\n");
    assert_fails(&run(&scene.setup, &yaml), 3, &["/nowhere/at/all"]);
    assert_eq!(scene.committed(), [-1]);
    assert_eq!(scene.answers().len(), 0);
}
