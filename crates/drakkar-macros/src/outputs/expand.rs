//! Writes the `SinkOutputs` impl. Cannot fail: the model was checked.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{DeriveInput, ext::IdentExt, spanned::Spanned};

use super::{
    args::Target,
    field_path::FieldPath,
    model::{Outputs, Route},
    template::{Piece, Template},
};

/// The impl of a right struct.
pub(super) fn implementation(outputs: &Outputs) -> TokenStream {
    let payload = payload_module(Span::mixed_site());
    let name = &outputs.name;
    let routes = outputs.routes.iter().map(|route| {
        let (kind, sink, field) = (kind(route), &route.sink.name, field_name(route));
        quote! {
            #payload::Route { kind: #payload::SinkKind::#kind, sink: #sink, field: #field }
        }
    });
    let encoder =
        Ident::new(if outputs.routes.is_empty() { "_encoder" } else { "encoder" }, Span::mixed_site());
    let encoded = outputs.routes.iter().enumerate().map(|(index, route)| encode(index, route));
    quote_spanned! {Span::mixed_site()=>
        const _: () = {
            #[automatically_derived]
            impl #payload::SinkOutputs for #name {
                const ROUTES: &'static [#payload::Route] = &[#(#routes),*];

                fn encode(
                    self,
                    #encoder: &mut #payload::Encoder,
                ) -> ::core::result::Result<(), #payload::EncodeError> {
                    #(#encoded)*
                    ::core::result::Result::Ok(())
                }
            }
        };
    }
}

/// An impl that sends nothing, so that a mistake is reported once and not again wherever the type is used.
pub(super) fn stand_in(input: &DeriveInput) -> TokenStream {
    let payload = payload_module(Span::mixed_site());
    let name = &input.ident;
    let (impl_generics, type_generics, _) = input.generics.split_for_impl();
    let predicates = input.generics.where_clause.as_ref().map(|clause| &clause.predicates).into_iter();
    quote! {
        const _: () = {
            #[automatically_derived]
            impl #impl_generics #payload::SinkOutputs for #name #type_generics
            where
                Self: ::core::marker::Send,
                #(#predicates)*
            {
                const ROUTES: &'static [#payload::Route] = &[];

                fn encode(
                    self,
                    _encoder: &mut #payload::Encoder,
                ) -> ::core::result::Result<(), #payload::EncodeError> {
                    ::core::result::Result::Ok(())
                }
            }
        };
    }
}

fn kind(route: &Route) -> Ident {
    let kind = match route.sink.target {
        Target::Kafka { .. } => "Kafka",
        Target::File { .. } => "Filesystem",
    };
    Ident::new(kind, Span::call_site())
}

fn field_name(route: &Route) -> String {
    route.field.unraw().to_string()
}

/// Encodes one field. Each demand on a type sits on the user's token that states it.
fn encode(index: usize, route: &Route) -> TokenStream {
    let (field, name) = (&route.field, field_name(route));
    let span = at(route.item.span());
    let index = Literal::usize_unsuffixed(index);
    let [item, encoder] = ["item", "encoder"].map(|name| Ident::new(name, span));
    let (method, detail) = match &route.sink.target {
        Target::Kafka { key: Some((key, span)) } => ("record", record_key(key, at(*span))),
        Target::Kafka { key: None } => ("record", quote! { ::core::option::Option::None }),
        Target::File { path, span } => ("append", file_path(path, at(*span))),
    };
    let method = Ident::new(method, span);
    quote_spanned! {span=>
        for #item in ::core::iter::IntoIterator::into_iter(self.#field) {
            let detail = #detail;
            #encoder.#method(#index, #name, detail, &#item)?;
        }
    }
}

fn record_key(key: &FieldPath, span: Span) -> TokenStream {
    let payload = payload_module(span);
    let place = key.of(&Ident::new("item", span));
    quote_spanned! {span=> #payload::RecordKey::record_key(&#place) }
}

fn file_path(template: &Template, span: Span) -> TokenStream {
    let item = Ident::new("item", span);
    let mut format = String::new();
    let mut arguments = Vec::new();
    for piece in &template.pieces {
        match piece {
            Piece::Text(text) => format.push_str(&text.replace('{', "{{").replace('}', "}}")),
            Piece::Field(field) => {
                format.push_str("{}");
                arguments.push(field.of(&item));
            }
        }
    }
    let mut literal = Literal::string(&format);
    literal.set_span(span);
    quote_spanned! {span=> ::std::format!(#literal #(, #arguments)*) }
}

fn payload_module(span: Span) -> TokenStream {
    quote_spanned! {span=> ::drakkar::__private::core::payload }
}

/// A span that points at the user's token while names keep the meaning they have in the macro.
fn at(span: Span) -> Span {
    Span::mixed_site().located_at(span)
}
