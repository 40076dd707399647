//! The macros that declare sections and choices: one place for key, type, default, constraint and documentation.

use super::{node::Entry, problem::Mark, reader::Reader, schema::Field};

/// A struct of settings under fixed names.
pub(super) trait Section: Sized {
    /// True when values in it may be secret, so that none is ever shown.
    const SECRETIVE: bool;

    /// Its settings, in the order of the source.
    fn fields() -> Vec<Field>;

    /// Reads its settings; gives nothing when a required one is missing or bad.
    fn read_fields(entries: &[Entry], mark: &Mark, reader: &mut Reader) -> Option<Self>;

    /// Its settings as JSON, secrets masked.
    fn fields_to_json(&self) -> serde_json::Map<String, serde_json::Value>;
}

/// Declares a section.
///
/// `pub name: Type = default, rule, rule;` per setting. Settings without a default stand first in `required { }`. A
/// setting whose key differs from its field says `as "key"`. `flatten` takes the settings of another section in.
macro_rules! section {
    (
        $(#[doc = $section_doc:literal])*
        $(#[secretive = $secretive:literal])?
        pub struct $name:ident {
            $(required {
                $(
                    $(#[doc = $required_doc:literal])*
                    pub $required:ident: $required_ty:ty $(, $required_rule:expr)*;
                )+
            })?
            $(
                $(#[doc = $doc:literal])*
                pub $field:ident $(as $key:literal)?: $ty:ty = $default:expr $(, $rule:expr)*;
            )*
            $(flatten {
                $(#[doc = $flat_doc:literal])*
                pub $flat:ident: $flat_ty:ty;
            })?
        }
    ) => {
        $(#[doc = $section_doc])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name {
            $($($(#[doc = $required_doc])* pub $required: $required_ty,)+)?
            $($(#[doc = $doc])* pub $field: $ty,)*
            $($(#[doc = $flat_doc])* pub $flat: $flat_ty,)?
        }

        impl $name {
            /// The section with its required settings given and all others at their defaults.
            pub fn new($($($required: impl Into<$required_ty>),+)?) -> Self {
                Self {
                    $($($required: $required.into(),)+)?
                    $($field: $default,)*
                    $($flat: <$flat_ty>::new(),)?
                }
            }
        }

        impl $crate::config::section::Section for $name {
            const SECRETIVE: bool = false $(|| $secretive)?;

            fn fields() -> Vec<$crate::config::schema::Field> {
                use $crate::config::schema::Field;
                #[allow(unused_mut, reason = "a section without flattened settings does not extend the list")]
                let mut fields = vec![
                    $($(Field::new::<$required_ty>(
                        stringify!($required), concat!($($required_doc, "\n"),*), None, &[$($required_rule),*],
                    ),)+)?
                    $(Field::new::<$ty>(
                        $crate::config::section::key!($field $($key)?), concat!($($doc, "\n"),*),
                        Some($default), &[$($rule),*],
                    ),)*
                ];
                $(fields.extend(<$flat_ty as $crate::config::section::Section>::fields());)?
                fields
            }

            #[allow(unused_variables, reason = "only sections with required settings need their place")]
            fn read_fields(
                entries: &[$crate::config::node::Entry],
                mark: &$crate::config::problem::Mark,
                reader: &mut $crate::config::reader::Reader,
            ) -> Option<Self> {
                $($(let $required = reader.required::<$required_ty>(
                    entries, stringify!($required), mark, &[$($required_rule),*],
                );)+)?
                $(let $field = reader.field::<$ty>(
                    entries, $crate::config::section::key!($field $($key)?), || $default, &[$($rule),*],
                );)*
                $(let $flat = <$flat_ty as $crate::config::section::Section>::read_fields(entries, mark, reader);)?
                Some(Self { $($($required: $required?,)+)? $($field,)* $($flat: $flat?,)? })
            }

            fn fields_to_json(&self) -> serde_json::Map<String, serde_json::Value> {
                use $crate::config::value::Value;
                let mut map = serde_json::Map::new();
                $($(map.insert(stringify!($required).to_owned(), self.$required.to_json());)+)?
                $(map.insert($crate::config::section::key!($field $($key)?).to_owned(), self.$field.to_json());)*
                $(map.extend($crate::config::section::Section::fields_to_json(&self.$flat));)?
                map
            }
        }

        impl $crate::config::value::Value for $name {
            type Checked = ();

            fn read(
                node: &$crate::config::node::Node,
                _: &[$crate::config::rules::Rule<()>],
                reader: &mut $crate::config::reader::Reader,
            ) -> Option<Self> {
                $crate::config::section::read(node, reader)
            }

            fn shape() -> $crate::config::schema::Shape {
                $crate::config::schema::Shape::Section(<Self as $crate::config::section::Section>::fields)
            }

            fn to_json(&self) -> serde_json::Value {
                serde_json::Value::Object($crate::config::section::Section::fields_to_json(self))
            }

            fn null() -> $crate::config::value::Null<Self> {
                $crate::config::value::Null::Default
            }
        }
    };
}

/// The key of a setting: the given one, else the field's name.
macro_rules! key {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident $key:literal) => {
        $key
    };
}

/// Implements `Default` for sections in which nothing is required.
macro_rules! defaults {
    ($($name:ident),+ $(,)?) => {
        $(impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        })+
    };
}

/// Declares a setting with a fixed set of values, read in any case.
macro_rules! choice {
    (
        $(#[doc = $doc:literal])*
        pub enum $name:ident {
            $($(#[doc = $variant_doc:literal])* $variant:ident = $text:literal,)+
        }
        $(refused { $($refused:literal => $why:literal,)+ })?
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[doc = $variant_doc])* $variant,)+
        }

        impl $name {
            /// The value as it is written in the configuration.
            pub fn as_str(self) -> &'static str {
                match self {
                    $($name::$variant => $text,)+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl $crate::config::value::Value for $name {
            type Checked = ();

            fn read(
                node: &$crate::config::node::Node,
                _: &[$crate::config::rules::Rule<()>],
                reader: &mut $crate::config::reader::Reader,
            ) -> Option<Self> {
                let text = match &node.content {
                    $crate::config::node::Content::Text(text, _) => text.trim(),
                    _ => "",
                };
                $(if text.eq_ignore_ascii_case($text) {
                    return Some($name::$variant);
                })+
                let words = [$($text),+];
                $($(if text.eq_ignore_ascii_case($refused) {
                    let must = format!("be one of {}", $crate::config::names::listed(words));
                    return reader.wrong(node, &must, Some($why));
                })+)?
                $crate::config::section::not_a_choice(node, &words, text, reader)
            }

            fn shape() -> $crate::config::schema::Shape {
                $crate::config::schema::Shape::Scalar(
                    concat!($("`", $text, "` "),+).trim_ascii_end(),
                )
            }

            fn to_json(&self) -> serde_json::Value {
                self.as_str().into()
            }
        }
    };
}

pub(super) use {choice, defaults, key, section};

/// Reads a section from a mapping; unknown keys are reported with the nearest known one.
pub(super) fn read<T: Section>(node: &super::node::Node, reader: &mut Reader) -> Option<T> {
    let super::node::Content::Map(entries) = &node.content else {
        return reader.wrong_kind(node, "be a mapping", None);
    };
    let read = |reader: &mut Reader| {
        reader.unknown_keys(entries, &T::fields());
        T::read_fields(entries, &node.mark, reader)
    };
    if T::SECRETIVE { reader.quietly(read) } else { read(reader) }
}

/// Reports a text that is none of the allowed words.
pub(super) fn not_a_choice<T>(
    node: &super::node::Node,
    words: &[&str],
    text: &str,
    reader: &mut Reader,
) -> Option<T> {
    let nearest = super::names::nearest(text, words.iter().copied());
    let help = nearest.map(|word| format!("did you mean `{word}`?"));
    let must = format!("be one of {}", super::names::listed(words.iter().copied()));
    reader.wrong(node, &must, help.as_deref())
}
