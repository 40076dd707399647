//! What `#[handler]` cannot be put on.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Item, ItemImpl, Path};

use crate::error_store::ErrorStore;

/// The attribute has no settings.
pub(super) fn arguments(arguments: &TokenStream, errors: &mut ErrorStore) {
    if !arguments.is_empty() {
        errors.push_help(
            arguments,
            "`#[drakkar::handler]` takes no arguments",
            "leave them out: all settings are in the configuration",
        );
    }
}

/// The impl block, unless the attribute is on something else.
pub(super) fn all_but_inherent_impls(item: Item, errors: &mut ErrorStore) -> Option<ItemImpl> {
    const HELP: &str = "put it on `impl YourHandler { ... }`, the block with the `arrange` method";
    let (token, found) = match &item {
        Item::Impl(ItemImpl { trait_: Some((path, _)), .. }) => {
            refuse_trait_impl(path, errors);
            return None;
        }
        Item::Impl(_) => {
            let Item::Impl(block) = item else { return None };
            return Some(block);
        }
        Item::Struct(item) => (item.ident.to_token_stream(), "a struct"),
        Item::Enum(item) => (item.ident.to_token_stream(), "an enum"),
        Item::Union(item) => (item.ident.to_token_stream(), "a union"),
        Item::Fn(item) => (item.sig.ident.to_token_stream(), "a function"),
        Item::Trait(item) => (item.ident.to_token_stream(), "a trait"),
        Item::Mod(item) => (item.ident.to_token_stream(), "a module"),
        other => (first_token(other), "this item"),
    };
    errors.push_help(token, format!("`#[drakkar::handler]` goes on an impl block, not on {found}"), HELP);
    None
}

fn refuse_trait_impl(path: &Path, errors: &mut ErrorStore) {
    let name = path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default();
    let help = if name == "Handler" {
        "leave the attribute out of an implementation written by hand"
    } else {
        "put it on `impl YourHandler { ... }`, the block with the `arrange` method"
    };
    errors.push_help(
        path,
        format!(
            "`#[drakkar::handler]` goes on an impl block of its own, not on an implementation of `{name}`"
        ),
        help,
    );
}

fn first_token(item: &Item) -> TokenStream {
    item.to_token_stream().into_iter().next().map(TokenTree::into_token_stream).unwrap_or_default()
}
