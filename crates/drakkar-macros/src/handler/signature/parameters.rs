//! The parameters of a hook: its subject and the context.

use syn::{FnArg, PatType, Signature, Type};

use super::{
    super::{
        hook::{Hook, OUR_TYPES, Parameter, Passed},
        owned,
    },
    Check,
};
use crate::types::{bare, last_segment, name, plain, referenced, type_arguments};

impl Check<'_> {
    /// Checks number, order and shape of the parameters; gives the types of the main one and of the context.
    pub(super) fn parameters(&mut self, signature: &Signature) -> (Option<Type>, Option<Type>) {
        let mut given: Vec<&PatType> = signature
            .inputs
            .iter()
            .filter_map(|input| match input {
                FnArg::Typed(typed) => Some(typed),
                FnArg::Receiver(_) => None,
            })
            .collect();
        let mut main = None;
        if let Some(wanted) = self.hook.parameter() {
            let swapped =
                given.len() > 1 && names(&given[0].ty, "Context") && is_subject(&given[1].ty, wanted);
            if swapped {
                let help = format!("write `{}: {}` before it", wanted.name, wanted.written);
                self.wrong(given[0], "`ctx` comes last", help);
                main = Some((*given[1].ty).clone());
                given.drain(..2);
                self.surplus(&given);
                return (main, None);
            }
            let missing = given.first().is_none_or(|first| names(&first.ty, "Context"));
            if missing {
                self.wrong(
                    &signature.ident,
                    format!("`{}` lacks its parameter `{}`", self.name, wanted.name),
                    format!("add `{}: {}` after `&self`", wanted.name, wanted.written),
                );
            } else {
                let first = given.remove(0);
                if self.main(wanted, &first.ty) {
                    main = Some((*first.ty).clone());
                }
            }
        }
        let mut context = None;
        if self.hook.takes_context() && !given.is_empty() {
            let second = given.remove(0);
            if self.context(&second.ty) {
                context = Some((*second.ty).clone());
            }
        }
        self.surplus(&given);
        (main, context)
    }

    fn surplus(&mut self, given: &[&PatType]) {
        const KEEP: &str = "leave it out: keep what it needs in the handler";
        let name = self.name.clone();
        for extra in given {
            let (message, help) = match (self.hook, names(&extra.ty, "Context")) {
                (Hook::OnStartup, true) => (
                    "`on_startup` has no context: it runs before there is one".to_owned(),
                    "leave it out: the configuration is what it gets",
                ),
                (hook, true) if !hook.takes_context() => (format!("`{name}` has no context"), KEEP),
                _ => (format!("`{name}` takes nothing more"), KEEP),
            };
            self.wrong(extra, message, help);
        }
    }

    /// Whether the type of the main parameter is right as far as one can see.
    fn main(&mut self, wanted: Parameter, ty: &Type) -> bool {
        let hook = self.name.clone();
        let Parameter { written, ty: wanted_name, passed, .. } = wanted;
        let by_reference = passed != Passed::ByValue;
        let inner = match (referenced(ty), by_reference) {
            (Some((reference, inner)), true) => {
                if let Some(token) = &reference.mutability {
                    self.wrong(token, format!("`{hook}` only reads `{wanted_name}`"), "leave out `mut`");
                }
                inner
            }
            (None, true) if names(ty, wanted_name) && passed == Passed::ByReference => {
                self.wrong(
                    ty,
                    format!("`{wanted_name}` is passed by reference"),
                    format!("write `{written}`"),
                );
                bare(ty)
            }
            (Some((reference, inner)), false) if names(inner, wanted_name) => {
                let message = format!("`{wanted_name}` is passed by value");
                self.wrong(reference.and_token, message, "leave out the `&`");
                inner
            }
            (None, true) | (Some(_), false) => {
                self.wrong(ty, format!("`{hook}` is called with `{written}`"), format!("write `{written}`"));
                return false;
            }
            (None, false) => bare(ty),
        };
        let inner = match (passed, inner) {
            (Passed::AsSlice, Type::Slice(slice)) => bare(&slice.elem),
            (Passed::AsSlice, list) if is_other_list(list, wanted_name) => {
                let message = format!("`{hook}` is called with a slice, not with `{}`", plain(list));
                self.wrong(list, message, format!("write `{written}`"));
                return false;
            }
            (_, other) => other,
        };
        let found = name(inner).map(ToString::to_string);
        let is_wanted = found.as_deref() == Some(wanted_name);
        // Another name may be an alias, which the compiler sees through; but the input type is read from here.
        let may_be_alias = found.as_deref().is_some_and(|found| !OUR_TYPES.contains(&found));
        let names_input = self.hook == Hook::Arrange;
        if is_wanted || (may_be_alias && !names_input) {
            return true;
        }
        let help = match names_input && may_be_alias {
            true => format!("write `{written}`: the input type is read from here, so an alias does not do"),
            false => format!("write `{written}`"),
        };
        let message = format!("`{hook}` is called with a `{wanted_name}`, not with `{}`", plain(inner));
        self.wrong(inner, message, help);
        false
    }

    fn context(&mut self, ty: &Type) -> bool {
        match referenced(ty) {
            Some((reference, inner)) => {
                let other = name(inner).is_none_or(|name| name != "Context");
                if other {
                    let message = format!("only `ctx: &Context` may come last in `{}`", self.name);
                    self.wrong(ty, message, "write `&Context`, or leave the parameter out");
                } else if let Some(token) = &reference.mutability {
                    self.wrong(token, "the context is shared", "leave out `mut`");
                }
                !other
            }
            None if names(ty, "Context") => {
                self.wrong(ty, "`Context` is passed by reference", "write `&Context`");
                false
            }
            None => {
                let message = format!("only `ctx: &Context` may come last in `{}`", self.name);
                self.wrong(ty, message, "write `&Context`, or leave the parameter out");
                false
            }
        }
    }

    /// The input type in `Window<'_, Input>`, or whether the compiler has to say what is wrong with it.
    pub(super) fn input(&mut self, window: &Type) -> (Option<Type>, bool) {
        let inner = referenced(window).map_or_else(|| bare(window), |(_, inner)| inner);
        match last_segment(inner).map(type_arguments).as_deref() {
            Some([input]) => {
                let input = owned::check(input, "input type", self.errors).then(|| (*input).clone());
                (input, false)
            }
            _ => {
                self.errors.leave_to_compiler();
                (None, true)
            }
        }
    }
}

/// Whether a type, or what it refers to, has this name.
fn names(ty: &Type, wanted: &str) -> bool {
    let inner = referenced(ty).map_or_else(|| bare(ty), |(_, inner)| inner);
    name(inner).is_some_and(|name| name == wanted)
}

/// Whether this is the type of a hook's main parameter, passed in any way.
fn is_subject(ty: &Type, wanted: Parameter) -> bool {
    match referenced(ty) {
        Some((_, Type::Slice(slice))) => names(&slice.elem, wanted.ty),
        _ => names(ty, wanted.ty),
    }
}

/// Whether this is one element, or a collection, where a slice is wanted. Other names may be aliases of it.
fn is_other_list(ty: &Type, element: &str) -> bool {
    const LISTS: &[&str] = &["Vec", "VecDeque", "HashSet", "BTreeSet", "Box", "Arc", "Option"];
    match ty {
        Type::Path(_) => {
            name(ty).is_some_and(|name| name == element || LISTS.iter().any(|list| name == list))
        }
        _ => true,
    }
}
