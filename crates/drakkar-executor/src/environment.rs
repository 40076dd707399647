//! The variables a program gets: the worker's own after filtering, then the pool's, then the task's.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
};

use crate::{error::StartError, orphans, settings::Settings};

/// The variable that tells a resident child how it is talked to.
pub(crate) const PROTOCOL: &str = "DRAKKAR_PROTOCOL";

/// The variables common to all tasks, computed once: later changes of the worker's own are not seen.
#[derive(Debug)]
pub(crate) struct Environment {
    base: BTreeMap<OsString, OsString>,
}

impl Environment {
    /// Filters what the worker has and adds what the settings name.
    pub(crate) fn new(
        settings: &Settings,
        parent: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, StartError> {
        if let Err((name, reason)) = check(&settings.env) {
            return Err(StartError::Variable { name, reason });
        }
        let mut base = BTreeMap::new();
        if settings.inherit_env {
            let inherited = parent.into_iter().filter(|(name, value)| {
                // A worker that is a resident child itself must not make its own programs believe that they are.
                fault(name, value).is_none()
                    && name != PROTOCOL
                    && !settings.env_deny.iter().any(|pattern| matches(pattern.as_bytes(), name.as_bytes()))
            });
            base.extend(inherited);
        }
        base.extend(settings.env.iter().cloned());
        // Without it the child only could not be told apart should this worker be killed.
        match orphans::mark() {
            Ok(mark) => drop(base.insert(orphans::VARIABLE.into(), mark)),
            Err(error) => tracing::warn!(%error, "children cannot be marked as ours"),
        }
        Ok(Self { base })
    }

    /// The variables of the base; those of a task go on top.
    pub(crate) fn base(&self) -> &BTreeMap<OsString, OsString> {
        &self.base
    }
}

/// Finds a variable that no program can be given, and what is wrong with it.
pub(crate) fn check(variables: &[(OsString, OsString)]) -> Result<(), (String, &'static str)> {
    for (name, value) in variables {
        if let Some(reason) = fault(name, value) {
            return Err((name.to_string_lossy().escape_default().to_string(), reason));
        }
    }
    Ok(())
}

fn fault(name: &OsStr, value: &OsStr) -> Option<&'static str> {
    let name = name.as_bytes();
    if name.is_empty() {
        Some("its name is empty")
    } else if name.contains(&b'=') {
        Some("its name has a `=`")
    } else if name.contains(&0) {
        Some("its name has a NUL byte")
    } else if value.as_bytes().contains(&0) {
        Some("its value has a NUL byte")
    } else {
        None
    }
}

/// Matches a whole name against a glob, ignoring the case of ASCII letters. Never takes more than `pattern * name` steps.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    // Where to go on when the text after the last `*` does not fit: that `*` takes one byte more.
    let mut retry: Option<(usize, usize)> = None;
    loop {
        let step = match pattern.get(p) {
            Some(b'*') => {
                p += 1;
                retry = Some((p, n));
                continue;
            }
            Some(_) => name.get(n).and_then(|&byte| one(&pattern[p..], byte)),
            None if n == name.len() => return true,
            None => None,
        };
        match (step, retry) {
            (Some(width), _) => {
                p += width;
                n += 1;
            }
            (None, Some((after, from))) if from < name.len() => {
                (p, n) = (after, from + 1);
                retry = Some((after, from + 1));
            }
            (None, _) => return false,
        }
    }
}

/// Matches one byte with the head of a pattern; the width of the head if it fits.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern[0] {
        b'?' => Some(1),
        b'[' => match set(pattern, byte) {
            Some((width, true)) => Some(width),
            Some((_, false)) => None,
            // Without its end it is an ordinary bracket.
            None => (byte == b'[').then_some(1),
        },
        literal => literal.eq_ignore_ascii_case(&byte).then_some(1),
    }
}

/// `[abc]`, `[a-z]`, `[!abc]`; a `]` right after the start is an ordinary member.
fn set(pattern: &[u8], byte: u8) -> Option<(usize, bool)> {
    let negated = pattern.get(1) == Some(&b'!');
    let start = if negated { 2 } else { 1 };
    let end = start + 1 + pattern.get(start + 1..)?.iter().position(|&b| b == b']')?;
    let mut members = &pattern[start..end];
    let mut found = false;
    while let [first, rest @ ..] = members {
        let (low, high) = match rest {
            [b'-', last, after @ ..] => {
                members = after;
                (*first, *last)
            }
            _ => {
                members = rest;
                (*first, *first)
            }
        };
        found |=
            [byte.to_ascii_lowercase(), byte.to_ascii_uppercase()].iter().any(|b| (low..=high).contains(b));
    }
    Some((end + 1, found != negated))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The variables without the mark.
    fn of(environment: &Environment) -> Vec<(OsString, OsString)> {
        let mut all = environment.base().clone();
        assert!(all.remove(OsStr::new(orphans::VARIABLE)).is_some());
        all.into_iter().collect()
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
        pairs.iter().map(|(name, value)| (name.into(), value.into())).collect()
    }

    #[test]
    fn patterns_match_whole_names_in_any_case() {
        for (pattern, name, expected) in [
            ("DK_*", "DK_SINKS__POSTGRES__MAIN__DSN", true),
            ("DK_*", "XDK_A", false),
            ("*PASSWORD*", "my_password", true),
            ("*TOKEN*", "API_TOKEN", true),
            ("*_KEY", "X_KEY", true),
            ("*_KEY", "KEY_FILE", false),
            ("*_KEY", "A_KEY_B_KEY", true),
            ("a?c", "ABC", true),
            ("a?c", "AC", false),
            ("[ab]*", "Bx", true),
            ("[!ab]*", "bx", false),
            ("[a-c]1", "B1", true),
            ("[]x]", "]", true),
            ("[a", "[a", true),
            ("[a", "b", false),
            ("*", "", true),
            ("", "A", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b", "xxaxx", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} on {name}");
        }
    }

    #[test]
    fn a_hostile_pattern_is_quick() {
        assert!(!matches("*a".repeat(200).as_bytes(), "a".repeat(199).as_bytes()));
    }

    #[test]
    fn settings_win_over_the_parent_and_are_never_filtered() {
        let settings = Settings {
            env: pairs(&[("API_TOKEN", "own"), ("A", "2")]),
            env_deny: vec!["*token*".into()],
            ..Settings::default()
        };
        let parent = pairs(&[
            ("API_TOKEN", "parent"),
            ("OTHER_TOKEN", "x"),
            ("A", "1"),
            ("B", "3"),
            (PROTOCOL, "json_lines"),
        ]);
        let environment = Environment::new(&settings, parent).unwrap();
        let expected = pairs(&[("A", "2"), ("API_TOKEN", "own"), ("B", "3")]);
        assert_eq!(of(&environment), expected);
    }

    #[test]
    fn nothing_is_inherited_when_inheritance_is_off() {
        let settings = Settings { inherit_env: false, ..Settings::default() };
        assert!(of(&Environment::new(&settings, pairs(&[("PATH", "/bin")])).unwrap()).is_empty());
    }

    #[test]
    fn a_bad_variable_in_the_settings_is_named() {
        let settings = Settings { env: pairs(&[("A=B", "x")]), ..Settings::default() };
        let error = Environment::new(&settings, []).unwrap_err().to_string();
        assert!(error.contains("A=B") && error.contains('='), "{error}");
    }
}
