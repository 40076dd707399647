//! The outside judge, on short runs: it finds nothing wrong with drakkar, and everything wrong with workers that do wrong.

use std::{
    path::PathBuf,
    process::{Command, Output},
};

use crate::scene::is_soak;

/// Runs the judge, as `cargo xtask oracle` does.
fn oracle(args: &str) -> Output {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_test-worker")).with_file_name("drakkar-oracle");
    assert!(program.exists(), "{} is not built: run `cargo xtask test`", program.display());
    let output = Command::new(program).args(args.split_whitespace()).output().unwrap();
    println!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    output
}

/// Deletes what a run kept because it was not good, which is what its test expects.
fn forget(output: &Output) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    let folder = stderr.lines().find_map(|line| line.split_once("journal: ")).unwrap().1;
    assert!(folder.contains("seed-"), "{folder} is no folder of a run");
    std::fs::remove_dir_all(folder).unwrap();
}

/// A number of the last line, or a word.
fn field(output: &Output, name: &str) -> String {
    let stdout = String::from_utf8_lossy(&output.stdout);
    let last = stdout.lines().last().unwrap_or_default();
    assert!(last.starts_with("oracle "), "the last line is `{last}`");
    let found = last.split(' ').filter_map(|f| f.split_once('=')).find(|(n, _)| *n == name);
    found.unwrap_or_else(|| panic!("no `{name}` in `{last}`")).1.to_owned()
}

#[track_caller]
fn assert_good(output: &Output, issued: &str, kills: &str) {
    assert!(output.status.success());
    for (name, value) in [
        ("issued", issued),
        ("missing", "0"),
        ("corrupted", "0"),
        ("invented", "0"),
        ("kills", kills),
        ("void", "no"),
    ] {
        assert_eq!(field(output, name), value, "{name}");
    }
}

#[test]
fn the_judge_finds_nothing_wrong_after_kills_freezes_stops_and_a_broker_restart() {
    if is_soak() {
        for seed in [1, 2, 3] {
            let run = format!("--messages 200000 --workers 4 --kills 30 --seed {seed}");
            assert_good(&oracle(&run), "200000", "30");
        }
    } else {
        assert_good(&oracle("--messages 20000 --workers 3 --kills 6 --seed 1"), "20000", "6");
    }
}

#[test]
fn the_judge_finds_what_workers_forget_change_and_make_up() {
    for (sabotage, missing, corrupted, invented) in
        [("drop", "10", "0", "0"), ("corrupt", "10", "10", "0"), ("invent", "10", "0", "10")]
    {
        let run =
            format!("--messages 1000 --workers 1 --kills 0 --seed 1 --patience 5 --sabotage {sabotage}");
        let output = oracle(&run);
        assert_eq!(output.status.code(), Some(1), "{sabotage}");
        let found = ["missing", "corrupted", "invented", "void"].map(|name| field(&output, name));
        assert_eq!(found, [missing, corrupted, invented, "no"], "{sabotage}");
        let explained = String::from_utf8_lossy(&output.stderr);
        // The messages are named with their places, and the commits that went past them are found.
        for text in ["missing: m-00000077 at partition", "never came out", "logs of the workers"] {
            assert!(explained.contains(text), "{sabotage}: `{text}` is not in: {explained}");
        }
        forget(&output);
    }
}

#[test]
fn a_run_in_which_too_little_happened_is_void() {
    // The kill strikes before the worker has done anything, so that nothing comes out twice.
    let output = oracle("--messages 1 --workers 1 --kills 1 --faults kill --seed 1");
    assert_eq!((output.status.code(), field(&output, "void").as_str()), (Some(1), "yes"));
    assert!(String::from_utf8_lossy(&output.stderr).contains("void: no message came out twice"));
    forget(&output);
}
