//! What to say about a key that does not exist.

use super::{
    Config, names,
    schema::{Field, Shape},
    section::Section as _,
};

/// The most keys of a section that one message lists.
const LISTED: usize = 12;

/// The remedy for an unknown `key` in the section at `path`.
pub(super) fn unknown_key(path: &str, key: &str, fields: &[Field]) -> String {
    if let Some(hint) = moved(path, key) {
        return hint.to_owned();
    }
    let places = places(key);
    if !places.is_empty() {
        return format!("`{}` belongs {}", names::shown(key), places.join(" or "));
    }
    match names::nearest(key, fields.iter().map(|field| field.key)) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => known_keys(fields),
    }
}

/// The keys of a section; of a large one only some, as a message that long is not read.
fn known_keys(fields: &[Field]) -> String {
    let listed = names::listed(fields.iter().take(LISTED).map(|field| field.key));
    match fields.len().saturating_sub(LISTED) {
        0 => format!("known keys are {listed}"),
        more => format!("known keys are {listed} and {more} more: see docs/configuration.md"),
    }
}

/// The remedy for a variable whose first segment names no section.
pub(super) fn unknown_variable(segments: &[&str]) -> Option<String> {
    let first = segments.first()?.to_lowercase();
    if let Some(hint) = moved("", &first) {
        return Some(hint.to_owned());
    }
    let fields = Config::fields();
    let joined = fields.iter().filter(|field| matches!(field.shape, Shape::Section(_))).find_map(|field| {
        first.strip_prefix(field.key)?.strip_prefix('_').map(|rest| format!("{}__{rest}", field.key))
    });
    if let Some(name) = joined {
        return Some(format!("levels are separated by two underscores: `DK_{}`", name.to_uppercase()));
    }
    let nearest = names::nearest(&first, fields.iter().map(|field| field.key))?;
    let rest: String = segments[1..].iter().map(|segment| format!("__{segment}")).collect();
    Some(format!("did you mean `DK_{}{}`?", nearest.to_uppercase(), rest))
}

/// Where else a key of this name exists.
fn places(key: &str) -> Vec<String> {
    fn search(fields: &[Field], path: &str, key: &str, found: &mut Vec<String>) {
        for field in fields {
            if field.key == key && found.len() < 3 {
                found.push(if path.is_empty() {
                    "at the top level".to_owned()
                } else {
                    format!("under `{path}`")
                });
            }
            let below = if path.is_empty() { field.key.to_owned() } else { format!("{path}.{}", field.key) };
            match &field.shape {
                Shape::Section(fields) => search(&fields(), &below, key, found),
                Shape::Map(of) => {
                    if let Shape::Section(fields) = **of {
                        search(&fields(), &format!("{below}.<name>"), key, found);
                    }
                }
                _ => {}
            }
        }
    }
    let mut found = Vec::new();
    // Keys that exist in many sections say nothing about where one belongs.
    if !matches!(key, "enabled" | "host" | "port" | "env" | "name" | "url" | "ui_url") {
        search(&Config::fields(), "", key, &mut found);
    }
    found
}

/// Keys of the reference's later layout, and where their settings stand here.
fn moved(path: &str, key: &str) -> Option<&'static str> {
    let section: Vec<&str> = path.split('.').collect();
    Some(match (section.as_slice(), key) {
        ([""], "sources") => {
            "`sources.kafka.topic` is `kafka.source_topic` here; its other settings stand under `kafka` too"
        }
        ([""], "ui") => "the settings of `ui` stand under `debug` here",
        ([""], "storage" | "shared") => "the folder for recordings is `debug.db_dir` here",
        ([""], "history") => "how long recordings are kept is `debug.retention_hours` here",
        ([""], "fleet") => "`fleet.cache_exchange` is `cache.peer_sync` here; there is no registry",
        ([""], "throughput" | "runtime_health" | "io" | "offload" | "webapp") => {
            "this version has no such section; leave it out"
        }
        (["kafka"], "topic") => "did you mean `source_topic`?",
        ([.., "security"], "ssl_ca_location") => "did you mean `ca_location`?",
        ([.., "security"], "ssl_certificate_location") => "did you mean `certificate_location`?",
        ([.., "security"], "ssl_key_location") => "did you mean `key_location`?",
        ([.., "security"], "ssl_key_password") => "did you mean `key_password`?",
        ([.., "security"], "ssl_endpoint_identification_algorithm") => "did you mean `verify_hostname`?",
        (["dlq"] | ["sinks", "kafka", _], "flush_timeout_seconds") => {
            "did you mean `message_timeout_seconds`?"
        }
        (["sinks"], "custom") => "sinks of your own types are not available yet",
        (["debug"], "max_rows") => "did you mean `max_ui_rows`?",
        (["debug"], "public_url") => "did you mean `debug_url`?",
        (["debug"], "recorder") => "the recorder's settings stand directly under `debug` here",
        (["debug"], "rotation_interval_hours") => "did you mean `rotation_interval_minutes`?",
        (["cache", "peer_sync"], "page_size") => "did you mean `batch_size`?",
        _ => return None,
    })
}
