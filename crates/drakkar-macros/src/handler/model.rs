//! What `#[handler]` knows about an impl block.

use proc_macro2::Ident;
use syn::{
    Attribute, GenericParam, Generics, ImplItem, ImplItemFn, ItemImpl, Meta, Token, Type, ext::IdentExt,
};

use super::{
    hook::Hook,
    owned,
    role::{self, Role, Schedule},
    signature,
};
use crate::error_store::ErrorStore;

/// A handler: its type and its hooks.
pub(super) struct Handler {
    pub(super) ty: Type,
    pub(super) impl_token: Token![impl],
    pub(super) generics: Generics,
    /// `#[cfg]` of the block: what is generated is there when the block is.
    pub(super) cfgs: Vec<Attribute>,
    /// Hooks in the order they are written. One name comes twice only under different `#[cfg]`s.
    pub(super) methods: Vec<Method>,
    /// Whether a stand-in impl makes sense: not for a type that can never be a handler.
    pub(super) can_be_handler: bool,
}

/// One hook as the user wrote it.
pub(super) struct Method {
    pub(super) hook: Hook,
    pub(super) ident: Ident,
    /// The predicates of its `#[cfg]`s.
    pub(super) cfgs: Vec<proc_macro2::TokenStream>,
    /// Where a complaint about the parameter's type goes.
    pub(super) parameter_type: Option<Type>,
    /// Where a complaint about the context's type goes; `None` when the hook does not ask for it.
    pub(super) context_type: Option<Type>,
    /// The input type that the window names.
    pub(super) input: Option<Type>,
    /// Whether the window's type is wrong in a way that the compiler reports.
    pub(super) unread: bool,
    /// The first argument of the returned `Result`.
    pub(super) output: Option<Type>,
    /// The second argument of the returned `Result`.
    pub(super) error: Option<Type>,
    /// The whole returned type.
    pub(super) returned: Option<Type>,
    /// When a periodic method runs.
    pub(super) schedule: Option<Schedule>,
}

impl Handler {
    /// Reads the block, records every mistake, and takes out attributes that mean nothing to the compiler.
    ///
    /// With a mistake the result is incomplete.
    pub(super) fn read(block: &mut ItemImpl, errors: &mut ErrorStore) -> Self {
        let mut handler = Self {
            ty: (*block.self_ty).clone(),
            impl_token: block.impl_token,
            generics: block.generics.clone(),
            cfgs: block.attrs.iter().filter(|a| a.path().is_ident("cfg")).cloned().collect(),
            methods: Vec::new(),
            can_be_handler: true,
        };
        handler.check_type(errors);
        let mut meant = Vec::new();
        for item in &mut block.items {
            let method = match item {
                ImplItem::Fn(method) => method,
                ImplItem::Const(item) => {
                    role::refuse(&mut item.attrs, errors);
                    continue;
                }
                _ => continue,
            };
            let role = role::take(&mut method.attrs, errors);
            let name = method.sig.ident.unraw().to_string();
            match (Hook::by_name(&name), role) {
                (Some(hook), role) => {
                    if let Some(role) = role {
                        refuse_role(hook, &role, errors);
                    }
                    handler.add(hook, None, method, errors);
                }
                (None, Some(role)) => handler.add(role.hook, role.schedule, method, errors),
                (None, None) => meant.extend(refuse_near_miss(&name, method, errors)),
            }
        }
        let has_arrange = handler.methods.iter().any(|method| method.hook == Hook::Arrange);
        if !has_arrange && !meant.contains(&Hook::Arrange) {
            errors.push_help(
                &handler.ty,
                "the handler has no `arrange` hook: it turns messages into tasks",
                format!("add `{}`", Hook::Arrange.signature()),
            );
        }
        handler
    }

    fn check_type(&mut self, errors: &mut ErrorStore) {
        for parameter in &self.generics.params {
            if let GenericParam::Lifetime(lifetime) = parameter {
                self.can_be_handler = false;
                errors.push_help(
                    lifetime,
                    "a handler cannot borrow: it lives as long as the worker",
                    "use owned types or an `Arc`",
                );
            }
        }
        if self.can_be_handler {
            self.can_be_handler = owned::check(&self.ty, "handler", errors);
        }
    }

    fn add(&mut self, hook: Hook, schedule: Option<Schedule>, method: &ImplItemFn, errors: &mut ErrorStore) {
        let method = Method { schedule, ..signature::read(hook, method, errors) };
        // The compiler itself reports a name that is defined twice; a second delegation would say it again.
        let name = method.ident.unraw();
        let twice = self.methods.iter().any(|other| other.ident.unraw() == name && other.cfgs.is_empty());
        if !(twice && method.cfgs.is_empty()) {
            self.methods.push(method);
        }
    }

    /// The methods of one hook.
    pub(super) fn methods_of(&self, hook: Hook) -> impl Iterator<Item = &Method> {
        self.methods.iter().filter(move |method| method.hook == hook)
    }
}

/// The predicates of the `#[cfg]`s among these attributes.
pub(super) fn cfg_predicates(attributes: &[Attribute]) -> Vec<proc_macro2::TokenStream> {
    attributes
        .iter()
        .filter_map(|attribute| match &attribute.meta {
            Meta::List(list) if list.path.is_ident("cfg") => Some(list.tokens.clone()),
            _ => None,
        })
        .collect()
}

/// Reports an attribute on a method that drakkar calls for another reason.
fn refuse_role(hook: Hook, role: &Role, errors: &mut ErrorStore) {
    let (name, attribute) = (hook.name(), role.hook.name());
    errors.push_help(
        &role.path,
        format!("`{name}` is a hook and cannot be `#[{attribute}]`"),
        "leave out the attribute, or give the method a name of its own",
    );
}

/// Reports a method that looks like a hook but is none, and says which hook was meant.
fn refuse_near_miss(name: &str, method: &ImplItemFn, errors: &mut ErrorStore) -> Option<Hook> {
    const ELSEWHERE: &str = "a helper with this name goes in a second impl block, without the attribute";
    let ident = &method.sig.ident;
    let near = Hook::near(name);
    let message = format!("unknown hook `{name}`");
    match near {
        Some(hook) => {
            errors.push(ident, format!("{message}; did you mean `{}`?\nhelp: {ELSEWHERE}", hook.name()))
        }
        None if name.starts_with("on_") => {
            let hooks = crate::nearest::list(&Hook::NAMED.map(Hook::name));
            errors.push(ident, format!("{message}\nhelp: the hooks are {hooks}\nhelp: {ELSEWHERE}"));
        }
        None => {}
    }
    near
}
