//! The template of `kafka.group_instance_id`.

use super::rules::{Rule, Verdict};

/// What the broker takes as the name of a group's member.
const LONGEST: usize = 249;

/// What a part of the template stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placeholder<'a> {
    /// `{hostname}`: the name of the host.
    Hostname,
    /// `{worker_id}`: the name of the worker.
    WorkerId,
    /// `{env:NAME}`: an environment variable.
    Variable(&'a str),
}

#[derive(Debug, PartialEq, Eq)]
enum Part<'a> {
    Text(&'a str),
    Placeholder(Placeholder<'a>),
}

/// The template with its placeholders replaced; `value` knows what they stand for.
///
/// # Errors
/// Says what is wrong with the template, which placeholder has no value, or why the result cannot be a member's name.
pub fn expand_instance_id(
    template: &str,
    value: impl Fn(Placeholder<'_>) -> Option<String>,
) -> Result<String, String> {
    let mut id = String::new();
    for part in parts(template)? {
        match part {
            Part::Text(text) => id.push_str(text),
            Part::Placeholder(placeholder) => match value(placeholder) {
                Some(value) => id.push_str(&value),
                None => return Err(without_value(placeholder)),
            },
        }
    }
    check(&id).map(|()| id)
}

/// The constraint of the setting.
pub(super) fn rule() -> Rule<str> {
    let text =
        "hold letters, digits, `.`, `_`, `-` and the placeholders `{hostname}`, `{worker_id}`, `{env:NAME}`";
    Rule::new(text, |template: &str| -> Verdict {
        let parts = parts(template).map_err(|_| text.to_owned())?;
        parts.iter().try_for_each(|part| match part {
            Part::Text(text) if text.chars().all(is_allowed) => Ok(()),
            Part::Text(_) => Err(text.to_owned()),
            Part::Placeholder(_) => Ok(()),
        })
    })
}

fn parts(template: &str) -> Result<Vec<Part<'_>>, String> {
    let mut parts = Vec::new();
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        let (text, from) = rest.split_at(open);
        let close = from.find('}').ok_or("a `{` is not closed")?;
        parts.push(Part::Text(text));
        parts.push(Part::Placeholder(match &from[1..close] {
            "hostname" => Placeholder::Hostname,
            "worker_id" => Placeholder::WorkerId,
            name => match name.strip_prefix("env:") {
                Some(variable) if !variable.is_empty() => Placeholder::Variable(variable),
                _ => return Err("it holds an unknown placeholder".to_owned()),
            },
        }));
        rest = &from[close + 1..];
    }
    parts.push(Part::Text(rest));
    Ok(parts)
}

fn without_value(placeholder: Placeholder<'_>) -> String {
    match placeholder {
        Placeholder::Hostname => "the host has no name for `{hostname}`".to_owned(),
        Placeholder::WorkerId => "the worker has no name for `{worker_id}`".to_owned(),
        Placeholder::Variable(name) => format!("the environment variable `{name}` is not set"),
    }
}

fn is_allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

fn check(id: &str) -> Result<(), String> {
    match id {
        "" | "." | ".." => Err(format!("`{id}` cannot be a member's name")),
        id if id.len() > LONGEST => Err(format!("it has more than {LONGEST} characters")),
        // What stands there may come from a variable: it is not shown.
        id if !id.chars().all(is_allowed) => {
            Err("it becomes a name with other characters than letters, digits, `.`, `_` and `-`".to_owned())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(template: &str) -> Result<String, String> {
        expand_instance_id(template, |placeholder| match placeholder {
            Placeholder::Hostname => Some("node-7".to_owned()),
            Placeholder::WorkerId => Some("w".to_owned()),
            Placeholder::Variable("ORDINAL") => Some("3".to_owned()),
            Placeholder::Variable("BAD") => Some("a/b".to_owned()),
            Placeholder::Variable(_) => None,
        })
    }

    #[test]
    fn placeholders_are_replaced() {
        assert_eq!(expand("plain").unwrap(), "plain");
        assert_eq!(expand("a-{hostname}.{worker_id}_{env:ORDINAL}").unwrap(), "a-node-7.w_3");
    }

    #[test]
    fn what_cannot_be_a_name_is_refused_without_showing_a_variable() {
        assert_eq!(expand("{env:NOT_SET}").unwrap_err(), "the environment variable `NOT_SET` is not set");
        assert!(expand("{env:BAD}").unwrap_err().contains("other characters"));
        assert!(!expand("{env:BAD}").unwrap_err().contains("a/b"));
        for bad in ["", "..", "{", "{env:}", "{host}", &"x".repeat(250)] {
            assert!(expand(bad).is_err(), "{bad}");
        }
    }
}
