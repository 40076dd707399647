//! Finds the name that was probably meant.

/// The known name closest to `name`, if one is close enough to be a slip of the keyboard.
///
/// At most two edits, and fewer for short names: any three letters are two edits from any other.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = match name.len() {
        0..=2 => 0,
        3 => 1,
        _ => 2,
    };
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Joins names for a message: "`a`, `b` and `c`".
pub(crate) fn list(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, first)) => format!("{} and {last}", first.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_name_within_two_edits() {
        assert_eq!(nearest("on_task_complet", ["on_error", "on_task_complete"]), Some("on_task_complete"));
        assert_eq!(nearest("kye", ["key", "path"]), Some("key"));
    }

    #[test]
    fn does_not_guess_when_nothing_is_near() {
        assert_eq!(nearest("decide", ["arrange", "on_error"]), None);
        assert_eq!(nearest("id", ["key"]), None);
    }

    #[test]
    fn lists_names_as_a_sentence_part() {
        assert_eq!(list(&["a"]), "`a`");
        assert_eq!(list(&["a", "b", "c"]), "`a`, `b` and `c`");
    }
}
