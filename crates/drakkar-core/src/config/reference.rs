//! The reference page `docs/configuration.md`, written from the declarations of the sections.

use std::fmt::Write as _;

use serde_json::Value as Json;

use super::{
    Config, client_config, names, overlay,
    schema::{Field, Shape},
    section::Section as _,
};

const INTRO: &str = include_str!("reference.md");

/// The reference page of the configuration, in Markdown.
pub fn reference() -> String {
    let mut page = INTRO.to_owned();
    section(&mut page, "", "Top level", &Config::fields()).expect("a string takes any text");
    owned_by_drakkar(&mut page).expect("a string takes any text");
    page
}

/// The settings that no `client_config` may hold.
fn owned_by_drakkar(page: &mut String) -> std::fmt::Result {
    writeln!(page, "\n## Settings that a `client_config` may not hold\n")?;
    writeln!(page, "| librdkafka setting | why it is refused | instead |")?;
    writeln!(page, "| --- | --- | --- |")?;
    for owned in client_config::OWNED {
        let names = names::listed(owned.names.iter().copied());
        writeln!(page, "| {names} | {} | {} |", owned.why, owned.instead)?;
    }
    writeln!(
        page,
        "\n`acks` may be `all`, and `dlq.client_config` may set `compression.codec`, which has no key there."
    )
}

fn section(page: &mut String, path: &str, title: &str, fields: &[Field]) -> std::fmt::Result {
    let settings: Vec<&Field> = fields.iter().filter(|field| below(field).is_none()).collect();
    if !settings.is_empty() {
        writeln!(page, "\n## {title}\n")?;
        writeln!(page, "| key | type | default | must | variable | meaning |")?;
        writeln!(page, "| --- | --- | --- | --- | --- | --- |")?;
    }
    for field in settings {
        let path = join(path, field.key);
        writeln!(
            page,
            "| `{path}` | {} | {} | {} | {} | {} |",
            type_name(&field.shape),
            field.default.as_ref().map_or_else(|| "required".to_owned(), default),
            field.rules.join(", "),
            variable(&path, &field.shape),
            field.doc.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|"),
        )?;
    }
    for field in fields {
        if let Some((suffix, fields)) = below(field) {
            let path = format!("{}{suffix}", join(path, field.key));
            section(page, &path, &format!("`{path}`"), &fields)?;
        }
    }
    Ok(())
}

/// The settings below a section or a mapping of sections, and what stands between.
fn below(field: &Field) -> Option<(&'static str, Vec<Field>)> {
    match &field.shape {
        Shape::Section(fields) => Some(("", fields())),
        Shape::Map(of) => match **of {
            Shape::Section(fields) => Some((".<name>", fields())),
            _ => None,
        },
        _ => None,
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn type_name(shape: &Shape) -> String {
    match shape {
        Shape::Scalar(name) => (*name).to_owned(),
        Shape::List(of) => format!("list ({})", type_name(of)),
        Shape::Map(of) => format!("mapping ({})", type_name(of)),
        Shape::Section(fields) => {
            let keys: Vec<String> = fields().iter().map(|field| format!("`{}`", field.key)).collect();
            format!("mapping with {}", keys.join(" and "))
        }
        Shape::Free => "mapping".to_owned(),
    }
}

fn default(value: &Json) -> String {
    match value {
        Json::String(text) if text.is_empty() => "empty".to_owned(),
        Json::String(text) => format!("`{text}`"),
        Json::Array(items) if items.is_empty() => "none".to_owned(),
        Json::Object(entries) if entries.is_empty() => "none".to_owned(),
        Json::Array(items) => items.iter().map(default).collect::<Vec<_>>().join(", "),
        Json::Number(number) => format!(
            "`{}`",
            number.as_f64().filter(|n| n.fract() != 0.0).map_or_else(
                || number.as_i64().or(number.as_f64().map(|n| n as i64)).unwrap_or_default().to_string(),
                |n| n.to_string(),
            )
        ),
        other => format!("`{other}`"),
    }
}

fn variable(path: &str, shape: &Shape) -> String {
    let name = overlay::name_of(path);
    match shape {
        Shape::Free => "none".to_owned(),
        Shape::List(_) | Shape::Map(_) => format!("`{name}` (JSON)"),
        _ => format!("`{name}`"),
    }
}
