//! JSON text of a variable to a tree of nodes, and trees back to JSON.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value as Json};

use super::{
    node::{Content, Entry, Node, Style},
    problem::Mark,
    scalar,
};

/// Reads JSON; every node gets the mark of the variable. Gives where the text is wrong, never what it says.
pub(super) fn parse(text: &str, mark: &Mark) -> Result<Node, String> {
    let shape: Shape = serde_json::from_str(text).map_err(|error| {
        if error.is_data() {
            "it repeats a key".to_owned()
        } else {
            format!("wrong at character {}", error.column())
        }
    })?;
    Ok(shape.node(mark))
}

/// The JSON form of a tree, for the free section.
pub(super) fn from_node(node: &Node) -> Json {
    match &node.content {
        Content::Text(..) if node.is_null() => Json::Null,
        Content::Text(text, Style::Plain) => from_plain(text),
        Content::Text(text, _) => Json::String(text.clone()),
        Content::List(items) => Json::Array(items.iter().map(from_node).collect()),
        Content::Map(entries) => {
            Json::Object(entries.iter().map(|entry| (entry.key.clone(), from_node(&entry.node))).collect())
        }
    }
}

fn from_plain(text: &str) -> Json {
    match text {
        "true" | "True" | "TRUE" => return Json::Bool(true),
        "false" | "False" | "FALSE" => return Json::Bool(false),
        _ => {}
    }
    if let Ok(whole) = scalar::whole(text, Style::Plain)
        && !text.contains('.')
    {
        return Json::Number(whole.into());
    }
    if let Ok(whole) = text.parse::<u64>() {
        return Json::Number(whole.into());
    }
    match scalar::number(text).and_then(Number::from_f64) {
        Some(number) if scalar::needs_quotes(text) || text.contains(['e', 'E']) => Json::Number(number),
        _ => Json::String(text.to_owned()),
    }
}

/// JSON as it was written: unlike a JSON value it refuses repeated keys.
enum Shape {
    Plain(String),
    Text(String),
    List(Vec<Shape>),
    Map(Vec<(String, Shape)>),
}

impl Shape {
    fn node(self, mark: &Mark) -> Node {
        let content = match self {
            Shape::Plain(text) => Content::Text(text, Style::Plain),
            Shape::Text(text) => Content::Text(text, Style::Quoted),
            Shape::List(items) => Content::List(items.into_iter().map(|item| item.node(mark)).collect()),
            Shape::Map(entries) => Content::Map(
                entries
                    .into_iter()
                    .map(|(key, shape)| Entry { key, key_mark: mark.clone(), node: shape.node(mark) })
                    .collect(),
            ),
        };
        Node::new(mark.clone(), content)
    }
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Shapes)
    }
}

struct Shapes;

impl<'de> Visitor<'de> for Shapes {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Shape, E> {
        Ok(Shape::Plain("null".to_owned()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Shape, E> {
        Ok(Shape::Plain(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Shape, E> {
        Ok(Shape::Plain(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Shape, E> {
        Ok(Shape::Plain(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Shape, E> {
        Ok(Shape::Plain(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Shape, E> {
        Ok(Shape::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Shape, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Shape::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Shape, A::Error> {
        let mut map: Vec<(String, Shape)> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        while let Some((key, shape)) = entries.next_entry::<String, Shape>()? {
            if !seen.insert(key.clone()) {
                return Err(A::Error::custom("repeated key"));
            }
            map.push((key, shape));
        }
        Ok(Shape::Map(map))
    }
}
