//! The labels of a task.

use std::{borrow::Cow, ops::Index};

use smallvec::SmallVec;

/// Names and values attached to a task for people: few, in the order they were given.
///
/// ```
/// # use drakkar_core::labels::Labels;
/// let mut labels = Labels::default();
/// labels.insert("id", "42");
/// assert_eq!(&labels["id"], "42");
/// assert_eq!(labels.get("name"), None);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels(SmallVec<[(Cow<'static, str>, String); 1]>);

impl Labels {
    /// Sets a label; one of the same name is replaced.
    pub fn insert(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) {
        let (name, value) = (name.into(), value.into());
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some(label) => label.1 = value,
            None => self.0.push((name, value)),
        }
    }

    /// The value of a label.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// All labels, in the order they were given.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, value.as_str()))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Index<&str> for Labels {
    type Output = str;

    /// The value of a label.
    ///
    /// # Panics
    /// When there is no such label: in a hook that is contained, and the message dead-lettered.
    fn index(&self, name: &str) -> &str {
        match self.get(name) {
            Some(value) => value,
            None => panic!("the task has no label `{name}`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_set_twice_keeps_its_place_and_the_last_value() {
        let mut labels = Labels::default();
        labels.insert("a", "1");
        labels.insert(String::from("b"), "2");
        labels.insert("a", "3");
        assert_eq!(labels.iter().collect::<Vec<_>>(), [("a", "3"), ("b", "2")]);
    }

    #[test]
    #[should_panic(expected = "the task has no label `x`")]
    fn a_missing_label_is_named() {
        assert!(Labels::default()["x"].is_empty());
    }
}
