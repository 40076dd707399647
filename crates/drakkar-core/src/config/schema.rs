//! What the configuration looks like: the same description drives reading, variables, hints and the reference page.

use serde_json::Value as Json;

use super::value::Value;

/// The form of a value.
pub(super) enum Shape {
    /// One value, by the name of its type.
    Scalar(&'static str),
    /// Values in order.
    List(Box<Shape>),
    /// Values under free names.
    Map(Box<Shape>),
    /// Settings under fixed names.
    Section(fn() -> Vec<Field>),
    /// Anything.
    Free,
}

/// One setting of a section.
pub(super) struct Field {
    /// Its key.
    pub(super) key: &'static str,
    /// Its documentation, as written in the source.
    pub(super) doc: &'static str,
    /// Its form.
    pub(super) shape: Shape,
    /// What holds when nobody sets it; nothing for a required setting.
    pub(super) default: Option<Json>,
    /// Its constraints, each reading on after "must".
    pub(super) rules: Vec<String>,
}

impl Field {
    pub(super) fn new<T: Value>(
        key: &'static str,
        doc: &'static str,
        default: Option<T>,
        rules: &[super::rules::Rule<T::Checked>],
    ) -> Self {
        Self {
            key,
            doc,
            shape: T::shape(),
            default: default.map(|default| default.to_json()),
            rules: rules.iter().map(|rule| rule.text.clone()).collect(),
        }
    }
}

impl Shape {
    /// True for mappings from names to sections: their entries, not the mapping, are settings.
    pub(super) fn is_map_of_sections(&self) -> bool {
        matches!(self, Shape::Map(of) if matches!(**of, Shape::Section(_)))
    }

    /// True for forms that JSON text in a variable can set.
    pub(super) fn is_collection(&self) -> bool {
        !matches!(self, Shape::Scalar(_))
    }
}
