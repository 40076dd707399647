//! The parameters of a hook: its subject and the context.

use quote::ToTokens;
use syn::{FnArg, PatType, Signature, Type};

use super::{
    super::{
        hook::{Hook, OUR_TYPES, Parameter},
        owned,
    },
    Check,
};
use crate::types::{bare, last_segment, name, referenced, type_arguments};

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
            let swapped = given.len() > 1 && names(&given[0].ty, "Context") && names(&given[1].ty, wanted.ty);
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
        let name = self.name.clone();
        for extra in given {
            let (message, help) = match (self.hook, names(&extra.ty, "Context")) {
                (Hook::OnStartup, true) => (
                    "`on_startup` has no context: it runs before there is one".to_owned(),
                    "leave it out: the configuration is what it gets",
                ),
                (hook, true) if !hook.is_async() => {
                    (format!("`{name}` has no context"), "leave it out: keep what it needs in the handler")
                }
                _ => (
                    format!("`{name}` takes nothing more"),
                    "leave it out: keep what it needs in the handler",
                ),
            };
            self.wrong(extra, message, help);
        }
    }

    /// Whether the type of the main parameter is right as far as one can see.
    fn main(&mut self, wanted: Parameter, ty: &Type) -> bool {
        let hook = self.name.clone();
        let Parameter { written, ty: wanted_name, .. } = wanted;
        let inner = match (referenced(ty), wanted.by_reference) {
            (Some((reference, inner)), true) => {
                if let Some(token) = &reference.mutability {
                    self.wrong(token, format!("`{hook}` only reads `{wanted_name}`"), "leave out `mut`");
                }
                inner
            }
            (None, true) if names(ty, wanted_name) => {
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
        let found = type_name(inner);
        let is_wanted = found.as_deref() == Some(wanted_name);
        // Another name may be an alias, which the compiler sees through; but the input type is read from here.
        let may_be_alias = found.as_deref().is_some_and(|found| !OUR_TYPES.contains(&found));
        if is_wanted || (may_be_alias && !wanted.names_input) {
            return true;
        }
        let help = match wanted.names_input && may_be_alias {
            true => format!("write `{written}`: the input type is read from here, so an alias does not do"),
            false => format!("write `{written}`"),
        };
        let plain = inner.to_token_stream().to_string().replace(' ', "");
        self.wrong(inner, format!("`{hook}` is called with a `{wanted_name}`, not with `{plain}`"), help);
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
    type_name(inner).is_some_and(|name| name == wanted)
}

/// The name of a type, and of what a slice holds in brackets.
fn type_name(ty: &Type) -> Option<String> {
    match bare(ty) {
        Type::Slice(slice) => Some(format!("[{}]", name(&slice.elem)?)),
        ty => name(ty).map(ToString::to_string),
    }
}
