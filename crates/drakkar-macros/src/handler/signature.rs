//! Checks the signature of one hook, as it is written. Types are left to the compiler.

use quote::ToTokens;
use syn::{FnArg, GenericParam, ImplItemFn, PatType, Receiver, ReceiverKind, ReturnType, Safety, Signature, Type};

use super::{
    hook::{Hook, OUR_TYPES, Parameter, Returns},
    model::{Method, cfg_predicates},
    owned,
};
use crate::{
    error_store::ErrorStore,
    types::{bare, last_segment, name, referenced, type_arguments},
};

/// Reads a hook. The first mistake in it also shows the signature that is expected.
pub(super) fn read(hook: Hook, method: &ImplItemFn, errors: &mut ErrorStore) -> Method {
    let mut check = Check { hook, errors, shown: false };
    let signature = &method.sig;
    check.qualifiers(signature);
    check.receiver(signature);
    let (parameter, context) = check.parameters(signature);
    let (input, unread) = match &parameter {
        Some(ty) if hook == Hook::Arrange => check.input(ty),
        _ => (None, false),
    };
    let returned = check.returned(signature);
    let output = returned.as_ref().and_then(|ty| check.output(ty));
    let error = returned.as_ref().and_then(result_arguments).and_then(|a| a.get(1).map(|ty| (*ty).clone()));
    Method {
        hook,
        ident: signature.ident.clone(),
        cfgs: cfg_predicates(&method.attrs),
        parameter_type: parameter,
        context_type: context,
        input,
        unread,
        output,
        error,
        returned,
    }
}

struct Check<'e> {
    hook: Hook,
    errors: &'e mut ErrorStore,
    shown: bool,
}

