//! The `#[sink(...)]` attribute of a field.

use proc_macro2::Span;
use quote::ToTokens;
use syn::{Attribute, Field, Meta, Token, ext::IdentExt, punctuated::Punctuated};

use super::{field_path::FieldPath, template::Template};
use crate::{
    error_store::ErrorStore,
    nearest::{list, nearest},
    settings::{once, shown, text},
};

/// Sink types of this version, as they are written.
const KINDS: &[&str] = &["kafka", "file", "filesystem"];
/// Sink types that are planned.
const LATER: &[&str] = &["postgres", "mongo", "http", "redis"];
const EXAMPLE: &str =
    "write `#[sink(kafka = \"name\")]` or `#[sink(file = \"name\", path = \"{field}.jsonl\")]`";

/// Where a field's items go.
pub(super) struct Sink {
    /// The sink's name; empty for the only one of its type.
    pub(super) name: String,
    pub(super) target: Target,
}

/// What a sink of each type needs to know about an item.
pub(super) enum Target {
    Kafka { key: Option<(FieldPath, Span)> },
    File { path: Template, span: Span },
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Kafka,
    File,
    /// Known or mistyped: reported already, so its settings are not judged.
    Unusable,
}

/// Reads the one `#[sink(...)]` a field needs.
pub(super) fn read(field: &Field, errors: &mut ErrorStore) -> Option<Sink> {
    let attributes: Vec<&Attribute> = field.attrs.iter().filter(|a| a.path().is_ident("sink")).collect();
    let Some((first, more)) = attributes.split_first() else {
        let name = field.ident.as_ref().map(ToString::to_string).unwrap_or_default();
        errors.push_help(&field.ident, format!("field `{name}` has no `#[sink(...)]`"), EXAMPLE);
        return None;
    };
    for extra in more {
        errors.push_help(
            extra.path(),
            "a field goes to one sink",
            "add a field of its own for the second sink; a copy of each item goes in both",
        );
    }
    read_attribute(first, errors)
}

fn read_attribute(attribute: &Attribute, errors: &mut ErrorStore) -> Option<Sink> {
    let Meta::List(meta) = &attribute.meta else {
        errors.push_help(&attribute.meta, "`#[sink]` does not say which sink", EXAMPLE);
        return None;
    };
    let entries = match attribute.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated) {
        Ok(entries) => entries,
        Err(error) => {
            errors.push_error(syn::Error::new(error.span(), format!("{error}\nhelp: {EXAMPLE}")));
            return None;
        }
    };
    if entries.is_empty() {
        errors.push_help(&meta.path, "`#[sink()]` does not say which sink", EXAMPLE);
        return None;
    }
    Entries::sort(&entries, errors).build(meta.path.to_token_stream(), errors)
}

