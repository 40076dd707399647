//! `decode`: what the user wrote, else JSON or the bytes as they are.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Type, spanned::Spanned};

use super::{
    super::{
        hook::Hook,
        model::{Handler, Method},
    },
    Presence, argument, at, cfg, core,
    delegate::returned,
    present,
};

/// `decode`, once for each `#[cfg]` that has another.
pub(super) fn decode(handler: &Handler) -> TokenStream {
    let by_user = handler.methods_of(Hook::DeserializeMessage).map(by_user);
    let otherwise = match present(handler, Hook::DeserializeMessage) {
        Presence::Always => return quote! { #(#by_user)* },
        Presence::Never => TokenStream::new(),
        Presence::If(predicate) => quote! { #[cfg(not(#predicate))] },
    };
    let by_type = handler.methods_of(Hook::Arrange).filter_map(|method| {
        let cfg = cfg(method);
        let decode = by_type(method.input.as_ref()?);
        Some(quote! { #cfg #otherwise #decode })
    });
    quote! { #(#by_user)* #(#by_type)* }
}

fn by_user(method: &Method) -> TokenStream {
    let span = at(method.ident.span());
    let (cfg, core, called) = (cfg(method), core(span), &method.ident);
    let record = argument("record", method.parameter_type.as_ref(), span);
    let body = returned(method, &quote_spanned! {span=> Self::#called(self, #record) });
    quote_spanned! {span=>
        #cfg
        fn decode(
            &self,
            #record: &#core::message::Record,
        ) -> ::core::result::Result<Self::Input, #core::handler::DecodeError> {
            #body
        }
    }
}

/// JSON into the input type, or the bytes as they are when the input type is `Bytes`.
fn by_type(input: &Type) -> TokenStream {
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
