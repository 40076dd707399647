//! The state of one reading: where we are, what is wrong so far, and what was set by whom.

use std::collections::BTreeMap;

use super::{
    hints, names,
    node::{Content, Entry, Node},
    problem::{Excerpt, Mark, Problem},
    rules::Rule,
    schema::Field,
    value::{Null, Value},
};

#[derive(Default)]
pub(super) struct Reader {
    pub(super) problems: Vec<Problem>,
    /// Where every value that was given came from.
    pub(super) origins: BTreeMap<String, Mark>,
    path: String,
    quiet: usize,
}

impl Reader {
    /// Reads one level down.
    pub(super) fn at<T>(&mut self, segment: String, read: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.path.len();
        if !self.path.is_empty() && !segment.starts_with('[') {
            self.path.push('.');
        }
        self.path.push_str(&segment);
        let value = read(self);
        self.path.truncate(length);
        value
    }

    /// Reads with no value shown in any message: secrets live here.
    pub(super) fn quietly<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> T {
        self.quiet += 1;
        let value = read(self);
        self.quiet -= 1;
        value
    }

    /// Notes that the value at the current path was given.
    pub(super) fn record(&mut self, mark: &Mark) {
        self.origins.insert(self.path.clone(), mark.clone());
    }

    /// Reports a value that is not what it must be.
    pub(super) fn wrong<T>(&mut self, node: &Node, must: &str, help: Option<&str>) -> Option<T> {
        let shown = match &node.content {
            Content::Text(text, _) if self.quiet == 0 && !node.is_null() => Some(names::shown_value(text)),
            _ => None,
        };
        let excerpt = if shown.is_some() { Excerpt::Value } else { Excerpt::Head };
        let found = shown.map_or_else(|| node.kind().to_owned(), |value| format!("`{value}`"));
        self.report(node, must, &found, excerpt, help)
    }

    /// Reports a node of the wrong kind; never shows its text, as that may be a secret in the wrong place.
    pub(super) fn wrong_kind<T>(&mut self, node: &Node, must: &str, help: Option<&str>) -> Option<T> {
        self.report(node, must, node.kind(), Excerpt::Head, help)
    }

    fn report<T>(
        &mut self,
        node: &Node,
        must: &str,
        found: &str,
        excerpt: Excerpt,
        help: Option<&str>,
    ) -> Option<T> {
        let subject =
            if self.path.is_empty() { "the configuration".to_owned() } else { format!("`{}`", self.path) };
        let mut problem = Problem::at(
            &node.mark,
            excerpt,
            self.path.clone(),
            format!("{subject} must {must}, found {found}"),
        );
        problem.help = help.map(str::to_owned);
        self.problems.push(problem);
        None
    }

    /// Applies rules; reports the first that is broken.
    pub(super) fn checked<T: ?Sized>(&mut self, node: &Node, value: &T, rules: &[Rule<T>]) -> bool {
        match rules.iter().find_map(|rule| rule.check(value).err()) {
            Some(must) => self.wrong::<()>(node, &must, None).is_some(),
            None => true,
        }
    }

    /// Reads a setting with a default; a bad one is reported and the default taken, so that reading goes on.
    pub(super) fn field<T: Value>(
        &mut self,
        entries: &[Entry],
        key: &'static str,
        default: impl FnOnce() -> T,
        rules: &[Rule<T::Checked>],
    ) -> T {
        let Some(entry) = entries.iter().find(|entry| entry.key == key) else { return default() };
        self.at(key.to_owned(), |reader| reader.given(entry, rules)).unwrap_or_else(default)
    }

    /// Reads a setting without a default.
    pub(super) fn required<T: Value>(
        &mut self,
        entries: &[Entry],
        key: &'static str,
        section: &Mark,
        rules: &[Rule<T::Checked>],
    ) -> Option<T> {
        let Some(entry) = entries.iter().find(|entry| entry.key == key) else {
            let path = if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) };
            let message = format!("`{path}` is missing");
            self.problems.push(Problem::at(section, Excerpt::Head, path, message));
            return None;
        };
        self.at(key.to_owned(), |reader| reader.given(entry, rules))
    }

    fn given<T: Value>(&mut self, entry: &Entry, rules: &[Rule<T::Checked>]) -> Option<T> {
        if !entry.node.is_null() {
            let value = T::read(&entry.node, rules, self)?;
            let shape = T::shape();
            if !matches!(shape, super::schema::Shape::Section(_)) && !shape.is_map_of_sections() {
                self.record(&entry.node.mark);
            }
            return Some(value);
        }
        match T::null() {
            Null::Default => None,
            Null::Value(value) => {
                self.record(&entry.node.mark);
                Some(value)
            }
            Null::Refused => {
                let help = "give a value, or leave the key out";
                self.wrong(&entry.node, "hold a value", Some(help))
            }
        }
    }

    /// Reports every key that the section does not have.
    pub(super) fn unknown_keys(&mut self, entries: &[Entry], fields: &[Field]) {
        for entry in entries {
            if !fields.iter().any(|field| field.key == entry.key) {
                // Where secrets live, a key without a value may be the rest of a text that a comma cut in two.
                let is_cut = self.quiet > 0 && entry.node.is_null();
                let shown = if is_cut { "***" } else { names::shown(&entry.key) };
                let excerpt = if is_cut { Excerpt::Head } else { Excerpt::Key };
                let path =
                    if self.path.is_empty() { shown.to_owned() } else { format!("{}.{shown}", self.path) };
                let message = format!("unknown key `{path}`");
                let mut problem = Problem::at(&entry.key_mark, excerpt, path, message);
                problem.help = Some(hints::unknown_key(&self.path, &entry.key, fields));
                self.problems.push(problem);
            }
        }
    }

    /// Reports the name of an entry that cannot be a sink's name.
    pub(super) fn bad_name(&mut self, entry: &Entry) {
        let message = format!(
            "`{}` must be named with letters, digits, `_` and `-`, the first a letter or digit",
            self.path
        );
        self.problems.push(Problem::at(&entry.key_mark, Excerpt::Key, self.path.clone(), message));
    }
}
