//! Rules for Rust sources.

use super::{
    Finding, has_word,
    lexer::{self, Line},
};

/// The most lines a file may have.
const MOST_LINES: usize = 600;

/// Calls and types that have bitten others.
const BANNED: &[(&str, &str)] = &[
    ("split_partition_queue", "strands partitions and loses wake-ups: demultiplex on the consumer thread"),
    ("StreamConsumer", "has had silent stalls: one thread owns a BaseConsumer"),
    ("CommitMode::Sync", "can block for minutes with the brokers away: commit asynchronously"),
    ("unbounded_channel", "every queue is bounded"),
];

/// Checks one source.
pub(super) fn check(file: &str, source: &str) -> Vec<Finding> {
    // Cases for the compiler's messages are wrong on purpose.
    if file.contains("tests/ui/") {
        return Vec::new();
    }
    let mut findings = Findings { file, found: Vec::new() };
    let lines = lexer::lines(source);
    // What a crate's documentation includes shows only what it is about.
    if !source.starts_with("//!") && !file.contains("/docs/") {
        findings.add(1, "purpose", "open the file with a `//!` line that says what it is");
    }
    let count = source.lines().count();
    if count > MOST_LINES {
        findings.add(
            MOST_LINES + 1,
            "length",
            format!("has {count} lines: split it, {MOST_LINES} is the most"),
        );
    }
    let tests_from = tests_from(file, &lines);
    for (at, line) in lines.iter().enumerate() {
        let number = at + 1;
        for (name, why) in BANNED {
            if has_word(&line.code, name) {
                findings.add(number, "banned", format!("`{name}` {why}"));
            }
        }
        if line.code.trim_start().starts_with("#[ignore") {
            findings.add(number, "ignored test", "a test that does not run proves nothing");
        }
        if has_word(&line.code, "todo!") {
            findings.add(number, "unfinished", "finish it");
        }
        if let Some(word) = ["TODO", "FIXME"].iter().find(|word| has_word(&line.comment, word)) {
            findings.add(number, "unfinished", format!("`{word}`: finish it, or file an issue"));
        }
        if number >= tests_from && sleeps(&line.code) {
            findings.add(
                number,
                "sleeping test",
                "wait for a condition with a deadline, or advance a paused clock",
            );
        }
    }
    findings.found
}

/// The line from which a file is test code.
fn tests_from(file: &str, lines: &[Line]) -> usize {
    let name = file.rsplit('/').next().unwrap_or(file);
    if file.starts_with("tests/") || file.contains("/tests/") || name == "tests.rs" {
        return 1;
    }
    let module =
        |pair: &[Line]| pair[0].code.trim() == "#[cfg(test)]" && pair[1].code.trim_end().ends_with('{');
    lines.windows(2).position(module).map_or(usize::MAX, |at| at + 1)
}

fn sleeps(code: &str) -> bool {
    !code.contains("fn sleep(")
        && code.match_indices("sleep(").any(|(at, _)| {
            // A method of that name is somebody's own.
            !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '.')
        })
}

struct Findings<'a> {
    file: &'a str,
    found: Vec<Finding>,
}

impl Findings<'_> {
    fn add(&mut self, line: usize, rule: &'static str, what: impl Into<String>) {
        self.found.push(Finding { file: self.file.to_owned(), line, rule, what: what.into() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines and rules of the findings in this source.
    fn found(file: &str, source: &str) -> Vec<(usize, &'static str)> {
        check(file, source).into_iter().map(|finding| (finding.line, finding.rule)).collect()
    }

    #[test]
    fn a_file_without_a_purpose_is_found() {
        assert_eq!(found("crates/a/src/a.rs", "fn a() {}"), [(1, "purpose")]);
        assert!(found("crates/a/docs/a.rs", "fn a() {}").is_empty());
        assert!(found("crates/a/tests/ui/fail/a.rs", "fn a() {}").is_empty());
    }

    #[test]
    fn a_file_that_is_too_long_is_found() {
        let long = |lines: usize| format!("//! A.\n{}", "\n".repeat(lines - 1));
        assert_eq!(found("a.rs", &long(601)), [(601, "length")]);
        assert!(found("a.rs", &long(600)).is_empty());
    }

    #[test]
    fn banned_names_are_found_in_code_only() {
        for (name, _) in BANNED {
            assert_eq!(found("a.rs", &format!("//! A.\nuse b::{name};")), [(2, "banned")], "{name}");
            assert!(
                found("a.rs", &format!("//! Not {name}.\nconst A: &str = \"{name}\";")).is_empty(),
                "{name}"
            );
        }
        assert!(found("a.rs", "//! A.\nuse b::{CommitMode::Async, MyStreamConsumer};").is_empty());
    }

    #[test]
    fn a_test_that_does_not_run_is_found() {
        assert_eq!(found("a.rs", "//! A.\n#[test]\n#[ignore = \"slow\"]\nfn a() {}"), [(3, "ignored test")]);
    }

    #[test]
    fn what_is_unfinished_is_found() {
        assert_eq!(found("a.rs", "//! A.\nfn a() { todo!(\"b\") }"), [(2, "unfinished")]);
        assert_eq!(found("a.rs", "//! A.\n// TODO: b\n/* FIXME */"), [(2, "unfinished"), (3, "unfinished")]);
        assert!(found("a.rs", "//! A.\nconst A: &str = \"TODO\";").is_empty());
    }

    #[test]
    fn a_sleep_is_found_in_test_code_only() {
        for call in ["std::thread::sleep(b)", "tokio::time::sleep(b).await", "sleep(b)"] {
            let source = format!("//! A.\n{call};");
            for file in ["tests/src/a.rs", "crates/a/tests/a.rs", "crates/a/src/b/tests.rs"] {
                assert_eq!(found(file, &source), [(2, "sleeping test")], "{call} in {file}");
            }
            assert!(found("crates/a/src/a.rs", &source).is_empty(), "{call}");
            let inline = format!("//! A.\n{call};\n#[cfg(test)]\nmod tests {{\n{call};\n}}");
            assert_eq!(found("crates/a/src/a.rs", &inline), [(5, "sleeping test")], "{call}");
        }
        assert!(found("tests/a.rs", "//! A.\nsleep_until(b); worker.sleep(c);").is_empty());
    }
}
