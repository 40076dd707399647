//! `#[periodic(...)]` and `#[service]`: they give a method of any name a part in the worker.

use proc_macro2::{Ident, TokenTree};
use syn::{Attribute, Expr, LitStr, Meta, Path, Token, ext::IdentExt, punctuated::Punctuated};

use super::{hook::Hook, interval};
use crate::{
    error_store::ErrorStore,
    nearest::{list, nearest},
    settings::{once, shown, text},
};

const NAMES: [&str; 2] = ["periodic", "service"];
const EXAMPLE: &str = "write `#[periodic(every = \"30s\")]`";

/// What an attribute makes of a method.
pub(super) struct Role {
    /// `Hook::Periodic` or `Hook::Service`.
    pub(super) hook: Hook,
    /// When it runs; `None` for a service, and where the settings are wrong.
    pub(super) schedule: Option<Schedule>,
    /// The attribute's name, as it is written.
    pub(super) path: Path,
}

/// When a periodic method runs.
#[derive(Clone, Copy)]
pub(super) struct Schedule {
    /// Nanoseconds between two runs.
    pub(super) every: u64,
    /// Whether an error ends it.
    pub(super) stop_on_error: bool,
}

/// Takes the attributes off a method, as the compiler does not know them.
pub(super) fn take(attributes: &mut Vec<Attribute>, errors: &mut ErrorStore) -> Option<Role> {
    let mut role: Option<Role> = None;
    attributes.retain(|attribute| {
        if let Some(inner) = in_cfg_attr(attribute) {
            errors.push_help(
                &inner,
                format!("`#[{inner}]` cannot be in a `cfg_attr`"),
                "write it as it is, and put `#[cfg(...)]` on the method",
            );
            let hook = hook(&inner.to_string()).unwrap_or(Hook::Periodic);
            role.get_or_insert(Role { hook, schedule: None, path: inner.into() });
            return false;
        }
        let Some(hook) = known(attribute, errors) else { return true };
        let schedule = match hook {
            Hook::Periodic => schedule(attribute, errors),
            _ => {
                without_settings(attribute, errors);
                None
            }
        };
        match &role {
            None => role = Some(Role { hook, schedule, path: attribute.path().clone() }),
            Some(first) if first.hook == hook => errors.push_help(
                attribute.path(),
                format!("`#[{}]` is given twice", hook.name()),
                "leave out one of the two",
            ),
            Some(_) => errors.push_help(
                attribute.path(),
                "a method is either `#[periodic]` or `#[service]`",
                "leave out one of the two; a service may wait for a timer of its own",
            ),
        }
        false
    });
    role
}

/// Takes the attributes off something that is not a method and reports them.
pub(super) fn refuse(attributes: &mut Vec<Attribute>, errors: &mut ErrorStore) {
    attributes.retain(|attribute| {
        let named = attribute.path().segments.last().and_then(|segment| hook(&segment.ident.to_string()));
        if let Some(hook) = named {
            let message = format!("`#[{}]` goes on a method", hook.name());
            errors.push_help(attribute.path(), message, "move it to an `async fn` of this block");
        }
        named.is_none()
    });
}

fn hook(name: &str) -> Option<Hook> {
    [Hook::Periodic, Hook::Service].into_iter().find(|hook| hook.name() == name)
}

/// Whether the attribute is one of ours, or was meant to be.
fn known(attribute: &Attribute, errors: &mut ErrorStore) -> Option<Hook> {
    let name = attribute.path().segments.last()?.ident.unraw().to_string();
    if let Some(hook) = hook(&name) {
        return Some(hook);
    }
    // A longer path names an attribute of someone else's.
    let near = nearest(&attribute.path().get_ident()?.unraw().to_string(), NAMES)?;
    let message = format!("unknown attribute `{name}`; did you mean `{near}`?");
    errors.push(attribute.path(), message);
    hook(near)
}

/// The name of one of ours inside `#[cfg_attr(predicate, ...)]`.
fn in_cfg_attr(attribute: &Attribute) -> Option<Ident> {
    let Meta::List(list) = &attribute.meta else { return None };
    if !list.path.is_ident("cfg_attr") {
        return None;
    }
    let tokens: Vec<TokenTree> = list.tokens.clone().into_iter().collect();
    tokens.windows(2).find_map(|pair| match pair {
        [TokenTree::Punct(comma), TokenTree::Ident(name)] if comma.as_char() == ',' => {
            hook(&name.to_string()).map(|_| name.clone())
        }
        _ => None,
    })
}

fn without_settings(attribute: &Attribute, errors: &mut ErrorStore) {
    let given = match &attribute.meta {
        Meta::Path(_) => return,
        Meta::List(list) if list.tokens.is_empty() => return,
        Meta::List(list) => list.tokens.clone(),
        Meta::NameValue(pair) => quote::ToTokens::to_token_stream(&pair.value),
    };
    errors.push_help(given, "`#[service]` has no settings", "write `#[service]`");
}

fn schedule(attribute: &Attribute, errors: &mut ErrorStore) -> Option<Schedule> {
    let silent = "`#[periodic]` does not say how often";
    let Meta::List(meta) = &attribute.meta else {
        errors.push_help(&attribute.meta, silent, EXAMPLE);
        return None;
    };
    if let Ok(Expr::Lit(literal)) = attribute.parse_args::<Expr>() {
        errors.push_help(literal, "the interval has no name", EXAMPLE);
        return None;
    }
    let entries = match attribute.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated) {
        Ok(entries) => entries,
        Err(error) => {
            errors.push_error(syn::Error::new(error.span(), format!("{error}\nhelp: {EXAMPLE}")));
            return None;
        }
    };
    let (mut every, mut on_error, mut unknown) = (None, None, false);
    for entry in &entries {
        let name = entry.path().get_ident().map(|ident| ident.unraw().to_string()).unwrap_or_default();
        match name.as_str() {
            "every" => once(&mut every, entry, "every", errors),
            "on_error" => once(&mut on_error, entry, "on_error", errors),
            _ => {
                unknown = true;
                unknown_setting(&name, entry, errors);
            }
        }
    }
    let stop_on_error = on_error.map_or(Some(false), |entry| ending(entry, errors));
    let Some(every) = every else {
        // An unknown setting was probably meant to be it.
        if !unknown {
            errors.push_help(&meta.path, silent, EXAMPLE);
        }
        return None;
    };
    let literal = text(every, "every", "every = \"30s\"", errors)?;
    let every = interval::parse(&literal.value())
        .map_err(|(message, help)| errors.push_help(&literal, message, help))
        .ok()?;
    Some(Schedule { every, stop_on_error: stop_on_error? })
}

fn unknown_setting(name: &str, entry: &Meta, errors: &mut ErrorStore) {
    const SETTINGS: [&str; 2] = ["every", "on_error"];
    let help = match nearest(name, SETTINGS) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("`#[periodic]` takes {}", list(&SETTINGS)),
    };
    let message = format!("unknown setting {} of `#[periodic]`", shown(name, entry));
    errors.push_help(entry.path(), message, help);
}

/// Whether an error ends the method.
fn ending(entry: &Meta, errors: &mut ErrorStore) -> Option<bool> {
    let literal: LitStr = text(entry, "on_error", "on_error = \"stop\"", errors)?;
    match literal.value().as_str() {
        "continue" => Some(false),
        "stop" => Some(true),
        other => {
            let help = match nearest(other, ["continue", "stop"]) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "write `\"continue\"` (which is the default) or `\"stop\"`".to_owned(),
            };
            errors.push_help(&literal, format!("unknown value `{other}` of `on_error`"), help);
            None
        }
    }
}
