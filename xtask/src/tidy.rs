//! What the compiler does not check: layers, file sizes, banned words.

mod layers;
mod sources;

use std::{fmt, path::Path};

use anyhow::Result;

/// Something that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file, relative to the root.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The rule.
    pub rule: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.rule)
    }
}

/// Checks the repository below this folder.
///
/// # Errors
/// When a file cannot be read or Cargo does not describe the workspace.
pub fn check(root: &Path) -> Result<Vec<Finding>> {
    let mut findings = layers::check(root)?;
    findings.extend(sources::check(root)?);
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_is_tidy() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let findings: Vec<_> = check(&root).unwrap().iter().map(ToString::to_string).collect();
        assert!(findings.is_empty(), "\n{}", findings.join("\n"));
    }
}