impl Check<'_> {
    fn wrong(&mut self, tokens: impl ToTokens, message: impl AsRef<str>, help: impl AsRef<str>) {
        let mut text = format!("{}\nhelp: {}", message.as_ref(), help.as_ref());
        if !std::mem::replace(&mut self.shown, true) {
            text.push_str("\nexpected: ");
            text.push_str(&self.hook.signature());
        }
        self.errors.push(tokens, text);
    }

    fn qualifiers(&mut self, signature: &Signature) {
        let name = self.hook.name();
        match (self.hook.is_async(), &signature.asyncness) {
            (true, None) => self.wrong(
                signature.fn_token,
                format!("`{name}` has to be async"),
                "write `async fn`; it need not await anything",
            ),
            (false, Some(token)) => {
                self.wrong(token, format!("`{name}` cannot be async"), "leave out `async`: the text is needed at once")
            }
            _ => {}
        }
        if let Safety::Unsafe(token) = &signature.safety {
            self.wrong(token, format!("`{name}` cannot be unsafe"), "leave out `unsafe`: drakkar calls it");
        }
        if let Some(abi) = &signature.abi {
            self.wrong(abi, format!("`{name}` cannot be extern"), "leave out `extern`");
        }
        for parameter in &signature.generics.params {
            if !matches!(parameter, GenericParam::Lifetime(_)) {
                let help = "leave the parameter out: nothing would say what it stands for";
                self.wrong(parameter, format!("`{name}` cannot be generic"), help);
            }
        }
    }

    fn receiver(&mut self, signature: &Signature) {
        let name = self.hook.name();
        const SHARED: &str = "one handler serves all partitions at once: keep what changes in an atomic or a `Mutex`";
        match signature.inputs.first() {
            Some(FnArg::Receiver(receiver)) if is_shared(receiver) => {}
            Some(FnArg::Receiver(receiver)) => {
                let found = match &receiver.kind {
                    ReceiverKind::Reference(..) => "&mut self",
                    ReceiverKind::Value => "self",
                    _ => "another type of `self`",
                };
                let found = if found.contains('`') { found.to_owned() } else { format!("`{found}`") };
                let help = if receiver_is_mut(receiver) { SHARED } else { "write `&self`" };
                self.wrong(receiver, format!("`{name}` takes `&self`, not {found}"), help);
            }
            _ => self.wrong(&signature.ident, format!("`{name}` has no `&self`"), "write `&self` first"),
        }
    }

    /// Checks number, order and shape of the parameters; gives the types of the main one and of the context.
    fn parameters(&mut self, signature: &Signature) -> (Option<Type>, Option<Type>) {
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
                    format!("`{}` lacks its parameter `{}`", self.hook.name(), wanted.name),
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
        let name = self.hook.name();
        for extra in given {
            let (message, help) = match (self.hook, names(&extra.ty, "Context")) {
                (Hook::OnStartup, true) => (
                    "`on_startup` has no context: it runs before there is one".to_owned(),
                    "leave it out: the configuration is what it gets",
                ),
                (Hook::MessageLabel, true) => {
                    ("`message_label` has no context".to_owned(), "leave it out: keep what it needs in the handler")
                }
                _ => (format!("`{name}` takes nothing more"), "leave it out: keep what it needs in the handler"),
            };
            self.wrong(extra, message, help);
        }
    }

    /// Whether the type of the main parameter is right as far as one can see.
    fn main(&mut self, wanted: Parameter, ty: &Type) -> bool {
        let hook = self.hook.name();
        let Parameter { written, ty: wanted_name, .. } = wanted;
        let inner = match (referenced(ty), wanted.by_reference) {
            (Some((reference, inner)), true) => {
                if let Some(token) = &reference.mutability {
                    self.wrong(token, format!("`{hook}` only reads `{wanted_name}`"), "leave out `mut`");
                }
                inner
            }
            (None, true) if names(ty, wanted_name) => {
                self.wrong(ty, format!("`{wanted_name}` is passed by reference"), format!("write `{written}`"));
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
        let found = name(inner).map(ToString::to_string);
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
                    let message = format!("only `ctx: &Context` may come last in `{}`", self.hook.name());
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
                let message = format!("only `ctx: &Context` may come last in `{}`", self.hook.name());
                self.wrong(ty, message, "write `&Context`, or leave the parameter out");
                false
            }
        }
    }

    /// The input type in `Window<'_, Input>`, or whether the compiler has to say what is wrong with it.
    fn input(&mut self, window: &Type) -> (Option<Type>, bool) {
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

    fn returned(&mut self, signature: &Signature) -> Option<Type> {
        let name = self.hook.name();
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
                    _ => "write `String`; a label only helps people, so put something in its place",
                };
                self.wrong(ty, format!("`{name}` cannot fail"), help);
                None
            }
            (false, None) => {
                let wanted = returns.written();
                let other = self::name(ty).is_none_or(|n| n == "str" || OUR_TYPES.iter().any(|o| n == o && *o != wanted));
                if other {
                    self.wrong(ty, format!("`{name}` returns `{wanted}`"), format!("write `{wanted}`"));
                }
                (!other).then(|| (**ty).clone())
            }
        }
    }

    /// What the returned `Result` holds.
    fn output(&mut self, ty: &Type) -> Option<Type> {
        let returns = self.hook.returns();
        if !returns.is_result() {
            return None;
        }
        let arguments = result_arguments(ty)?;
        let Some(output) = arguments.first() else {
            let message = format!("`{}` does not say what it returns", self.hook.name());
            self.wrong(ty, message, format!("write `{}`", returns.written()));
            return None;
        };
        let found = name(output).map(ToString::to_string).unwrap_or_default();
        let plain_unit = matches!(bare(output), Type::Tuple(tuple) if tuple.elems.is_empty());
        match returns {
            Returns::Outputs if matches!(found.as_str(), "Option" | "Vec") => {
                let help = "return the struct itself: without items it sends nothing";
                self.wrong(output, format!("`{}` returns outputs, not `{found}`", self.hook.name()), help);
                None
            }
            Returns::Tasks if matches!(found.as_str(), "Task" | "Option") || plain_unit => {
                self.wrong(output, "`arrange` returns a list of tasks", "write `Vec<Task>`; it may be empty");
                None
            }
            Returns::Nothing if !plain_unit => {
                self.wrong(output, format!("`{}` has nothing to return", self.hook.name()), "write `Result<()>`");
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
fn result_arguments(ty: &Type) -> Option<Vec<&Type>> {
    let segment = last_segment(ty)?;
    let arguments = type_arguments(segment);
    let named_like_one = segment.ident.to_string().ends_with("Result") && !arguments.is_empty();
    (segment.ident == "Result" || named_like_one).then_some(arguments)
}

/// Whether a type, or what it refers to, has this name.
fn names(ty: &Type, wanted: &str) -> bool {
    let inner = referenced(ty).map_or_else(|| bare(ty), |(_, inner)| inner);
    name(inner).is_some_and(|name| name == wanted)
}

fn is_shared(receiver: &Receiver) -> bool {
    match &receiver.kind {
        ReceiverKind::Reference(_, _, mutability) => mutability.is_none(),
        ReceiverKind::Typed(_, ty) => {
            referenced(ty).is_some_and(|(reference, inner)| {
                reference.mutability.is_none() && name(inner).is_some_and(|name| name == "Self")
            })
        }
        _ => false,
    }
}

fn receiver_is_mut(receiver: &Receiver) -> bool {
    matches!(&receiver.kind, ReceiverKind::Reference(_, _, Some(_)))
}
