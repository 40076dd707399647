//! Reading single values: text, numbers, truth values, optional values.

use serde_json::{Value as Json, json};

use super::{
    node::{Content, Node, Style},
    reader::Reader,
    rules::Rule,
    scalar::{self, NotWhole},
    schema::Shape,
    secret::Secret,
    units::{MAX_SECONDS, Millis, Ratio, Seconds, WholeSeconds},
};

/// What a null stands for where a value is wanted.
pub(super) enum Null<T> {
    /// The default.
    Default,
    /// This value.
    Value(T),
    /// Nothing: a value must be given.
    Refused,
}

/// A type that a setting can have.
pub(super) trait Value: Sized {
    /// What rules look at.
    type Checked: ?Sized;

    /// Reads a node, or reports what is wrong with it and gives nothing.
    fn read(node: &Node, rules: &[Rule<Self::Checked>], reader: &mut Reader) -> Option<Self>;

    /// The form of the type.
    fn shape() -> Shape;

    /// The value as JSON, secrets masked.
    fn to_json(&self) -> Json;

    /// What a null in the file means.
    fn null() -> Null<Self> {
        Null::Refused
    }
}

impl Value for String {
    type Checked = str;

    fn read(node: &Node, rules: &[Rule<str>], reader: &mut Reader) -> Option<Self> {
        match &node.content {
            Content::Text(text, Style::Plain) if scalar::needs_quotes(text) => {
                reader.wrong(node, "be text", Some("put quotes around it"))
            }
            Content::Text(text, _) => reader.checked(node, text.as_str(), rules).then(|| text.clone()),
            _ => reader.wrong(node, "be text", None),
        }
    }

    fn shape() -> Shape {
        Shape::Scalar("text")
    }

    fn to_json(&self) -> Json {
        json!(self)
    }
}

impl Value for Secret {
    type Checked = str;

    fn read(node: &Node, rules: &[Rule<str>], reader: &mut Reader) -> Option<Self> {
        reader.quietly(|reader| String::read(node, rules, reader)).map(Secret::from)
    }

    fn shape() -> Shape {
        Shape::Scalar("text, secret")
    }

    fn to_json(&self) -> Json {
        json!(if self.is_empty() { "" } else { "***" })
    }
}

impl Value for bool {
    type Checked = bool;

    fn read(node: &Node, _: &[Rule<bool>], reader: &mut Reader) -> Option<Self> {
        let value = match &node.content {
            Content::Text(text, _) => scalar::boolean(text),
            _ => None,
        };
        value.or_else(|| reader.wrong(node, "be true or false", None))
    }

    fn shape() -> Shape {
        Shape::Scalar("true/false")
    }

    fn to_json(&self) -> Json {
        json!(self)
    }
}

/// Reads a whole number, checks the rules, then the range of the type.
fn read_whole(node: &Node, rules: &[Rule<i64>], range: (i64, i64), reader: &mut Reader) -> Option<i64> {
    let Content::Text(text, style) = &node.content else {
        return reader.wrong(node, "be a whole number", None);
    };
    match scalar::whole(text, *style) {
        Ok(value) => {
            if !reader.checked(node, &value, rules) {
                return None;
            }
            match (range.0..=range.1).contains(&value) {
                true => Some(value),
                false => reader.wrong(node, &format!("be from {} to {}", range.0, range.1), None),
            }
        }
        Err(NotWhole::NotANumber | NotWhole::Fraction) => reader.wrong(node, "be a whole number", None),
        Err(NotWhole::LeadingZero) => {
            reader.wrong(node, "be a whole number without a leading zero", Some("write octal as 0o17"))
        }
        Err(NotWhole::OutOfRange) => reader.wrong(node, &format!("be from {} to {}", range.0, range.1), None),
    }
}

macro_rules! whole {
    ($($ty:ty: $min:expr, $max:expr, $name:literal, $make:expr, $get:expr;)*) => {
        $(impl Value for $ty {
            type Checked = i64;

            fn read(node: &Node, rules: &[Rule<i64>], reader: &mut Reader) -> Option<Self> {
                let value = read_whole(node, rules, ($min, $max), reader)?;
                value.try_into().ok().map($make)
            }

            fn shape() -> Shape {
                Shape::Scalar($name)
            }

            fn to_json(&self) -> Json {
                json!($get(self))
            }
        })*
    };
}

whole! {
    u16: 0, u16::MAX.into(), "whole number", |value: u16| value, |value: &u16| *value;
    u32: 0, u32::MAX.into(), "whole number", |value: u32| value, |value: &u32| *value;
    usize: 0, i64::MAX, "whole number", |value: usize| value, |value: &usize| *value;
    i32: i32::MIN.into(), i32::MAX.into(), "whole number", |value: i32| value, |value: &i32| *value;
    WholeSeconds: 0, MAX_SECONDS.into(), "whole seconds", WholeSeconds, |value: &WholeSeconds| value.0;
    Millis: 0, u32::MAX.into(), "milliseconds", Millis, |value: &Millis| value.0;
}

/// Reads a number, fractions allowed, and checks the rules.
fn read_number(node: &Node, rules: &[Rule<f64>], expected: &str, reader: &mut Reader) -> Option<f64> {
    let number = match &node.content {
        Content::Text(text, _) => scalar::number(text),
        _ => None,
    };
    let Some(number) = number else { return reader.wrong(node, expected, None) };
    reader.checked(node, &number, rules).then_some(number)
}

impl Value for Seconds {
    type Checked = f64;

    fn read(node: &Node, rules: &[Rule<f64>], reader: &mut Reader) -> Option<Self> {
        let number = read_number(node, rules, "be a number of seconds", reader)?;
        Seconds::new(number).or_else(|| reader.wrong(node, &format!("be from 0 to {MAX_SECONDS}"), None))
    }

    fn shape() -> Shape {
        Shape::Scalar("seconds")
    }

    fn to_json(&self) -> Json {
        json!(self.get())
    }
}

impl Value for Ratio {
    type Checked = f64;

    fn read(node: &Node, rules: &[Rule<f64>], reader: &mut Reader) -> Option<Self> {
        let number = read_number(node, rules, "be a number from 0 to 1", reader)?;
        Ratio::new(number).or_else(|| reader.wrong(node, "be from 0 to 1", None))
    }

    fn shape() -> Shape {
        Shape::Scalar("number from 0 to 1")
    }

    fn to_json(&self) -> Json {
        json!(self.get())
    }
}

impl<T: Value> Value for Option<T> {
    type Checked = T::Checked;

    fn read(node: &Node, rules: &[Rule<T::Checked>], reader: &mut Reader) -> Option<Self> {
        match &node.content {
            Content::Text(text, Style::Variable) if text == "null" => Some(None),
            _ => T::read(node, rules, reader).map(Some),
        }
    }

    fn shape() -> Shape {
        T::shape()
    }

    fn to_json(&self) -> Json {
        self.as_ref().map_or(Json::Null, T::to_json)
    }

    fn null() -> Null<Self> {
        Null::Value(None)
    }
}