/// The entries of one attribute by what they are.
#[derive(Default)]
struct Entries<'a> {
    kind: Option<(Kind, &'a Meta)>,
    key: Option<&'a Meta>,
    path: Option<&'a Meta>,
    unknown: Vec<(String, &'a Meta)>,
}

impl<'a> Entries<'a> {
    fn sort(entries: &'a Punctuated<Meta, Token![,]>, errors: &mut ErrorStore) -> Self {
        let mut sorted = Self::default();
        for entry in entries {
            let name = entry.path().get_ident().map(|ident| ident.unraw().to_string()).unwrap_or_default();
            let kind = match name.as_str() {
                "kafka" => Kind::Kafka,
                "file" | "filesystem" => Kind::File,
                later if LATER.contains(&later) => {
                    let message = format!("sink type `{later}` is not available yet");
                    errors.push_help(entry.path(), message, "this version has `kafka` and `file`");
                    Kind::Unusable
                }
                "key" => {
                    once(&mut sorted.key, entry, "key", errors);
                    continue;
                }
                "path" => {
                    once(&mut sorted.path, entry, "path", errors);
                    continue;
                }
                _ => {
                    sorted.unknown.push((name, entry));
                    continue;
                }
            };
            match sorted.kind {
                None => sorted.kind = Some((kind, entry)),
                Some(_) => errors.push_help(
                    entry.path(),
                    "a field goes to one sink",
                    "add a field of its own for the second sink; a copy of each item goes in both",
                ),
            }
        }
        sorted
    }

    fn build(mut self, attribute: proc_macro2::TokenStream, errors: &mut ErrorStore) -> Option<Sink> {
        let Some((kind, entry)) = self.kind.or_else(|| self.mistyped_kind(errors)) else {
            errors.push_help(attribute, "the sink's type is missing", EXAMPLE);
            return None;
        };
        if kind == Kind::Unusable {
            return None;
        }
        for (name, entry) in &self.unknown {
            unknown_setting(kind, name, entry, errors);
        }
        let name = sink_name(entry, errors);
        let target = match kind {
            Kind::Kafka => self.kafka(errors),
            Kind::File => self.file(entry, errors),
            Kind::Unusable => None,
        };
        Some(Sink { name: name?, target: target? })
    }

    /// Without a sink type, the first unknown entry was meant to be one.
    fn mistyped_kind(&mut self, errors: &mut ErrorStore) -> Option<(Kind, &'a Meta)> {
        let (name, entry) = self.unknown.first()?;
        let help = match nearest(name, KINDS.iter().chain(LATER).copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "this version has `kafka` and `file`".to_owned(),
        };
        errors.push_help(entry.path(), format!("unknown sink type {}", shown(name, entry)), help);
        Some((Kind::Unusable, entry))
    }

    fn kafka(&self, errors: &mut ErrorStore) -> Option<Target> {
        if let Some(path) = self.path {
            let help = "a Kafka sink takes `key`; its topic is in the configuration";
            errors.push_help(path.path(), "`path` is for file sinks", help);
        }
        let Some(entry) = self.key else { return Some(Target::Kafka { key: None }) };
        let literal = text(entry, "key", "key = \"request_id\"", errors)?;
        let key = FieldPath::parse(&literal.value(), literal.span());
        if key.is_none() {
            errors.push_help(
                &literal,
                "`key` does not name a field",
                "write a field of the item, such as `key = \"request_id\"` or `key = \"request.id\"`",
            );
        }
        Some(Target::Kafka { key: Some((key?, literal.span())) })
    }

    fn file(&self, kind: &Meta, errors: &mut ErrorStore) -> Option<Target> {
        if let Some(key) = self.key {
            errors.push_help(
                key.path(),
                "`key` is for Kafka sinks",
                "a file sink takes `path`: leave out `key`",
            );
        }
        let example = "path = \"{request_id}.jsonl\"";
        let Some(entry) = self.path else {
            errors.push_help(
                kind,
                "a file sink needs a `path`",
                format!("add the file below the sink's folder, such as `{example}`"),
            );
            return None;
        };
        let literal = text(entry, "path", example, errors)?;
        match Template::parse(&literal.value(), literal.span()) {
            Ok(path) => Some(Target::File { path, span: literal.span() }),
            Err(problems) => {
                for problem in problems {
                    errors.push(&literal, problem);
                }
                None
            }
        }
    }
}

fn unknown_setting(kind: Kind, name: &str, entry: &Meta, errors: &mut ErrorStore) {
    let (sink, settings): (_, &[&str]) = match kind {
        Kind::Kafka => ("Kafka", &["key"]),
        Kind::File | Kind::Unusable => ("file", &["path"]),
    };
    let help = match (nearest(name, settings.iter().copied()), kind, name) {
        (Some(near), ..) => format!("did you mean `{near}`?"),
        (None, Kind::Kafka, "topic") => {
            "the topic is in the sink's configuration: leave out `topic`".to_owned()
        }
        (None, ..) => format!("a {sink} sink takes {}", list(settings)),
    };
    errors.push_help(entry.path(), format!("unknown setting {} of a {sink} sink", shown(name, entry)), help);
}

/// The sink's name: `kafka = "name"`, or empty for a bare `kafka`.
fn sink_name(entry: &Meta, errors: &mut ErrorStore) -> Option<String> {
    if let Meta::Path(_) = entry {
        return Some(String::new());
    }
    let kind = entry.path().get_ident().map(ToString::to_string).unwrap_or_default();
    let literal = text(entry, &kind, &format!("{kind} = \"name\""), errors)?;
    let name = literal.value();
    if name.trim().is_empty() {
        errors.push_help(
            &literal,
            "the sink's name is empty",
            format!("write its name in the configuration, or only `{kind}` for the only sink of this type"),
        );
        return None;
    }
    Some(name)
}
