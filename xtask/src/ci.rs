//! Everything that CI runs, step by step, with a table at the end.

use std::{
    io::IsTerminal,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::run::{self, cargo};

type Step = (String, Box<dyn FnOnce() -> Result<bool>>);

pub(crate) fn run(keep_going: bool) -> Result<bool> {
    let mut results: Vec<(String, bool, Duration)> = Vec::new();
    for (name, step) in steps()? {
        println!("\n== {name}");
        let started = Instant::now();
        let good = step().unwrap_or_else(|error| {
            eprintln!("error: {error:#}");
            false
        });
        results.push((name, good, started.elapsed()));
        if !good && !keep_going {
            break;
        }
    }
    println!("\n{:<34} {:>8}  result", "step", "time");
    let colour = std::io::stdout().is_terminal();
    for (name, good, took) in &results {
        let result = match (good, colour) {
            (true, true) => "\x1b[32mok\x1b[0m",
            (false, true) => "\x1b[31mFAILED\x1b[0m",
            (true, false) => "ok",
            (false, false) => "FAILED",
        };
        println!("{name:<34} {:>6.1} s  {result}", took.as_secs_f64());
    }
    Ok(results.iter().all(|(_, good, _)| *good))
}

fn steps() -> Result<Vec<Step>> {
    let mut steps: Vec<Step> = Vec::new();
    let mut add = |name: String, step: Box<dyn FnOnce() -> Result<bool>>| steps.push((name, step));
    add("format".into(), Box::new(|| ok(&mut cargo(&["fmt", "--all", "--check"]))));
    add("tidy".into(), Box::new(run::tidy));
    add(
        "lints".into(),
        Box::new(|| {
            let args = [
                "clippy",
                "--workspace",
                "--all-targets",
                "--all-features",
                "--quiet",
                "--",
                "-D",
                "warnings",
            ];
            ok(&mut cargo(&args))
        }),
    );
    let features = features()?;
    for feature in std::iter::once(None).chain(features.into_iter().map(Some)) {
        let name = feature.clone().map_or_else(|| "no feature".to_owned(), |f| format!("feature {f} alone"));
        add(
            name,
            Box::new(move || {
                let mut command =
                    cargo(&["clippy", "--package", "drakkar", "--no-default-features", "--quiet"]);
                if let Some(feature) = feature {
                    command.args(["--features", &feature]);
                }
                ok(command.args(["--", "-D", "warnings"]))
            }),
        );
    }
    add(
        "documents".into(),
        Box::new(|| {
            ok(cargo(&["doc", "--workspace", "--no-deps", "--quiet"]).env("RUSTDOCFLAGS", "-D warnings"))
        }),
    );
    add("tests".into(), Box::new(|| run::test(false, &[])));
    add(
        "demo".into(),
        Box::new(|| run::demo(&["--once".to_owned(), "--messages".to_owned(), "500".to_owned()])),
    );
    Ok(steps)
}

fn ok(command: &mut Command) -> Result<bool> {
    Ok(command.status().with_context(|| format!("running {command:?}"))?.success())
}

/// The features of the facade.
fn features() -> Result<Vec<String>> {
    let output = cargo(&["metadata", "--no-deps", "--format-version", "1"])
        .output()
        .context("running cargo metadata")?;
    let metadata: Value = serde_json::from_slice(&output.stdout).context("reading cargo metadata")?;
    let packages = metadata["packages"].as_array().cloned().unwrap_or_default();
    let facade = packages.iter().find(|p| p["name"] == "drakkar").context("no package drakkar")?;
    let features = facade["features"].as_object().cloned().unwrap_or_default();
    Ok(features.into_iter().map(|(name, _)| name).filter(|name| name != "default").collect())
}
