//! Writes the `Handler` impl: thin delegation to the user's methods. Cannot fail: the model was checked.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Type, ext::IdentExt, spanned::Spanned};

use super::{
    hook::{Hook, Returns},
    model::{Handler, Method},
};

/// The impl of a right block.
pub(super) fn implementation(handler: &Handler) -> TokenStream {
    let inputs = handler.methods_of(Hook::Arrange).filter_map(|method| {
        let input = method.input.as_ref()?;
        let cfg = cfg(method);
        // Without a codec of the handler's own.
        let decode = match present(handler, Hook::DeserializeMessage) {
            Presence::Always => TokenStream::new(),
            Presence::Never => decode(input),
            Presence::If(predicate) => {
                let decode = decode(input);
                quote! { #[cfg(not(#predicate))] #decode }
            }
        };
        let span = at(input.span());
        let input = same(input);
        let decode = (!decode.is_empty()).then(|| quote! { #cfg #decode });
        Some(quote_spanned! {span=> #cfg type Input = #input; #decode })
    });
    let task_outputs = outputs(handler, Hook::OnTaskComplete, "TaskOutputs");
    let message_outputs = outputs(handler, Hook::OnMessageComplete, "MessageOutputs");
    let window_outputs = outputs(handler, Hook::OnWindowComplete, "WindowOutputs");
    let hooks = hooks(handler);
    let background = background(handler);
    let methods = handler.methods.iter().map(delegate);
    block(
        handler,
        quote! {
            #(#inputs)*
            #task_outputs
            #message_outputs
            #window_outputs
            #hooks
            #background
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
    let window_outputs = first(Hook::OnWindowComplete, |method| method.output.as_ref());
    block(
        handler,
        quote_spanned! {Span::mixed_site()=>
            type Input = #input;
            type TaskOutputs = #task_outputs;
            type MessageOutputs = #message_outputs;
            type WindowOutputs = #window_outputs;

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
    let fields = [
        Hook::OnTaskComplete,
        Hook::OnMessageComplete,
        Hook::OnWindowComplete,
        Hook::OnError,
        Hook::OnDeliveryError,
        Hook::TaskPriority,
        Hook::MessageLabel,
        Hook::OnAssign,
        Hook::OnRevoke,
        Hook::OnShutdown,
    ]
    .map(|hook| {
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
    if method.hook == Hook::DeserializeMessage {
        return delegate_decode(method);
    }
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

/// `decode` by the handler's own codec.
fn delegate_decode(method: &Method) -> TokenStream {
    let span = at(method.ident.span());
    let (cfg, called, core) = (cfg(method), &method.ident, core(span));
    let record = argument("record", method.parameter_type.as_ref(), span);
    let call = quote_spanned! {span=> Self::#called(self, #record) };
    let whole = method.returned.as_ref().map_or(span, |ty| at(ty.span()));
    let value = Ident::new("value", method.output.as_ref().map_or(whole, |ty| at(ty.span())));
    let error = at(method.error.as_ref().map_or(whole, Spanned::span));
    let converted = quote_spanned! {error=> #core::error::HookError::from(error) };
    quote_spanned! {span=>
        #cfg
        fn decode(
            &self,
            #record: &#core::message::Record,
        ) -> ::core::result::Result<Self::Input, #core::handler::DecodeError> {
            let value: Self::Input = match #call {
                ::core::result::Result::Ok(value) => #value,
                ::core::result::Result::Err(error) => {
                    return ::core::result::Result::Err(#core::handler::DecodeError::Other(
                        #converted.into_boxed(),
                    ));
                }
            };
            ::core::result::Result::Ok(value)
        }
    }
}

/// The tables of periodic methods and services, and the calls by index. Nothing where there are none.
fn background(handler: &Handler) -> TokenStream {
    let core = core(Span::mixed_site());
    let of = |hook| handler.background.iter().filter(move |(method, _)| method.hook == hook);
    let periodic = of(Hook::Periodic).filter_map(|(method, schedule)| {
        let (cfg, name, schedule) = (cfg(method), method.ident.unraw().to_string(), schedule.as_ref()?);
        let (nanos, stop_on_error) = (schedule.nanos, schedule.stop_on_error);
        Some(quote! {
            #cfg
            #core::handler::Periodic {
                name: #name,
                every: ::core::time::Duration::from_nanos(#nanos),
                stop_on_error: #stop_on_error,
            }
        })
    });
    let services = of(Hook::Service).map(|(method, _)| {
        let (cfg, name) = (cfg(method), method.ident.unraw().to_string());
        quote! { #cfg #name }
    });
    let periodic_calls = of(Hook::Periodic).map(|(method, _)| by_index(method));
    let service_calls = of(Hook::Service).map(|(method, _)| by_index(method));
    let function = |name: &str, calls: Vec<TokenStream>| {
        let name = Ident::new(name, Span::call_site());
        quote_spanned! {Span::mixed_site()=>
            #[allow(unused_assignments, unused_mut, unused_variables, reason = "methods may be configured away")]
            async fn #name(&self, index: usize, ctx: &#core::context::Context) -> #core::error::HookResult<()> {
                let mut number = 0_usize;
                #(#calls)*
                ::core::result::Result::Ok(())
            }
        }
    };
    let (periodic, services): (Vec<_>, Vec<_>) = (periodic.collect(), services.collect());
    let periodic = (!periodic.is_empty()).then(|| {
        let call = function("periodic", periodic_calls.collect());
        quote! { const PERIODIC: &'static [#core::handler::Periodic] = &[#(#periodic),*]; #call }
    });
    let services = (!services.is_empty()).then(|| {
        let call = function("service", service_calls.collect());
        quote! { const SERVICES: &'static [&'static str] = &[#(#services),*]; #call }
    });
    quote! { #periodic #services }
}

/// Calls one method when its number is asked for. Methods that are configured away have none.
fn by_index(method: &Method) -> TokenStream {
    let cfg = cfg(method);
    let span = at(method.ident.span());
    let called = &method.ident;
    let context = method.context_type.as_ref().map(|ty| {
        let here = at(ty.span());
        quote_spanned! {here=> ctx }
    });
    let call = quote_spanned! {span=> Self::#called(self, #context) };
    let body = returned(method, &call);
    quote_spanned! {Span::mixed_site()=>
        #cfg
        {
            if index == number {
                return async { #body }.await;
            }
            number += 1;
        }
    }
}

fn parameters(hook: Hook, parameter: Option<&Ident>, context: &Ident, span: Span) -> TokenStream {
    let core = core(span);
    let ty = match hook {
        Hook::Arrange => quote_spanned! {span=> #core::message::Window<'_, Self::Input> },
        Hook::OnTaskComplete => quote_spanned! {span=> &#core::outcome::TaskResult },
        Hook::OnMessageComplete => quote_spanned! {span=> &#core::outcome::MessageGroup<Self::Input> },
        Hook::OnWindowComplete => quote_spanned! {span=> &#core::outcome::WindowGroup<Self::Input> },
        Hook::OnError => quote_spanned! {span=> &#core::outcome::TaskFailure },
        Hook::OnDeliveryError => quote_spanned! {span=> &#core::outcome::DeliveryFailure },
        Hook::TaskPriority => quote_spanned! {span=> &#core::task::Task },
        Hook::DeserializeMessage => quote_spanned! {span=> &#core::message::Record },
        Hook::OnAssign | Hook::OnRevoke => quote_spanned! {span=> &[#core::ids::PartitionId] },
        Hook::MessageLabel => quote_spanned! {span=> &#core::message::Message<Self::Input> },
        Hook::OnStartup => quote_spanned! {span=> #core::config::Config },
        Hook::OnReady | Hook::OnShutdown | Hook::Periodic | Hook::Service => TokenStream::new(),
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
        Returns::DeliveryAction => quote_spanned! {span=> #core::outcome::DeliveryAction },
        Returns::Text => quote_spanned! {span=> ::std::string::String },
        Returns::Number => quote_spanned! {span=> i64 },
        Returns::Input => quote_spanned! {span=> Self::Input },
        Returns::Tasks => quote_spanned! {span=> ::std::vec::Vec<#core::task::Task> },
        Returns::Config => quote_spanned! {span=> #core::config::Config },
        Returns::Nothing => quote_spanned! {span=> () },
        Returns::Outputs if hook == Hook::OnTaskComplete => quote_spanned! {span=> Self::TaskOutputs },
        Returns::Outputs if hook == Hook::OnWindowComplete => quote_spanned! {span=> Self::WindowOutputs },
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
