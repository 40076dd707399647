//! The tables of periodic methods and services, and what calls them by their index.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;

use super::{
    super::{
        hook::Hook,
        model::{Handler, Method},
    },
    argument, at, cfg, core,
    delegate::returned,
};

/// Both tables; nothing where the handler has no such method.
pub(super) fn tables(handler: &Handler) -> TokenStream {
    let core = core(Span::mixed_site());
    let periodic = table(handler, Hook::Periodic, "PERIODIC", &quote! { #core::handler::Periodic }, periodic);
    let services =
        table(handler, Hook::Service, "SERVICES", &quote! { &'static ::core::primitive::str }, name);
    quote! { #periodic #services }
}

fn table(
    handler: &Handler,
    hook: Hook,
    table: &str,
    ty: &TokenStream,
    entry: fn(&Method) -> TokenStream,
) -> TokenStream {
    let methods: Vec<&Method> = handler.methods_of(hook).collect();
    if methods.is_empty() {
        return TokenStream::new();
    }
    let core = core(Span::mixed_site());
    let table = Ident::new(table, Span::mixed_site());
    let called = Ident::new(hook.name(), Span::mixed_site());
    // An entry that is configured away is not there, and those behind it move up: here and in the indices below.
    let entries = methods.iter().map(|method| {
        let (cfg, entry) = (cfg(method), entry(method));
        quote! { #cfg #entry }
    });
    let arms = methods.iter().enumerate().map(|(at, method)| arm(&methods[..at], method));
    let nothing = format!("the handler has no {} method with this index", hook.name());
    quote_spanned! {Span::mixed_site()=>
        const #table: &'static [#ty] = &[#(#entries),*];

        async fn #called(
            &self,
            index: ::core::primitive::usize,
            ctx: &#core::context::Context,
        ) -> #core::error::HookResult<()> {
            // Every method may be configured away, and every one may do without the context.
            let _ = ctx;
            match index {
                #(#arms)*
                _ => ::core::result::Result::Err(#core::error::HookError::msg(#nothing)),
            }
        }
    }
}

/// Calls one method when the index is its own: the number of those before it that are there.
fn arm(before: &[&Method], method: &Method) -> TokenStream {
    let always = before.iter().filter(|other| other.cfgs.is_empty()).count();
    let sometimes = before.iter().filter(|other| !other.cfgs.is_empty()).map(|other| {
        let predicates = &other.cfgs;
        quote! { + ::core::cfg!(all(#(#predicates),*)) as ::core::primitive::usize }
    });
    let cfg = cfg(method);
    let span = at(method.ident.span());
    let called = &method.ident;
    let context = method.context_type.as_ref().map(|ty| {
        let name = argument("ctx", Some(ty), span);
        quote! { , #name }
    });
    // In a box, so that a future that cannot go to another thread is an error at the method it comes from.
    let run = quote_spanned! {span=> {
        let run: ::core::pin::Pin<
            ::std::boxed::Box<dyn ::core::future::Future<Output = _> + ::core::marker::Send + '_>
        > = ::std::boxed::Box::pin(Self::#called(self #context));
        run.await
    } };
    let body = returned(method, &run);
    quote_spanned! {Span::mixed_site()=>
        #cfg
        index if index == #always #(#sometimes)* => { #body }
    }
}

fn periodic(method: &Method) -> TokenStream {
    let core = core(Span::mixed_site());
    let name = name(method);
    let (every, stop) = method.schedule.map(|schedule| (schedule.every, schedule.stop_on_error)).unzip();
    quote! {
        #core::handler::Periodic {
            name: #name,
            every: ::core::time::Duration::from_nanos(#every),
            stop_on_error: #stop,
        }
    }
}

fn name(method: &Method) -> TokenStream {
    let name = method.ident.unraw().to_string();
    quote! { #name }
}
