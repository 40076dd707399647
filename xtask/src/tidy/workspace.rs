//! Rules for manifests: dependencies point down only, lints come from the workspace, no crate is empty.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde_json::Value;

use super::{Finding, lexer};

/// Our packages by layer, lowest first. One may use those of lower layers, and none beside it.
const LAYERS: &[&[&str]] = &[
    &["drakkar-core", "drakkar-macros", "xtask"],
    &[
        "drakkar-cache",
        "drakkar-executor",
        "drakkar-kafka",
        "drakkar-recorder",
        "drakkar-sinks-filesystem",
        "drakkar-sinks-http",
        "drakkar-sinks-kafka",
        "drakkar-sinks-mongo",
        "drakkar-sinks-postgres",
        "drakkar-sinks-redis",
        "drakkar-telemetry",
    ],
    &["drakkar-runtime"],
    &["drakkar-debug-ui", TESTKIT],
    &["drakkar"],
];

/// Packages outside `crates` are above all layers; the macros, like the ground, know none of ours.
const MACROS: &str = "drakkar-macros";
/// For tests only.
const TESTKIT: &str = "drakkar-testkit";
/// Knows no runtime, no sockets, no databases.
const PURE: &str = "drakkar-core";
/// What the pure crate must not know.
const IMPURE: &[&str] = &[
    "axum",
    "fred",
    "hyper",
    "mio",
    "mongodb",
    "nix",
    "rdkafka",
    "reqwest",
    "rustix",
    "sqlx",
    "tokio",
    "tokio-util",
];

/// A package of the workspace.
struct Package {
    name: String,
    /// The manifest, relative to the root.
    manifest: String,
    text: String,
    dependencies: Vec<Dependency>,
    /// Sources of its library and programs: path relative to the root, and text.
    sources: Vec<(String, String)>,
}

struct Dependency {
    name: String,
    for_tests: bool,
}

pub(super) fn check(root: &Path) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for value in crate::workspace::packages(root)? {
        findings.extend(Package::read(root, &value)?.check());
    }
    Ok(findings)
}

impl Package {
    fn read(root: &Path, value: &Value) -> Result<Self> {
        let text_of =
            |value: &Value| value.as_str().map(str::to_owned).context("cargo metadata lacks a text");
        let root = root.canonicalize().context("finding the root")?;
        let read = |path: PathBuf| {
            let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
            anyhow::Ok((path.strip_prefix(&root).unwrap_or(&path).display().to_string(), text))
        };
        let (manifest, text) = read(text_of(&value["manifest_path"])?.into())?;
        let list = |name: &str| value[name].as_array().cloned().unwrap_or_default();
        let dependencies = list("dependencies").into_iter().map(|dependency| {
            Ok(Dependency { name: text_of(&dependency["name"])?, for_tests: dependency["kind"] == "dev" })
        });
        let is_source = |target: &&Value| {
            let kinds = target["kind"].as_array().cloned().unwrap_or_default();
            kinds.iter().any(|kind| kind == "lib" || kind == "bin" || kind == "proc-macro")
        };
        let targets = list("targets");
        let sources =
            targets.iter().filter(is_source).map(|target| read(text_of(&target["src_path"])?.into()));
        Ok(Self {
            name: text_of(&value["name"])?,
            manifest,
            text,
            dependencies: dependencies.collect::<Result<_>>()?,
            sources: sources.collect::<Result<_>>()?,
        })
    }

    fn check(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut add =
            |line, rule, what| findings.push(Finding { file: self.manifest.clone(), line, rule, what });
        let own = layer(&self.name);
        if own.is_none() && self.manifest.starts_with("crates/") {
            add(
                1,
                "layers",
                format!("`{}` has no place in the table of layers in xtask/src/tidy", self.name),
            );
        }
        for dependency in &self.dependencies {
            if let Some(why) = self.refuses(dependency, own) {
                add(self.line_of(&dependency.name), "layers", why);
            }
        }
        if !takes_lints(&self.text) {
            add(1, "lints", "add `[lints]` with `workspace = true`".to_owned());
        }
        for (file, source) in &self.sources {
            if is_empty(source) {
                let what = format!("`{}` has nothing in it", self.name);
                findings.push(Finding { file: file.clone(), line: 1, rule: "empty", what });
            }
        }
        findings
    }

    /// Why a dependency is not allowed.
    fn refuses(&self, dependency: &Dependency, own: Option<usize>) -> Option<String> {
        let (name, other) = (&self.name, &dependency.name);
        if name == PURE && IMPURE.contains(&other.as_str()) {
            return Some(format!("`{name}` must not depend on `{other}`: it knows no runtime and no I/O"));
        }
        let below = layer(other)?;
        if other == TESTKIT && !dependency.for_tests {
            return Some(format!("`{name}` must not depend on `{other}` outside its tests"));
        }
        let own = own?;
        if name == MACROS || below >= own {
            return Some(format!("`{name}` must not depend on `{other}`, which is not below it"));
        }
        None
    }

