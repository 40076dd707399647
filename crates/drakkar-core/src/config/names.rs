//! Finding the name somebody meant, and showing names without giving away what is not one.

/// The candidate nearest to `name`, if one is near enough to be meant.
pub(super) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase().replace('-', "_");
    if name.len() > 100 {
        return None;
    }
    let distance = |candidate: &str| strsim::damerau_levenshtein(&name, &candidate.to_lowercase());
    let (candidate, distance) = candidates.into_iter().map(|c| (c, distance(c))).min_by_key(|(_, d)| *d)?;
    let similar = strsim::jaro_winkler(&name, &candidate.to_lowercase()) > 0.88;
    let limit = (candidate.chars().count() / 3).max(1);
    (distance <= limit || (similar && distance <= limit + 2)).then_some(candidate)
}

/// True for text that is clearly a name, and not a value (or a secret) in the place of one.
pub(super) fn is_showable(name: &str) -> bool {
    name.chars().count() <= 64 && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

/// A key as messages show it.
pub(super) fn shown(key: &str) -> &str {
    if is_showable(key) { key } else { "***" }
}

/// A short, printable form of a value that is no secret.
pub(super) fn shown_value(text: &str) -> String {
    let mut shown: String = text.chars().take(40).flat_map(char::escape_debug).collect();
    if text.chars().nth(40).is_some() {
        shown.push_str("...");
    }
    shown
}

/// Names in backticks, separated by commas.
pub(super) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// A file name that cannot disturb a terminal.
pub(super) fn shown_file(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}
