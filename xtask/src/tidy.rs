//! What the compiler does not check: layers, file sizes, banned calls, texts that must not be in the repository.
//!
//! `cargo xtask tidy` prints the findings; a plain test of this package fails on them too.
//!
//! # How it works
//!
//! `workspace` looks at manifests and what depends on what, `rust` at Rust sources, `text` at every file
//! that people write. Rust sources are cut into code and comments first (`lexer`), so that a rule about code does not
//! find its own name in a comment or in a string.

mod lexer;
mod rust;
mod text;
mod workspace;

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// Something that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file, relative to the root.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The rule's name.
    pub rule: &'static str,
    /// What is wrong and what to do.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.file, self.line, self.rule, self.what)
    }
}

/// Checks the repository below this folder.
///
/// # Errors
/// When a file cannot be read or Cargo does not describe the workspace.
pub fn check(root: &Path) -> Result<Vec<Finding>> {
    let mut findings = workspace::check(root)?;
    let mut files = Vec::new();
    collect(root, &mut files)?;
    for file in files {
        let name = file.strip_prefix(root).unwrap_or(&file).display().to_string();
        let text = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
        findings.extend(text::check(&name, &text));
        if name.ends_with(".rs") {
            findings.extend(rust::check(&name, &text));
        }
    }
    Ok(findings)
}

/// Kinds of files that people write.
const WRITTEN: &[&str] = &["c", "html", "json", "md", "rs", "sh", "sql", "toml", "yaml", "yml"];

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    let mut entries = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?;
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap_or_default();
        if path.is_dir() {
            // A folder with this file is one that Cargo builds into.
            if name != ".git" && name != "target" && !path.join("CACHEDIR.TAG").exists() {
                collect(&path, files)?;
            }
        } else if path.extension().is_some_and(|e| WRITTEN.iter().any(|w| e == *w))
            || path.ends_with(".ci/run")
        {
            files.push(path);
        }
    }
    Ok(())
}

/// Whether `text` has `word` at a place where it is not part of a longer word.
fn has_word(text: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        !text[..at].chars().next_back().is_some_and(part)
            && !text[at + word.len()..].chars().next().is_some_and(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_is_tidy() {
        let findings: Vec<_> =
            check(&crate::workspace::root()).unwrap().iter().map(ToString::to_string).collect();
        assert!(findings.is_empty(), "\n{}", findings.join("\n"));
    }

    #[test]
    fn a_finding_names_file_line_and_rule() {
        let finding = Finding { file: "a.rs".into(), line: 7, rule: "length", what: "has 601 lines".into() };
        assert_eq!(finding.to_string(), "a.rs:7: length: has 601 lines");
    }

    #[test]
    fn words_are_whole_words() {
        assert!(has_word("a sleep(b)", "sleep"));
        assert!(!has_word("sleep_until(b)", "sleep"));
        assert!(!has_word("asleep", "sleep"));
    }

    #[test]
    fn files_of_cargo_and_git_are_not_looked_at() {
        let root = tempfile::tempdir().unwrap();
        for file in [
            ".ci/run",
            "a.rs",
            "a.png",
            "crates/b.md",
            "target/c.rs",
            ".git/d.md",
            "out/CACHEDIR.TAG",
            "out/e.rs",
        ] {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let mut files = Vec::new();
        collect(root.path(), &mut files).unwrap();
        let names: Vec<_> =
            files.iter().map(|file| file.strip_prefix(root.path()).unwrap().to_str().unwrap()).collect();
        assert_eq!(names, [".ci/run", "a.rs", "crates/b.md"]);
    }
}
