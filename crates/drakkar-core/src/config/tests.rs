//! Tests of the configuration: what loads, what is refused, and how it is said.

mod cross;
mod errors;
mod hostile;
mod layout;
mod properties;
mod reference;
mod render;
mod secrets;
mod security;
mod summary;
mod urls;
mod variables;

use super::{Config, File, Invalid, Loaded, load};

const NAME: &str = "drakkar.yaml";

fn file(text: &str) -> Option<File<'_>> {
    Some(File { name: NAME, text })
}

fn owned(variables: &[(&str, &str)]) -> Vec<(String, String)> {
    variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn loaded(text: &str, variables: &[(&str, &str)]) -> Loaded {
    load(file(text), owned(variables)).unwrap_or_else(|invalid| panic!("{invalid}"))
}

fn config(text: &str) -> Config {
    loaded(text, &[]).config
}

fn invalid(text: &str, variables: &[(&str, &str)]) -> Invalid {
    load(file(text), owned(variables)).expect_err("must be refused")
}

/// The problems of a text, each as one line.
fn problems(text: &str) -> Vec<String> {
    invalid(text, &[]).problems.iter().map(ToString::to_string).collect()
}

/// The only problem of a text.
fn problem(text: &str) -> String {
    let problems = problems(text);
    assert_eq!(problems.len(), 1, "{problems:#?}");
    problems.concat()
}

/// The only problem of a set of variables over a text.
fn variable_problem(text: &str, variables: &[(&str, &str)]) -> String {
    let invalid = invalid(text, variables);
    assert_eq!(invalid.problems.len(), 1, "{invalid}");
    invalid.to_string()
}
