//! Dependencies point down only, and every package takes the workspace's lints.

use std::{path::Path, process::Command};

use anyhow::{Context, Result};
use serde_json::Value;

use super::Finding;

/// The crates by layer, highest first. A crate may use crates of lower layers, and none beside it.
const LAYERS: &[&[&str]] = &[
    &["drakkar-testkit"],
    &["drakkar"],
    &["drakkar-runtime"],
    &[
        "drakkar-kafka",
        "drakkar-executor",
        "drakkar-sinks-kafka",
        "drakkar-sinks-filesystem",
        "drakkar-telemetry",
    ],
    &["drakkar-core"],
    &["drakkar-macros"],
];

/// What the pure crate must not know.
const IMPURE: &[&str] = &["tokio", "rdkafka", "axum", "sqlx", "nix", "rustix"];

pub(super) fn check(root: &Path) -> Result<Vec<Finding>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(root)
        .output()
        .context("running cargo metadata")?;
    let metadata: Value = serde_json::from_slice(&output.stdout).context("reading cargo metadata")?;
    let mut findings = Vec::new();
    for package in metadata["packages"].as_array().context("cargo metadata lists no packages")? {
        let name = package["name"].as_str().unwrap_or_default();
        let manifest = Path::new(package["manifest_path"].as_str().unwrap_or_default());
        let file = manifest.strip_prefix(root.canonicalize()?).unwrap_or(manifest).display().to_string();
        let dependencies: Vec<&str> = package["dependencies"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|d| d["kind"].is_null())
            .filter_map(|d| d["name"].as_str())
            .collect();
        let rules = broken(name, &dependencies);
        findings.extend(rules.into_iter().map(|rule| Finding { file: file.clone(), line: 1, rule }));
        let text =
            std::fs::read_to_string(manifest).with_context(|| format!("reading {}", manifest.display()))?;
        if !text.contains("[lints]\nworkspace = true") {
            findings.push(Finding { file, line: 1, rule: "takes no lints from the workspace".into() });
        }
    }
    Ok(findings)
}

fn broken(name: &str, dependencies: &[&str]) -> Vec<String> {
    let layer = |name: &str| LAYERS.iter().position(|layer| layer.contains(&name));
    let mut rules = Vec::new();
    match layer(name) {
        None if name.starts_with("drakkar-sinks") || name == "drakkar" => {
            rules.push(format!("`{name}` has no place in the table of layers"));
        }
        None => {}
        Some(own) => {
            for dependency in dependencies {
                if layer(dependency).is_some_and(|other| other <= own) {
                    rules.push(format!("`{name}` depends on `{dependency}`, which is not below it"));
                }
            }
        }
    }
    if name == "drakkar-core" {
        for impure in dependencies.iter().filter(|d| IMPURE.contains(d)) {
            rules.push(format!("`drakkar-core` depends on `{impure}`; it knows no runtime and no I/O"));
        }
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_upwards_or_sideways_is_found() {
        assert_eq!(broken("drakkar-core", &["drakkar-runtime"]).len(), 1);
        assert_eq!(broken("drakkar-kafka", &["drakkar-executor"]).len(), 1);
        assert!(broken("drakkar-runtime", &["drakkar-core", "tokio"]).is_empty());
    }

    #[test]
    fn an_impure_core_is_found() {
        assert_eq!(broken("drakkar-core", &["tokio"]).len(), 1);
    }
}