    /// The line of the manifest that names a dependency.
    fn line_of(&self, dependency: &str) -> usize {
        let names = |line: &str| {
            line.strip_prefix(dependency).is_some_and(|rest| rest.trim_start().starts_with(['=', '.']))
        };
        self.text.lines().position(names).map_or(1, |at| at + 1)
    }
}

fn layer(name: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&name))
}

fn takes_lints(manifest: &str) -> bool {
    let mut section = "";
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            section = line;
        }
        let setting = line.replace(' ', "");
        if (section == "[lints]" && setting == "workspace=true") || setting == "lints.workspace=true" {
            return true;
        }
    }
    false
}

/// Whether a source has no item, or only a `main` without a body.
fn is_empty(source: &str) -> bool {
    let code: String = lexer::lines(source)
        .into_iter()
        .map(|line| line.code.trim().to_owned())
        .filter(|code| !code.starts_with("#!["))
        .collect();
    code.is_empty() || code.replace(' ', "") == "fnmain(){}"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, dependencies: &[&str], dev_dependencies: &[&str]) -> Package {
        let mut text = "[package]\n[lints]\nworkspace = true\n[dependencies]\n".to_owned();
        let mut list = Vec::new();
        for (names, for_tests) in [(dependencies, false), (dev_dependencies, true)] {
            for name in names {
                text += &format!("{name} = {{ workspace = true }}\n");
                list.push(Dependency { name: (*name).to_owned(), for_tests });
            }
        }
        let manifest = format!("crates/{name}/Cargo.toml");
        Package { name: name.to_owned(), manifest, text, dependencies: list, sources: Vec::new() }
    }

    #[track_caller]
    fn assert_found(package: &Package, expected: &[(usize, &str)]) {
        let findings = package.check();
        let found: Vec<_> = findings.iter().map(|finding| (finding.line, finding.rule)).collect();
        assert_eq!(found, expected, "{findings:?}");
    }

    #[test]
    fn dependencies_that_point_down_are_fine() {
        assert_found(&package("drakkar-runtime", &["tokio", "drakkar-core"], &[]), &[]);
        assert_found(&package("drakkar", &["drakkar-macros", "drakkar-kafka"], &["drakkar-testkit"]), &[]);
        assert_found(&package("drakkar-testkit", &["drakkar-core", "drakkar-runtime"], &[]), &[]);
    }

    #[test]
    fn a_dependency_upwards_or_sideways_is_found() {
        assert_found(&package("drakkar-core", &["serde", "drakkar-runtime"], &[]), &[(6, "layers")]);
        assert_found(&package("drakkar-kafka", &["drakkar-executor"], &[]), &[(5, "layers")]);
        assert_found(&package("drakkar-sinks-http", &["drakkar-sinks-kafka"], &[]), &[(5, "layers")]);
        assert_found(&package("drakkar-kafka", &[], &["drakkar"]), &[(5, "layers")]);
        assert_found(&package("drakkar-macros", &["drakkar-core"], &[]), &[(5, "layers")]);
        assert_found(&package("xtask", &["drakkar"], &[]), &[(5, "layers")]);
    }

    #[test]
    fn the_testkit_outside_tests_is_found() {
        assert_found(&package("drakkar", &["drakkar-testkit"], &[]), &[(5, "layers")]);
    }

    #[test]
    fn an_impure_core_is_found() {
        for name in ["tokio", "rdkafka", "axum", "sqlx"] {
            assert_found(&package("drakkar-core", &[name], &[]), &[(5, "layers")]);
        }
    }

    #[test]
    fn a_crate_without_a_layer_is_found() {
        assert_found(&package("drakkar-new", &["drakkar-core"], &[]), &[(1, "layers")]);
        let outside =
            Package { manifest: "examples/new/Cargo.toml".into(), ..package("new", &["drakkar"], &[]) };
        assert_found(&outside, &[]);
    }

    #[test]
    fn a_package_without_the_lints_is_found() {
        for text in
            ["[package]\n", "[lints]\n\n[package]\nworkspace = true\n", "[lints]\nworkspace = false\n"]
        {
            assert_found(&Package { text: text.into(), ..package("drakkar", &[], &[]) }, &[(1, "lints")]);
        }
    }

    #[test]
    fn an_empty_crate_is_found() {
        for (source, empty) in [
            ("//! Placeholder.\n", true),
            ("//! A.\n#![allow(b)]\n/* c */\n", true),
            ("//! Placeholder.\nfn main() {}\n", true),
            ("//! A.\npub mod b;\n", false),
        ] {
            let sources = vec![("crates/drakkar/src/lib.rs".to_owned(), source.to_owned())];
            let package = Package { sources, ..package("drakkar", &[], &[]) };
            let expected: &[_] = if empty { &[(1, "empty")] } else { &[] };
            assert_found(&package, expected);
        }
    }
}
