//! `#[periodic(...)]` and `#[service]`: methods that run beside the messages.

use syn::{
    Attribute, Expr, ExprLit, ImplItemFn, Lit, LitStr, Meta, MetaNameValue, Token, ext::IdentExt,
    punctuated::Punctuated,
};

use super::hook::Hook;
use crate::{error_store::ErrorStore, nearest::nearest};

const EXAMPLE: &str = "write `#[periodic(every = \"30s\")]`";
const UNITS: &str = "write a number with its unit: `500ms`, `30s`, `5m`, `1.5h`";
/// The longest interval in seconds, about 31 years.
const LONGEST: f64 = 1e9;

/// When a periodic method runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Schedule {
    pub(super) nanos: u64,
    pub(super) stop_on_error: bool,
}

/// What stood on a method.
pub(super) enum Take {
    Nothing,
    Periodic(Schedule),
    Service,
    /// Something that was reported.
    Refused,
}

/// Removes both attributes, which the compiler does not know.
pub(super) fn take(method: &mut ImplItemFn, errors: &mut ErrorStore) -> Take {
    let is = |attribute: &Attribute, name| {
        attribute.path().segments.last().is_some_and(|segment| segment.ident == name)
    };
    let ours = |attribute: &Attribute| is(attribute, "periodic") || is(attribute, "service");
    let (taken, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut method.attrs).into_iter().partition(ours);
    method.attrs = kept;
    let Some((first, more)) = taken.split_first() else { return Take::Nothing };
    for extra in more {
        let help = "leave one out: a method either runs on a timer or for as long as the worker";
        errors.push_help(extra.path(), "a method is one of `#[periodic]` and `#[service]`, once", help);
    }
    let name = method.sig.ident.unraw().to_string();
    if Hook::by_name(&name).is_some() {
        let message = format!("`{name}` is a hook: drakkar calls it by its name");
        errors.push_help(first.path(), message, "leave the attribute out, or give the method another name");
        return Take::Refused;
    }
    if !more.is_empty() {
        return Take::Refused;
    }
    if is(first, "service") {
        return service(first, errors);
    }
    periodic(first, errors).map_or(Take::Refused, Take::Periodic)
}

fn service(attribute: &Attribute, errors: &mut ErrorStore) -> Take {
    if matches!(attribute.meta, Meta::Path(_)) {
        return Take::Service;
    }
    errors.push_help(&attribute.meta, "`#[service]` has no settings", "write `#[service]`");
    Take::Refused
}

fn periodic(attribute: &Attribute, errors: &mut ErrorStore) -> Option<Schedule> {
    let Meta::List(list) = &attribute.meta else {
        errors.push_help(&attribute.meta, "`#[periodic]` does not say how often", EXAMPLE);
        return None;
    };
    let settings = match list.parse_args_with(Punctuated::<MetaNameValue, Token![,]>::parse_terminated) {
        Ok(settings) => settings,
        Err(error) => {
            errors.push_error(error);
            return None;
        }
    };
    let (mut every, mut stop_on_error, mut seen, mut right) = (None, Some(false), Vec::new(), true);
    for setting in &settings {
        let name = setting.path.get_ident().map(ToString::to_string).unwrap_or_default();
        if seen.contains(&name) {
            errors.push_help(&setting.path, format!("`{name}` is set twice"), "leave one out");
            right = false;
            continue;
        }
        match name.as_str() {
            "every" => every = text(&setting.value, UNITS, errors).and_then(|text| interval(text, errors)),
            "on_error" => {
                const WORDS: &str = "write `\"continue\"` or `\"stop\"`";
                stop_on_error =
                    text(&setting.value, WORDS, errors).and_then(|text| match text.value().as_str() {
                        "continue" => Some(false),
                        "stop" => Some(true),
                        other => {
                            errors.push_help(text, format!("`on_error` cannot be `{other}`"), WORDS);
                            None
                        }
                    });
            }
            other => {
                let guess = nearest(other, ["every", "on_error"]);
                let help = guess.map_or("the settings are `every` and `on_error`".to_owned(), |guess| {
                    format!("did you mean `{guess}`?")
                });
                errors.push_help(&setting.path, format!("`#[periodic]` has no setting `{other}`"), help);
                right = false;
            }
        }
        seen.push(name);
    }
    if !seen.iter().any(|name| name == "every") {
        if right {
            errors.push_help(&attribute.meta, "`#[periodic]` does not say how often", EXAMPLE);
        }
        return None;
    }
    right.then_some(())?;
    Some(Schedule { nanos: every?, stop_on_error: stop_on_error? })
}

fn text<'a>(value: &'a Expr, help: &str, errors: &mut ErrorStore) -> Option<&'a LitStr> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text),
        other => {
            errors.push_help(other, "this setting is a text", help);
            None
        }
    }
}

fn interval(text: &LitStr, errors: &mut ErrorStore) -> Option<u64> {
    match parse(&text.value()) {
        Ok(nanos) => Some(nanos),
        Err(problem) => {
            errors.push_help(text, problem, UNITS);
            None
        }
    }
}

/// Nanoseconds of a number with a unit.
fn parse(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let split = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: f64 = number.parse().map_err(|_| format!("`{text}` is no interval"))?;
    let seconds = match unit.trim() {
        "ms" => number / 1_000.0,
        "s" => number,
        "m" | "min" => number * 60.0,
        "h" => number * 3_600.0,
        "" => return Err(format!("`{text}` has no unit")),
        other => return Err(format!("`{other}` is no unit of time")),
    };
    let nanos = (seconds * 1e9).round();
    if nanos < 1.0 {
        return Err("an interval is above zero".to_owned());
    }
    if seconds > LONGEST {
        return Err(format!("`{text}` is longer than 31 years"));
    }
    Ok(nanos as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_have_a_unit() {
        for (text, nanos) in [
            ("500ms", 500_000_000),
            ("30s", 30_000_000_000),
            ("0.5 s", 500_000_000),
            ("5m", 300_000_000_000),
            ("1.5h", 5_400_000_000_000),
        ] {
            assert_eq!(parse(text), Ok(nanos), "{text}");
        }
        for (text, problem) in [
            ("30", "has no unit"),
            ("", "is no interval"),
            ("fast", "is no interval"),
            ("3 weeks", "is no unit"),
            ("0s", "above zero"),
            ("1.2.3s", "is no interval"),
            ("999999999h", "longer than 31 years"),
        ] {
            assert!(parse(text).unwrap_err().contains(problem), "{text}: {:?}", parse(text));
        }
    }
}
