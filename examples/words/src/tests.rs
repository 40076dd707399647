//! Each program in each mode: the same texts, the same counts.

use std::path::{Path, PathBuf};

use drakkar_core::payload::SinkKind;
use drakkar_executor::{Mode, ProcessPool, Resident, Settings};
use drakkar_testkit::{Harness, MemorySink};
use serde_json::{Value, json};

use crate::words::Words;

fn programs() -> [PathBuf; 3] {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let exe = std::env::current_exe().expect("a running program has a path");
    let built = exe.ancestors().nth(2).expect("target/debug").join("count-words");
    [folder.join("count_words.py"), folder.join("count_words.sh"), built]
}

async fn counts(program: &Path, mode: Mode) -> Vec<Value> {
    let settings = Settings { program: Some(program.to_owned()), mode, ..Settings::default() };
    let mut harness = Harness::new(Words)
        .executor(ProcessPool::start(settings).expect("the program is there"))
        .sink("counts", MemorySink::new(SinkKind::Kafka));
    let texts = ["", "one", "two \"quoted\" words", "tab\tand\nline", "a * b", "über größe"];
    for n in 0..60 {
        harness = harness.json(0, &json!({ "id": format!("{n:02}"), "text": texts[n % texts.len()] }));
    }
    let run = harness.run().await;
    assert_eq!((run.ledger().delivered, run.ledger().dead), (60, 0), "{}", program.display());
    let mut counts = run.outputs("counts");
    counts.sort_by_key(|count| count["id"].to_string());
    counts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_program_counts_the_same_once_and_for_good() {
    let words = [0, 1, 3, 3, 3, 2];
    let expected: Vec<Value> =
        (0..60).map(|n| json!({ "id": format!("{n:02}"), "words": words[n % words.len()] })).collect();
    for program in programs() {
        for mode in [Mode::OneShot, Mode::Resident(Resident::default())] {
            let shown = format!("{} {mode:?}", program.display());
            assert_eq!(counts(&program, mode).await, expected, "{shown}");
        }
    }
}

#[test]
fn the_scripts_are_as_short_as_the_manual_says() {
    for script in &programs()[..2] {
        let text = std::fs::read_to_string(script).expect("a script");
        assert!(text.lines().count() <= 15, "{} has {} lines", script.display(), text.lines().count());
    }
}
