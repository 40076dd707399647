//! Rules that each Rust source keeps.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use super::Finding;

const MOST_LINES: usize = 600;

/// A banned text, where it is banned, and why.
struct Ban {
    /// In two parts, so that this table does not find itself.
    text: [&'static str; 2],
    only_tests: bool,
    why: &'static str,
}

const BANS: &[Ban] = &[
    Ban {
        text: ["split_partition", "_queue("],
        only_tests: false,
        why: "strands partitions and loses wake-ups",
    },
    Ban { text: ["Stream", "Consumer"], only_tests: false, why: "has had silent stalls; one thread polls" },
    Ban { text: ["CommitMode::", "Sync"], only_tests: false, why: "can block for minutes" },
    Ban { text: ["unbounded", "_channel("], only_tests: false, why: "every queue is bounded" },
    Ban { text: ["#[ign", "ore"], only_tests: false, why: "a test that does not run proves nothing" },
    Ban { text: ["todo", "!("], only_tests: false, why: "is not finished" },
    Ban { text: ["FIX", "ME"], only_tests: false, why: "is not finished" },
    Ban { text: ["thread::", "sleep"], only_tests: true, why: "tests wait for conditions" },
    Ban { text: ["time::", "sleep("], only_tests: true, why: "tests wait for conditions" },
];

pub(super) fn check(root: &Path) -> Result<Vec<Finding>> {
    let mut files = Vec::new();
    for folder in ["crates", "examples", "tests", "xtask"] {
        collect(&root.join(folder), &mut files)?;
    }
    let mut findings = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
        let name = file.strip_prefix(root).unwrap_or(&file).display().to_string();
        findings.extend(broken(&name, &text));
    }
    Ok(findings)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let mut entries: Vec<_> = fs::read_dir(folder)
        .with_context(|| format!("reading {}", folder.display()))?
        .map(|e| e.map(|e| e.path()))
        .collect::<Result<_, _>>()?;
    entries.sort();
    for path in entries {
        // Cases for the compiler's messages are deliberately wrong; examples for the documents show only what matters.
        if path.is_dir() && !path.ends_with("tests/ui") && !path.ends_with("drakkar-macros/docs") {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

fn broken(name: &str, text: &str) -> Vec<Finding> {
    let finding = |line, rule: String| Finding { file: name.to_owned(), line, rule };
    let mut findings = Vec::new();
    if !text.starts_with("//!") {
        findings.push(finding(1, "does not open with a `//!` line that says what it is".into()));
    }
    let lines = text.lines().count();
    if lines > MOST_LINES {
        findings.push(finding(MOST_LINES, format!("has {lines} lines; split it at {MOST_LINES}")));
    }
    let is_test = name.contains("tests/") || name.ends_with("tests.rs");
    // The demo searches for such words on purpose.
    let searches = name.starts_with("xtask/demo");
    for (index, line) in text.lines().enumerate() {
        for ban in BANS.iter().filter(|b| (!b.only_tests || is_test) && !searches) {
            if line.contains(&ban.text.concat()) {
                findings.push(finding(index + 1, format!("`{}` {}", ban.text.concat(), ban.why)));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_is_found_where_it_is_broken() {
        assert_eq!(broken("a.rs", "fn main() {}").len(), 1);
        assert_eq!(broken("a.rs", &format!("//! A.\n{}", "\n".repeat(700))).len(), 1);
        for ban in BANS {
            let text = format!("//! A.\n{}", ban.text.concat());
            let name = if ban.only_tests { "tests/a.rs" } else { "src/a.rs" };
            assert_eq!(broken(name, &text)[0].line, 2, "{}", ban.text.concat());
        }
    }

    #[test]
    fn a_tidy_file_has_no_finding() {
        assert!(broken("src/a.rs", "//! A file.\nfn a() {}\n").is_empty());
    }
}
