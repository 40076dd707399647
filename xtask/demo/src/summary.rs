//! What became of the requests, for people.

use std::{collections::BTreeMap, path::Path, time::Duration};

use crate::{follow::Follower, input::Input};

pub(crate) fn print(input: &Input, follower: &Follower, ledger: &str, took: Duration, folder: &Path) {
    let [bad, stuck, garbage] = input.hopeless();
    let answered = follower.answered();
    println!("\nRequests");
    println!("  fed               {:>8}", input.produced());
    println!(
        "  answered          {answered:>8}   {:.0}/s over {:.1} s",
        answered as f64 / took.as_secs_f64(),
        took.as_secs_f64()
    );
    println!("  results           {:>8}   {} written twice", follower.results(), follower.duplicates());
    println!(
        "  dead letters      {:>8}   fed on purpose: {bad} bad patterns, {stuck} endless searches, {garbage} that are no request",
        follower.letters().len()
    );
    println!("  committed         {:>8}", follower.committed());
    for field in ledger.split_whitespace().skip(1) {
        if let Some((name, count)) = field.split_once('=') {
            println!("  ledger {name:<11}{count:>8}");
        }
    }
    if let Some(slowest) = follower.slowest() {
        println!(
            "\nSlowest search: {:.1} ms, {} in {}",
            slowest.took_ms,
            slowest.request_id,
            short(&slowest.path)
        );
    }
    if !follower.samples().is_empty() {
        println!("\nSome results");
        for sample in follower.samples() {
            println!(
                "  {:>5} x  {:<28} {} ({})",
                sample.matches,
                sample.pattern,
                short(&sample.path),
                sample.collection
            );
        }
    }
    if !follower.letters().is_empty() {
        println!("\nDead letters by stage");
        let mut stages: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        for letter in follower.letters().values() {
            stages.entry(&letter.stage).or_default().push(letter);
        }
        for (stage, letters) in stages {
            println!("  {:>5} x  {stage}", letters.len());
            let mut errors: BTreeMap<String, _> = BTreeMap::new();
            for letter in letters {
                errors.entry(general(&letter.error, &letter.label)).or_insert(letter);
            }
            for (error, letter) in errors.into_iter().take(3) {
                println!("           {} after {} attempts: {error}", letter.label, letter.attempt_count);
            }
        }
    }
    println!("\nFiles");
    println!("  results           {}", folder.join("matches").display());
    println!("  worker's log      {}", folder.join("worker.log").display());
    println!("  configuration     {}", folder.join("drakkar.yaml").display());
}

/// The end of a path, which is what tells files apart.
fn short(path: &str) -> String {
    let parts: Vec<&str> = path.rsplit('/').take(3).collect();
    parts.into_iter().rev().collect::<Vec<_>>().join("/")
}

/// An error without what differs from message to message.
fn general(error: &str, label: &str) -> String {
    let text = error.replace(label, "");
    let text =
        text.split_once(' ').map_or(&*text, |(first, rest)| if first == "task" { rest } else { &text });
    text.split_once(" exited").map_or_else(|| text.to_owned(), |(_, rest)| format!("exited{rest}"))
}
