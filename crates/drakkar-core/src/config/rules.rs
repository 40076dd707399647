//! What a value must satisfy beyond its type.

use super::url;

/// The verdict of a rule: nothing, or what the value must do instead.
pub(super) type Verdict = Result<(), String>;

/// One constraint, with its text for the reference page.
pub(super) struct Rule<T: ?Sized> {
    /// Reads on after "must": "be at least 1".
    pub(super) text: String,
    check: Box<dyn Fn(&T) -> Verdict>,
}

impl<T: ?Sized> Rule<T> {
    /// A constraint whose verdict says more than its text.
    pub(super) fn new(text: &str, check: impl Fn(&T) -> Verdict + 'static) -> Self {
        Self { text: text.to_owned(), check: Box::new(check) }
    }

    fn simple(text: String, holds: impl Fn(&T) -> bool + 'static) -> Self {
        let message = text.clone();
        let check = move |value: &T| if holds(value) { Ok(()) } else { Err(message.clone()) };
        Self { text, check: Box::new(check) }
    }

    pub(super) fn check(&self, value: &T) -> Verdict {
        (self.check)(value)
    }
}

/// A whole number not below `min`.
pub(super) fn at_least(min: i64) -> Rule<i64> {
    Rule::simple(format!("be at least {min}"), move |value| *value >= min)
}

/// A whole number within both bounds.
pub(super) fn between(min: i64, max: i64) -> Rule<i64> {
    Rule::simple(format!("be from {min} to {max}"), move |value| (min..=max).contains(value))
}

/// A number above zero.
pub(super) fn above_zero() -> Rule<f64> {
    Rule::simple("be above 0".to_owned(), |value| *value > 0.0)
}

/// A number not below `min`.
pub(super) fn not_below(min: f64) -> Rule<f64> {
    Rule::simple(format!("be at least {min}"), move |value| *value >= min)
}

/// Text with something other than spaces in it.
pub(super) fn not_blank() -> Rule<str> {
    Rule::simple("not be empty".to_owned(), |text: &str| !text.trim().is_empty())
}

/// An address that an HTTP sink may call.
pub(super) fn callable_url() -> Rule<str> {
    let text = "be an http or https URL with a host that is no metadata service and no link-local address";
    Rule { text: text.to_owned(), check: Box::new(url::check) }
}

/// The name of an HTTP method.
pub(super) fn method() -> Rule<str> {
    Rule::simple("be a name of letters".to_owned(), |text: &str| {
        !text.is_empty() && text.len() <= 32 && text.chars().all(|c| c.is_ascii_alphabetic())
    })
}
