//! One method of the trait for each hook.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use super::{
    super::{
        hook::{Hook, Returns},
        model::Method,
    },
    argument, at, cfg, core,
};

/// One trait method. `Self::hook` is the user's method: inherent ones win over those of traits.
pub(super) fn delegate(method: &Method) -> TokenStream {
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
    let is_async = method.hook.is_async();
    let wait = is_async.then(|| quote_spanned! {span=> .await });
    let body = returned(method, &quote_spanned! {span=> Self::#called(self, #(#passed),*) #wait });
    let asyncness = is_async.then(|| quote_spanned! {span=> async });
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
        Hook::OnWindowComplete => quote_spanned! {span=> &#core::outcome::WindowGroup<Self::Input> },
        Hook::OnError => quote_spanned! {span=> &#core::outcome::TaskFailure },
        Hook::OnDeliveryError => quote_spanned! {span=> &#core::outcome::DeliveryFailure },
        Hook::TaskPriority => quote_spanned! {span=> &#core::task::Task },
        Hook::MessageLabel => quote_spanned! {span=> &#core::message::Message<Self::Input> },
        Hook::DeserializeMessage => quote_spanned! {span=> &#core::message::Record },
        Hook::OnStartup => quote_spanned! {span=> #core::config::Config },
        Hook::OnAssign | Hook::OnRevoke => quote_spanned! {span=> &[#core::ids::PartitionId] },
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
        Returns::Delivery => quote_spanned! {span=> #core::outcome::DeliveryAction },
        Returns::Text => quote_spanned! {span=> ::std::string::String },
        Returns::Number => quote_spanned! {span=> ::core::primitive::i64 },
        Returns::Tasks => quote_spanned! {span=> ::std::vec::Vec<#core::task::Task> },
        Returns::Config => quote_spanned! {span=> #core::config::Config },
        Returns::Input => quote_spanned! {span=> Self::Input },
        Returns::Nothing => quote_spanned! {span=> () },
        Returns::Outputs => match hook {
            Hook::OnTaskComplete => quote_spanned! {span=> Self::TaskOutputs },
            Hook::OnMessageComplete => quote_spanned! {span=> Self::MessageOutputs },
            _ => quote_spanned! {span=> Self::WindowOutputs },
        },
    }
}

/// What the call gives in the trait's shape; a complaint about it lands on the type the user wrote.
pub(super) fn returned(method: &Method, call: &TokenStream) -> TokenStream {
    let here = at(method.ident.span());
    let whole = method.returned.as_ref().map_or(here, |ty| at(ty.span()));
    if !method.hook.returns().is_result() {
        let answer = Ident::new("answer", whole);
        return quote_spanned! {whole=> let #answer = #call; #answer };
    }
    let expected = value(method.hook, whole);
    let value = Ident::new("value", method.output.as_ref().map_or(whole, |ty| at(ty.span())));
    let converted = error(method, whole);
    quote_spanned! {whole=>
        let value: #expected = match #call {
            ::core::result::Result::Ok(value) => #value,
            ::core::result::Result::Err(error) => return ::core::result::Result::Err(#converted),
        };
        ::core::result::Result::Ok(value)
    }
}

/// The user's error as the trait's.
fn error(method: &Method, whole: Span) -> TokenStream {
    let span = at(method.error.as_ref().map_or(whole, Spanned::span));
    let core = core(span);
    let error = quote_spanned! {span=> ::core::convert::From::from(error) };
    match method.hook {
        Hook::DeserializeMessage => quote_spanned! {span=>
            #core::handler::DecodeError::Other(#core::error::HookError::into_boxed(#error))
        },
        _ => error,
    }
}
