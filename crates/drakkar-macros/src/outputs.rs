//! `#[derive(SinkOutputs)]`: each field of a struct is a route to a sink.

mod args;
mod expand;
mod field_path;
mod model;
mod template;

use proc_macro2::TokenStream;
use syn::DeriveInput;

use crate::error_store::ErrorStore;

/// Expands the derive. Every mistake becomes an error; with one, the impl is a stand-in that sends nothing.
pub(crate) fn derive(item: TokenStream) -> TokenStream {
    let input: DeriveInput = match syn::parse2(item) {
        Ok(input) => input,
        Err(error) => return error.into_compile_error(),
    };
    let mut errors = ErrorStore::default();
    let outputs = model::Outputs::read(&input, &mut errors);
    let implementation =
        if errors.is_empty() { expand::implementation(&outputs) } else { expand::stand_in(&input) };
    let errors = errors.into_compile_errors();
    quote::quote! { #errors #implementation }
}
