//! Reading lists, mappings and the free section.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::{
    json, names,
    node::{Content, Node},
    reader::Reader,
    rules::Rule,
    schema::Shape,
    value::{Null, Value},
};

impl<T: Value> Value for Vec<T> {
    type Checked = T::Checked;

    fn read(node: &Node, rules: &[Rule<T::Checked>], reader: &mut Reader) -> Option<Self> {
        let Content::List(items) = &node.content else {
            return reader.wrong_kind(node, "be a list", Some("write it as [\"a\", \"b\"]"));
        };
        let read = |(index, item): (usize, &Node)| {
            reader.at(format!("[{index}]"), |reader| {
                if item.is_null() {
                    reader.wrong(item, "hold a value", None)
                } else {
                    T::read(item, rules, reader)
                }
            })
        };
        // Every item is read before the first bad one ends the list, so that all problems are found.
        items.iter().enumerate().map(read).collect::<Vec<_>>().into_iter().collect()
    }

    fn shape() -> Shape {
        Shape::List(Box::new(T::shape()))
    }

    fn to_json(&self) -> Json {
        self.iter().map(T::to_json).collect()
    }

    fn null() -> Null<Self> {
        Null::Default
    }
}

impl<T: Value> Value for BTreeMap<String, T> {
    type Checked = T::Checked;

    fn read(node: &Node, rules: &[Rule<T::Checked>], reader: &mut Reader) -> Option<Self> {
        let Content::Map(entries) = &node.content else {
            return reader.wrong_kind(node, "be a mapping", None);
        };
        let sections = matches!(T::shape(), Shape::Section(_));
        let mut map = BTreeMap::new();
        let mut complete = true;
        for entry in entries {
            let value = reader.at(names::shown(&entry.key).to_owned(), |reader| {
                if sections && !is_instance_name(&entry.key) {
                    reader.bad_name(entry);
                }
                reader.record(&entry.key_mark);
                match (entry.node.is_null(), T::null()) {
                    (false, _) => T::read(&entry.node, rules, reader),
                    (true, Null::Value(value)) => Some(value),
                    (true, Null::Default) => {
                        T::read(&Node::new(entry.key_mark.clone(), Content::Map(Vec::new())), rules, reader)
                    }
                    (true, Null::Refused) => reader.wrong(&entry.node, "hold a value", None),
                }
            });
            match value {
                Some(value) => drop(map.insert(entry.key.clone(), value)),
                None => complete = false,
            }
        }
        (complete || sections).then_some(map)
    }

    fn shape() -> Shape {
        Shape::Map(Box::new(T::shape()))
    }

    fn to_json(&self) -> Json {
        Json::Object(self.iter().map(|(key, value)| (key.clone(), value.to_json())).collect())
    }

    fn null() -> Null<Self> {
        Null::Default
    }
}

/// The names a sink may have: they appear in metric labels, file names and routes.
fn is_instance_name(name: &str) -> bool {
    name.len() <= 100
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

/// The free section: anything, kept as JSON.
impl Value for Json {
    type Checked = Json;

    fn read(node: &Node, _: &[Rule<Json>], reader: &mut Reader) -> Option<Self> {
        match &node.content {
            Content::Map(_) => Some(json::from_node(node)),
            _ => reader.wrong_kind(node, "be a mapping", None),
        }
    }

    fn shape() -> Shape {
        Shape::Free
    }

    fn to_json(&self) -> Json {
        self.clone()
    }

    fn null() -> Null<Self> {
        Null::Default
    }
}
