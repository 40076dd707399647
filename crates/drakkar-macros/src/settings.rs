//! Settings of attributes: `name = "value"`.

use quote::ToTokens;
use syn::{Expr, ExprLit, Lit, LitStr, Meta};

use crate::error_store::ErrorStore;

/// Keeps the first entry of a name and refuses a second.
pub(crate) fn once<'a>(place: &mut Option<&'a Meta>, entry: &'a Meta, name: &str, errors: &mut ErrorStore) {
    match place {
        None => *place = Some(entry),
        Some(_) => {
            errors.push_help(entry.path(), format!("`{name}` is given twice"), "leave out one of the two")
        }
    }
}

/// The text of `name = "text"`.
pub(crate) fn text(entry: &Meta, name: &str, example: &str, errors: &mut ErrorStore) -> Option<LitStr> {
    let value = match entry {
        Meta::NameValue(pair) => ungrouped(&pair.value),
        Meta::Path(_) | Meta::List(_) => {
            errors.push_help(
                entry,
                format!("`{name}` needs a value in quotes"),
                format!("write `{example}`"),
            );
            return None;
        }
    };
    if let Expr::Lit(ExprLit { lit: Lit::Str(literal), .. }) = value {
        return Some(literal.clone());
    }
    errors.push_help(value, format!("the value of `{name}` is not a string"), format!("write `{example}`"));
    None
}

/// A value that came through a `macro_rules!` macro sits in an invisible group.
fn ungrouped(mut value: &Expr) -> &Expr {
    while let Expr::Group(group) = value {
        value = &group.expr;
    }
    value
}

/// An entry's name in a message.
pub(crate) fn shown(name: &str, entry: &Meta) -> String {
    if name.is_empty() { format!("`{}`", entry.path().to_token_stream()) } else { format!("`{name}`") }
}
