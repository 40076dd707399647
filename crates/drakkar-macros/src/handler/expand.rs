//! Writes the `Handler` impl: thin delegation to the user's methods. Cannot fail: the model was checked.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Type, spanned::Spanned};

use super::{
    hook::{Hook, Returns},
    model::{Handler, Method},
};

/// The impl of a right block.
pub(super) fn implementation(handler: &Handler) -> TokenStream {
    let inputs = handler.methods_of(Hook::Arrange).filter_map(|method| {
        let input = method.input.as_ref()?;
        let cfg = cfg(method);
        let decode = decode(input);
        let span = at(input.span());
        let input = same(input);
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
            type WindowOutputs = ();
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
    let core = core(Span::mixed_site());
    let first = |hook, part: fn(&Method) -> Option<&Type>| {
        handler.methods_of(hook).find_map(part).map_or_else(|| quote! { () }, same)
    };
    let input = first(Hook::Arrange, |method| method.input.as_ref());
    let task_outputs = first(Hook::OnTaskComplete, |method| method.output.as_ref());
    // A window without input type is left to the compiler. Should it be content, the type is not ours: this says so.
    let unread = handler.methods_of(Hook::Arrange).filter(|method| method.unread).filter_map(|method| {
        let ty = method.parameter_type.as_ref()?;
        let window = argument("window", Some(ty), Span::mixed_site());
        Some(quote! { let _: #ty = #window; })
    });
    let message_outputs = first(Hook::OnMessageComplete, |method| method.output.as_ref());
    block(
        handler,
        quote_spanned! {Span::mixed_site()=>
            type Input = #input;
            type TaskOutputs = #task_outputs;
            type MessageOutputs = #message_outputs;
            type WindowOutputs = ();

            fn decode(
                &self,
                _record: &#core::message::Record,
            ) -> ::core::result::Result<Self::Input, #core::handler::DecodeError> {
                ::core::result::Result::Err(#core::handler::DecodeError::Tombstone)
            }

            async fn arrange(
                &self,
                window: #core::message::Window<'_, Self::Input>,
                _ctx: &#core::context::Context,
            ) -> #core::error::HookResult<::std::vec::Vec<#core::task::Task>> {
                let _ = &window;
                #(#unread)*
                ::core::result::Result::Ok(::std::vec::Vec::new())
            }
        },
    )
}

fn block(handler: &Handler, content: TokenStream) -> TokenStream {
    let core = core(Span::mixed_site());
    let Handler { ty, impl_token, generics, cfgs, .. } = handler;
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    let predicates = where_clause.map(|clause| &clause.predicates).into_iter().flatten();
    // Said here, a handler that cannot be shared is one error on its type; otherwise each hook's future is one more.
    let shared = quote_spanned! {at(ty.span())=>
        #ty: ::core::marker::Send + ::core::marker::Sync + 'static
    };
    // The user's own `impl`, so that an error in a type is the same as in the user's block, and shown once.
    quote! {
        #(#cfgs)*
        const _: () = {
            type __DrakkarSame<T> = T;
            #[automatically_derived]
            #impl_token #impl_generics #core::handler::Handler for #ty
            where
                #(#predicates,)*
                #shared
            {
                #content
            }
        };
    }
}

/// `decode`: JSON into the input type, or the bytes as they are when the input type is `Bytes`.
fn decode(input: &Type) -> TokenStream {
    let span = at(input.span());
    let core = core(span);
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
        let output = same(output);
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
    let core = core(Span::mixed_site());
    let fields =
        [Hook::OnTaskComplete, Hook::OnMessageComplete, Hook::OnError, Hook::MessageLabel].map(|hook| {
            let name = Ident::new(hook.name(), Span::call_site());
            let value = match present(handler, hook) {
                Presence::Always => quote! { true },
                Presence::Never => quote! { false },
                Presence::If(predicate) => quote! { ::core::cfg!(#predicate) },
            };
            quote! { #name: #value }
        });
    quote! { const HOOKS: #core::handler::Hooks = #core::handler::Hooks { #(#fields,)* ..#core::handler::Hooks::NONE }; }
}

/// One trait method. `Self::hook` is the user's method: inherent ones win over those of traits.
fn delegate(method: &Method) -> TokenStream {
    let span = at(method.ident.span());
    let cfg = cfg(method);
    let name = Ident::new(method.hook.name(), span);
    let called = &method.ident;
    let parameter =
        method.hook.parameter().map(|_| argument("parameter", method.parameter_type.as_ref(), span));
    let context = match &method.context_type {
        Some(ty) => argument("ctx", Some(ty), span),
        None => Ident::new("_ctx", span),
    };
    let passed = parameter.iter().chain(method.context_type.as_ref().map(|_| &context));
    let call = quote_spanned! {span=> Self::#called(self, #(#passed),*) };
    let body = if method.hook.is_async() { returned(method, &call) } else { call };
    let asyncness = method.hook.is_async().then(|| quote_spanned! {span=> async });
    let parameters = parameters(method.hook, parameter.as_ref(), &context, span);
    let core = core(span);
    let value = value(method.hook, span);
    let result = if method.hook.returns().is_result() {
        quote_spanned! {span=> #core::error::HookResult<#value> }
    } else {
        value
    };
    quote_spanned! {span=>
        #cfg
        #asyncness fn #name(&self, #parameters) -> #result {
            #body
        }
    }
}

fn parameters(hook: Hook, parameter: Option<&Ident>, context: &Ident, span: Span) -> TokenStream {
    let core = core(span);
    let ty = match hook {
        Hook::Arrange => quote_spanned! {span=> #core::message::Window<'_, Self::Input> },
        Hook::OnTaskComplete => quote_spanned! {span=> &#core::outcome::TaskResult },
        Hook::OnMessageComplete => quote_spanned! {span=> &#core::outcome::MessageGroup<Self::Input> },
        Hook::OnError => quote_spanned! {span=> &#core::outcome::TaskFailure },
        Hook::MessageLabel => quote_spanned! {span=> &#core::message::Message<Self::Input> },
        Hook::OnStartup => quote_spanned! {span=> #core::config::Config },
        Hook::OnReady => TokenStream::new(),
    };
    let parameter = parameter.map(|name| quote_spanned! {span=> #name: #ty, });
    let context = hook.takes_context().then(|| quote_spanned! {span=> #context: &#core::context::Context });
    quote! { #parameter #context }
}

/// What the trait's method returns, inside the `Result` if there is one.
fn value(hook: Hook, span: Span) -> TokenStream {
    let core = core(span);
    match hook.returns() {
        Returns::Action => quote_spanned! {span=> #core::outcome::ErrorAction },
        Returns::Text => quote_spanned! {span=> ::std::string::String },
        Returns::Tasks => quote_spanned! {span=> ::std::vec::Vec<#core::task::Task> },
        Returns::Config => quote_spanned! {span=> #core::config::Config },
        Returns::Nothing => quote_spanned! {span=> () },
        Returns::Outputs if hook == Hook::OnTaskComplete => quote_spanned! {span=> Self::TaskOutputs },
        Returns::Outputs => quote_spanned! {span=> Self::MessageOutputs },
    }
}

/// The awaited call in the trait's shape; a complaint about what it gives lands on the type the user wrote.
fn returned(method: &Method, call: &TokenStream) -> TokenStream {
    let here = at(method.ident.span());
    let whole = method.returned.as_ref().map_or(here, |ty| at(ty.span()));
    if !method.hook.returns().is_result() {
        let action = Ident::new("action", whole);
        return quote_spanned! {whole=> let #action = #call.await; #action };
    }
    let expected = value(method.hook, whole);
    let value = Ident::new("value", method.output.as_ref().map_or(whole, |ty| at(ty.span())));
    let error = at(method.error.as_ref().map_or(whole, Spanned::span));
    let converted = quote_spanned! {error=> ::core::convert::From::from(error) };
    quote_spanned! {whole=>
        let value: #expected = match #call.await {
            ::core::result::Result::Ok(value) => #value,
            ::core::result::Result::Err(error) => return ::core::result::Result::Err(#converted),
        };
        ::core::result::Result::Ok(value)
    }
}

/// A parameter's name. A complaint about its type lands on the type the user wrote.
fn argument(name: &str, ty: Option<&Type>, otherwise: Span) -> Ident {
    Ident::new(name, ty.map_or(otherwise, |ty| at(ty.span())))
}

/// The type as an argument, as it stands in the user's block.
///
/// A type that does not exist gets other advice from the compiler in another place, and would be reported twice.
fn same(ty: &Type) -> TokenStream {
    quote_spanned! {at(ty.span())=> __DrakkarSame<#ty> }
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

/// The path of `drakkar-core` for generated code.
fn core(span: Span) -> TokenStream {
    quote_spanned! {span=> ::drakkar::__private::core }
}

/// A span that points at the user's token while names keep the meaning they have in the macro.
fn at(span: Span) -> Span {
    Span::mixed_site().located_at(span)
}
