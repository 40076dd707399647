//! Rules for every file that people write.

use super::{Finding, has_word};

/// Hosts of package registries: the project names packages, and leaves their source to the settings of the machine.
///
/// In two parts, so that this table does not find itself.
const REGISTRIES: &[[&str; 2]] = &[
    ["index.crates", ".io"],
    ["static.crates", ".io"],
    ["//crates", ".io/api"],
    ["files.python", "hosted.org"],
    ["//pypi", ".org"],
    ["registry.npm", "js.org"],
    ["proxy.golang", ".org"],
    ["sum.golang", ".org"],
    ["repo.maven.apache", ".org"],
    ["repo1.maven", ".org"],
    ["deb.debian", ".org"],
    ["security.debian", ".org"],
];

/// Beginnings of paths that exist on one machine only.
const MACHINE: &[[&str; 2]] = &[["/wor", "k/"], ["/roo", "t/"], ["/home", "/"]];

/// Checks one file.
pub(super) fn check(file: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let mut add = |rule, what| findings.push(Finding { file: file.to_owned(), line: at + 1, rule, what });
        for host in REGISTRIES.iter().map(|parts| parts.concat()).filter(|host| line.contains(host)) {
            add("registry", format!("`{host}`: name the package, not where it comes from"));
        }
        for path in MACHINE.iter().map(|parts| parts.concat()).filter(|path| starts_path(line, path)) {
            add("machine", format!("`{path}` exists on one machine only"));
        }
        // Rust sources have a rule of their own, which looks at comments only.
        if !file.ends_with(".rs")
            && let Some(word) =
                UNFINISHED.iter().map(|parts| parts.concat()).find(|word| has_word(line, word))
        {
            add("unfinished", format!("`{word}`: finish it, or file an issue"));
        }
    }
    findings
}

const UNFINISHED: &[[&str; 2]] = &[["TO", "DO"], ["FIX", "ME"]];

/// Whether a path in the line starts with `start`, not one that has it in its middle.
fn starts_path(line: &str, start: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || "._-~$}{/".contains(c);
    line.match_indices(start).any(|(at, _)| !line[..at].ends_with(inside))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(file: &str, text: &str) -> Vec<(usize, &'static str)> {
        check(file, text).into_iter().map(|finding| (finding.line, finding.rule)).collect()
    }

    #[test]
    fn every_registry_is_found() {
        for host in REGISTRIES {
            assert_eq!(
                rules("a.toml", &format!("a\nb = \"https://x{}/y\"", host.concat())),
                [(2, "registry")]
            );
        }
    }

    #[test]
    fn paths_of_one_machine_are_found() {
        for path in MACHINE {
            assert_eq!(rules("a.md", &format!("see {}x", path.concat())), [(1, "machine")]);
            assert!(rules("a.md", &format!("see folder{}x", path.concat())).is_empty());
        }
    }

    #[test]
    fn what_is_unfinished_is_found_outside_rust() {
        for word in UNFINISHED {
            assert_eq!(rules("a.md", &format!("- {}: b", word.concat())), [(1, "unfinished")]);
            assert!(rules("a.rs", &format!("- {}: b", word.concat())).is_empty());
        }
    }
}
