//! `#[handler]`: an impl block becomes an implementation of the `Handler` trait.

mod expand;
mod hook;
mod interval;
mod model;
mod owned;
mod refuse;
mod role;
mod signature;

use proc_macro2::TokenStream;
use syn::Item;

use crate::error_store::ErrorStore;

/// Expands the attribute. The item always comes out again, whatever is wrong with it.
pub(crate) fn attribute(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let parsed: Item = match syn::parse2(item.clone()) {
        Ok(parsed) => parsed,
        Err(error) => {
            let error = error.into_compile_error();
            return quote::quote! { #item #error };
        }
    };
    let mut errors = ErrorStore::default();
    refuse::arguments(&arguments, &mut errors);
    let Some(mut block) = refuse::all_but_inherent_impls(parsed, &mut errors) else {
        let errors = errors.into_compile_errors();
        return quote::quote! { #item #errors };
    };
    let handler = model::Handler::read(&mut block, &mut errors);
    let implementation =
        if errors.is_empty() { expand::implementation(&handler) } else { expand::stand_in(&handler) };
    let errors = errors.into_compile_errors();
    quote::quote! { #block #errors #implementation }
}
