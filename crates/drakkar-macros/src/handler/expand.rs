//! Writes the `Handler` impl: thin delegation to the user's methods. Cannot fail: the model was checked.

mod decode;
mod delegate;
mod tables;

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
        let span = at(input.span());
        let input = same(input);
        Some(quote_spanned! {span=> #cfg type Input = #input; })
    });
    let outputs = OUTPUTS.map(|(hook, name)| outputs(handler, hook, name));
    let hooks = hooks(handler);
    let decode = decode::decode(handler);
    let methods = handler
        .methods
        .iter()
        .filter(|method| !matches!(method.hook, Hook::DeserializeMessage | Hook::Periodic | Hook::Service))
        .map(delegate::delegate);
    let tables = tables::tables(handler);
    block(
        handler,
        quote! {
            #(#inputs)*
            #(#outputs)*
            #hooks
            #tables
            #decode
            #(#methods)*
        },
    )
}

/// The hooks with outputs, and the types of the trait for them.
const OUTPUTS: [(Hook, &str); 3] = [
    (Hook::OnTaskComplete, "TaskOutputs"),
    (Hook::OnMessageComplete, "MessageOutputs"),
    (Hook::OnWindowComplete, "WindowOutputs"),
];

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
    let outputs = OUTPUTS.map(|(hook, name)| {
        let name = Ident::new(name, Span::call_site());
        let output = first(hook, |method| method.output.as_ref());
        quote! { type #name = #output; }
    });
    // A window without input type is left to the compiler. Should it be content, the type is not ours: this says so.
    let unread = handler.methods_of(Hook::Arrange).filter(|method| method.unread).filter_map(|method| {
        let ty = method.parameter_type.as_ref()?;
        let window = argument("window", Some(ty), Span::mixed_site());
        Some(quote! { let _: #ty = #window; })
    });
    block(
        handler,
        quote_spanned! {Span::mixed_site()=>
            type Input = #input;
            #(#outputs)*

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
    let fields = Hook::OPTIONAL.map(|hook| {
        let name = Ident::new(hook.name(), Span::call_site());
        let value = present(handler, hook).as_bool();
        quote! { #name: #value }
    });
    quote! { const HOOKS: #core::handler::Hooks = #core::handler::Hooks { #(#fields,)* }; }
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

impl Presence {
    /// Whether it is there, as an expression.
    fn as_bool(&self) -> TokenStream {
        match self {
            Presence::Always => quote! { true },
            Presence::Never => quote! { false },
            Presence::If(predicate) => quote! { ::core::cfg!(#predicate) },
        }
    }
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
