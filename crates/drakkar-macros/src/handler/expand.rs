//! Writes the `Handler` impl: thin delegation to the user's methods. Cannot fail: the model was checked.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Type, spanned::Spanned};

use super::{
    hook::Hook,
    model::{Handler, Method},
};

/// The impl of a right block.
pub(super) fn implementation(handler: &Handler) -> TokenStream {
    let inputs = handler.methods_of(Hook::Arrange).filter_map(|method| {
        let input = method.input.as_ref()?;
        let cfg = cfg(method);
        let decode = decode(input);
        let span = at(input.span());
        Some(quote_spanned! {span=> #cfg type Input = #input; #cfg #decode })
    });
    let task_outputs = outputs(handler, Hook::OnTaskComplete, "TaskOutputs");
    let message_outputs = outputs(handler, Hook::OnMessageComplete, "MessageOutputs");
    let hooks = hooks(handler);
    let methods = handler.methods.iter().map(delegate);
    block(
        handler,
        quote! {
            #(#inputs)*
            #task_outputs
            #message_outputs
            #hooks
            #(#methods)*
        },
    )
}

/// An impl that does nothing, so that a mistake is reported once and not again wherever the handler is used.
pub(super) fn stand_in(handler: &Handler) -> TokenStream {
    if !handler.can_be_handler {
        return TokenStream::new();
    }
    let core = core();
    let input = handler.methods_of(Hook::Arrange).find_map(|method| method.input.as_ref());
    let input = input.map_or_else(|| quote! { () }, |input| quote! { #input });
    block(
        handler,
        quote! {
            type Input = #input;
            type TaskOutputs = ();
            type MessageOutputs = ();

            fn decode(
                &self,
                _record: &#core::message::Record,
            ) -> ::core::result::Result<Self::Input, #core::handler::DecodeError> {
                ::core::result::Result::Err(#core::handler::DecodeError::Tombstone)
            }

            async fn arrange(
                &self,
                _window: #core::message::Window<'_, Self::Input>,
                _ctx: &#core::context::Context,
            ) -> #core::error::HookResult<::std::vec::Vec<#core::task::Task>> {
                ::core::result::Result::Ok(::std::vec::Vec::new())
            }
        },
    )
}

fn block(handler: &Handler, content: TokenStream) -> TokenStream {
    let core = core();
    let Handler { ty, generics, cfgs, .. } = handler;
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    quote! {
        #(#cfgs)*
        const _: () = {
            #[automatically_derived]
            impl #impl_generics #core::handler::Handler for #ty #where_clause {
                #content
            }
        };
    }
}

/// `decode`: JSON into the input type, or the bytes as they are when the input type is `Bytes`.
fn decode(input: &Type) -> TokenStream {
    let core = core();
    let span = at(input.span());
    let body = if crate::types::name(input).is_some_and(|name| name == "Bytes") {
        quote_spanned! {span=>
            ::core::option::Option::ok_or(
                ::core::clone::Clone::clone(&record.value),
                #core::handler::DecodeError::Tombstone,
            )
        }
    } else {
        quote_spanned! {span=> #core::handler::decode_json::<#input>(record) }
    };
    quote_spanned! {span=>
        fn decode(
            &self,
            record: &#core::message::Record,
        ) -> ::core::result::Result<Self::Input, #core::handler::DecodeError> {
            #body
        }
    }
}

/// An outputs type: what the hook returns, `()` where there is no hook.
fn outputs(handler: &Handler, hook: Hook, name: &str) -> TokenStream {
    let name = Ident::new(name, Span::call_site());
    let written = handler.methods_of(hook).filter_map(|method| {
        let output = method.output.as_ref()?;
        let cfg = cfg(method);
        let span = at(output.span());
        Some(quote_spanned! {span=> #cfg type #name = #output; })
    });
    let otherwise = match present(handler, hook) {
        Presence::Always => TokenStream::new(),
        Presence::Never => quote! { type #name = (); },
        Presence::If(predicate) => quote! { #[cfg(not(#predicate))] type #name = (); },
    };
    quote! { #(#written)* #otherwise }
}

fn hooks(handler: &Handler) -> TokenStream {
    let core = core();
    let fields = [Hook::OnTaskComplete, Hook::OnMessageComplete, Hook::OnError, Hook::MessageLabel].map(|hook| {
        let name = Ident::new(hook.name(), Span::call_site());
        let value = match present(handler, hook) {
            Presence::Always => quote! { true },
            Presence::Never => quote! { false },
            Presence::If(predicate) => quote! { ::core::cfg!(#predicate) },
        };
        quote! { #name: #value }
    });
    quote! { const HOOKS: #core::handler::Hooks = #core::handler::Hooks { #(#fields),* }; }
}

/// One trait method. `Self::hook` is the user's method: inherent ones win over those of traits.
fn delegate(method: &Method) -> TokenStream {
    let core = core();
    let span = at(method.span());
    let cfg = cfg(method);
    let name = Ident::new(method.hook.name(), span);
    let called = &method.ident;
    let parameter = argument("parameter", method.parameter_type.as_ref(), span);
    let context = match &method.context_type {
        Some(ty) => argument("ctx", Some(ty), span),
        None => Ident::new("_ctx", span),
    };
    let passed_context = method.context_type.as_ref().map(|_| &context);
    let call = match method.hook.parameter() {
        Some(_) => quote_spanned! {span=> Self::#called(self, #parameter, #passed_context) },
        None => quote_spanned! {span=> Self::#called(self, #passed_context) },
    };
    let call = returned(method, call);
    let (parameters, result) = match method.hook {
        Hook::Arrange => (
            quote! { #parameter: #core::message::Window<'_, Self::Input>, #context: &#core::context::Context },
            quote! { #core::error::HookResult<::std::vec::Vec<#core::task::Task>> },
        ),
        Hook::OnTaskComplete => (
            quote! { #parameter: &#core::outcome::TaskResult, #context: &#core::context::Context },
            quote! { #core::error::HookResult<Self::TaskOutputs> },
        ),
        Hook::OnMessageComplete => (
            quote! { #parameter: &#core::outcome::MessageGroup<Self::Input>, #context: &#core::context::Context },
            quote! { #core::error::HookResult<Self::MessageOutputs> },
        ),
        Hook::OnError => (
            quote! { #parameter: &#core::outcome::TaskFailure, #context: &#core::context::Context },
            quote! { #core::outcome::ErrorAction },
        ),
        Hook::MessageLabel => (
            quote! { #parameter: &#core::message::Message<Self::Input> },
            quote! { ::std::string::String },
        ),
        Hook::OnStartup => (
            quote! { #parameter: #core::config::Config },
            quote! { #core::error::HookResult<#core::config::Config> },
        ),
        Hook::OnReady => (
            quote! { #context: &#core::context::Context },
            quote! { #core::error::HookResult<()> },
        ),
    };
    let asyncness = method.hook.is_async().then(|| quote_spanned! {span=> async });
    quote_spanned! {span=>
        #cfg
        #asyncness fn #name(&self, #parameters) -> #result {
            #call
        }
    }
}

/// The call with its result in the trait's shape; a complaint about it lands on the type the user wrote.
fn returned(method: &Method, call: TokenStream) -> TokenStream {
    let span = at(method.returned_span());
    match (method.hook.is_async(), method.hook.returns().is_result()) {
        (true, true) => quote_spanned! {span=> ::core::result::Result::Ok(#call.await?) },
        (true, false) => quote_spanned! {span=> #call.await },
        (false, _) => call,
    }
}

/// A parameter's name. A complaint about its type lands on the type the user wrote.
fn argument(name: &str, ty: Option<&Type>, otherwise: Span) -> Ident {
    Ident::new(name, ty.map_or(otherwise, |ty| at(ty.span())))
}

enum Presence {
    Always,
    Never,
    If(TokenStream),
}

/// When the block has this hook.
fn present(handler: &Handler, hook: Hook) -> Presence {
    let mut predicates = Vec::new();
    for method in handler.methods_of(hook) {
        if method.cfgs.is_empty() {
            return Presence::Always;
        }
        let all = &method.cfgs;
        predicates.push(quote! { all(#(#all),*) });
    }
    if predicates.is_empty() { Presence::Never } else { Presence::If(quote! { any(#(#predicates),*) }) }
}

fn cfg(method: &Method) -> TokenStream {
    let predicates = &method.cfgs;
    quote! { #(#[cfg(#predicates)])* }
}

fn core() -> TokenStream {
    quote! { ::drakkar::__private::core }
}

/// A span that points at the user's token while names keep the meaning they have in the macro.
fn at(span: Span) -> Span {
    Span::mixed_site().located_at(span)
}
