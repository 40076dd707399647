//! What `#[derive(SinkOutputs)]` knows about a struct.

use proc_macro2::Ident;
use syn::{Data, DeriveInput, Field, Fields, GenericArgument, PathArguments, Type};

use super::args::{self, Sink};
use crate::{error_store::ErrorStore, types::bare};

/// A struct whose fields are routes.
pub(super) struct Outputs {
    pub(super) name: Ident,
    pub(super) routes: Vec<Route>,
}

/// One field.
pub(super) struct Route {
    pub(super) field: Ident,
    /// What is sent: the type inside the field's `Vec` or `Option`.
    pub(super) item: Type,
    pub(super) sink: Sink,
}

impl Outputs {
    /// Reads the struct and records every mistake in it. With a mistake the result is incomplete.
    pub(super) fn read(input: &DeriveInput, errors: &mut ErrorStore) -> Self {
        let mut outputs = Self { name: input.ident.clone(), routes: Vec::new() };
        for attribute in input.attrs.iter().filter(|a| a.path().is_ident("sink")) {
            errors.push_help(
                attribute.path(),
                "`#[sink(...)]` goes on a field",
                "each field is a route of its own: move the attribute down",
            );
        }
        if !input.generics.params.is_empty() {
            errors.push_help(
                &input.generics,
                "outputs cannot be generic",
                "write the types of the items: the routes are part of the handler's type",
            );
        }
        if let Some(fields) = named_fields(input, errors) {
            outputs.routes = fields.filter_map(|field| route(field, errors)).collect();
        }
        outputs
    }
}

fn named_fields<'a>(
    input: &'a DeriveInput,
    errors: &mut ErrorStore,
) -> Option<impl Iterator<Item = &'a Field> + use<'a>> {
    let help = format!("write `struct {} {{ ... }}` with one field for each sink", input.ident);
    let found = match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => return Some(fields.named.iter()),
            Fields::Unnamed(_) => "a tuple struct",
            Fields::Unit => {
                errors.push_help(
                    &input.ident,
                    "outputs without fields send nothing",
                    "return `Result<()>` from the hook instead, or add a field for each sink",
                );
                return None;
            }
        },
        Data::Enum(_) => "an enum",
        Data::Union(_) => "a union",
    };
    errors.push_help(&input.ident, format!("outputs are a struct with named fields, not {found}"), help);
    None
}

fn route(field: &Field, errors: &mut ErrorStore) -> Option<Route> {
    let sink = args::read(field, errors);
    let item = item_type(&field.ty);
    if item.is_none() {
        errors.push_help(
            &field.ty,
            "a route is a `Vec` or an `Option` of what is sent",
            format!(
                "write `Vec<{0}>`, or `Option<{0}>` for at most one",
                quote::ToTokens::to_token_stream(&field.ty)
            ),
        );
    }
    Some(Route { field: field.ident.clone()?, item: item?.clone(), sink: sink? })
}

/// The `T` of `Vec<T>` or `Option<T>`.
fn item_type(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = bare(ty) else { return None };
    let last = path.path.segments.last()?;
    if last.ident != "Vec" && last.ident != "Option" {
        return None;
    }
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    match arguments.args.first() {
        Some(GenericArgument::Type(item)) if arguments.args.len() == 1 => Some(item),
        _ => None,
    }
}
