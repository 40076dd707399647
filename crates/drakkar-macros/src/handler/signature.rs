//! Checks the signature of one hook, as it is written. Types are left to the compiler.

mod parameters;
mod returned;

use quote::ToTokens;
use syn::{FnArg, GenericParam, ImplItemFn, ReceiverKind, Safety, Signature, Type, ext::IdentExt};

use self::returned::result_arguments;
use super::{
    hook::{Hook, Returns},
    model::{Method, cfg_predicates},
};
use crate::{
    error_store::ErrorStore,
    types::{name, referenced},
};

/// Reads a hook. The first mistake in it also shows the signature that is expected.
pub(super) fn read(hook: Hook, method: &ImplItemFn, errors: &mut ErrorStore) -> Method {
    let signature = &method.sig;
    let mut check = Check { hook, name: signature.ident.unraw().to_string(), errors, shown: false };
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
        schedule: None,
    }
}

struct Check<'e> {
    hook: Hook,
    /// The method's name: the hook's own, or any for a method with an attribute.
    name: String,
    errors: &'e mut ErrorStore,
    shown: bool,
}

impl Check<'_> {
    /// Records a mistake in the signature.
    fn wrong(&mut self, tokens: impl ToTokens, message: impl AsRef<str>, help: impl AsRef<str>) {
        let mut text = format!("{}\nhelp: {}", message.as_ref(), help.as_ref());
        if !std::mem::replace(&mut self.shown, true) {
            text.push_str("\nexpected: ");
            text.push_str(&self.hook.signature_of(&self.name));
        }
        self.errors.push(tokens, text);
    }

    fn qualifiers(&mut self, signature: &Signature) {
        let name = self.name.clone();
        match (self.hook.is_async(), &signature.asyncness) {
            (true, None) => self.wrong(
                signature.fn_token,
                format!("`{name}` has to be async"),
                "write `async fn`; it need not await anything",
            ),
            (false, Some(token)) => self.wrong(
                token,
                format!("`{name}` cannot be async"),
                format!("leave out `async`: the {} is needed at once", self.at_once()),
            ),
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

    /// What a hook that is not async gives.
    fn at_once(&self) -> &'static str {
        match self.hook.returns() {
            Returns::Number => "number",
            Returns::Input => "input",
            _ => "text",
        }
    }

    fn receiver(&mut self, signature: &Signature) {
        const SHARED: &str =
            "one handler serves all partitions at once: keep what changes in an atomic or a `Mutex`";
        let name = self.name.clone();
        let receiver = match signature.inputs.first() {
            Some(FnArg::Receiver(receiver)) => receiver,
            _ => {
                self.wrong(&signature.ident, format!("`{name}` has no `&self`"), "write `&self` first");
                return;
            }
        };
        let (found, help) = match &receiver.kind {
            ReceiverKind::Reference(_, _, None) => return,
            ReceiverKind::Typed(_, ty) if is_shared_self(ty) => return,
            ReceiverKind::Reference(_, _, Some(_)) => ("`&mut self`", SHARED),
            ReceiverKind::Value => ("`self`", "write `&self`"),
            _ => ("another type of `self`", "write `&self`"),
        };
        self.wrong(receiver, format!("`{name}` takes `&self`, not {found}"), help);
    }
}

/// Whether this is `&Self`: what `&self` is short for.
fn is_shared_self(ty: &Type) -> bool {
    referenced(ty).is_some_and(|(reference, inner)| {
        reference.mutability.is_none() && name(inner).is_some_and(|name| name == "Self")
    })
}
