//! What a hook returns.

use syn::{ReturnType, Signature, Type};

use super::{
    super::{
        hook::{OUR_TYPES, Returns},
        owned,
    },
    Check,
};
use crate::types::{bare, last_segment, name, plain, type_arguments};

/// Names that are certainly no alias of what a hook returns.
const STD_TYPES: &[&str] = &[
    "bool", "char", "f32", "f64", "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16", "u32", "u64",
    "u128", "usize", "str", "String", "Option", "Vec", "Ordering",
];

impl Check<'_> {
    /// The returned type, if it has the right shape.
    pub(super) fn returned(&mut self, signature: &Signature) -> Option<Type> {
        let name = self.name.clone();
        let returns = self.hook.returns();
        let ReturnType::Type(_, ty) = &signature.output else {
            let help = format!("add `-> {}`", returns.written());
            self.wrong(&signature.ident, format!("`{name}` returns nothing"), help);
            return None;
        };
        let result = result_arguments(ty);
        match (returns.is_result(), result) {
            (true, Some(_)) => Some((**ty).clone()),
            (true, None) => {
                let help = format!("write `{}`", returns.written());
                self.wrong(ty, format!("`{name}` has to return a `Result`"), help);
                None
            }
            (false, Some(_)) => {
                let help = match returns {
                    Returns::Action => "write `ErrorAction`; when in doubt return `ErrorAction::Retry`",
                    Returns::Delivery => {
                        "write `DeliveryAction`; when in doubt return `DeliveryAction::DeadLetter`"
                    }
                    Returns::Number => "write `i64`; when in doubt return 0",
                    _ => "write `String`; a label only helps people, so put something in its place",
                };
                self.wrong(ty, format!("`{name}` cannot fail"), help);
                None
            }
            (false, None) => {
                let wanted = returns.written();
                let other = self::name(ty)
                    .is_none_or(|n| n != wanted && OUR_TYPES.iter().chain(STD_TYPES).any(|o| n == o));
                if other {
                    let message = format!("`{name}` returns `{wanted}`, not `{}`", plain(ty));
                    self.wrong(ty, message, format!("write `{wanted}`"));
                }
                (!other).then(|| (**ty).clone())
            }
        }
    }

    /// What the returned `Result` holds.
    pub(super) fn output(&mut self, ty: &Type) -> Option<Type> {
        let returns = self.hook.returns();
        if !returns.is_result() {
            return None;
        }
        let arguments = result_arguments(ty)?;
        let Some(output) = arguments.first() else {
            let message = format!("`{}` does not say what it returns", self.name);
            self.wrong(ty, message, format!("write `{}`", returns.written()));
            return None;
        };
        let found = name(output).map(ToString::to_string).unwrap_or_default();
        let plain_unit = matches!(bare(output), Type::Tuple(tuple) if tuple.elems.is_empty());
        match returns {
            Returns::Outputs if matches!(found.as_str(), "Option" | "Vec") => {
                let help = "return the struct itself: without items it sends nothing";
                self.wrong(output, format!("`{}` returns outputs, not `{found}`", self.name), help);
                None
            }
            Returns::Tasks if matches!(found.as_str(), "Task" | "Option") || plain_unit => {
                self.wrong(output, "`arrange` returns a list of tasks", "write `Vec<Task>`; it may be empty");
                None
            }
            Returns::Nothing if !plain_unit => {
                self.wrong(output, format!("`{}` has nothing to return", self.name), "write `Result<()>`");
                None
            }
            Returns::Config if plain_unit => {
                let help = "write `Result<Config>` and return `Ok(config)`";
                self.wrong(output, "`on_startup` returns the configuration that is used", help);
                None
            }
            Returns::Outputs => owned::check(output, "outputs", self.errors).then(|| (*output).clone()),
            _ => Some((*output).clone()),
        }
    }
}

/// The type arguments when this is a `Result`, also under names like `HookResult` or `anyhow::Result`.
pub(super) fn result_arguments(ty: &Type) -> Option<Vec<&Type>> {
    let segment = last_segment(ty)?;
    let arguments = type_arguments(segment);
    let named_like_one = segment.ident.to_string().ends_with("Result") && !arguments.is_empty();
    (segment.ident == "Result" || named_like_one).then_some(arguments)
}
