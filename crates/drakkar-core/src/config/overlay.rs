//! Lays environment variables over the tree of the file.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::{
    Config, hints, json, names,
    node::{Content, Entry, Node, Style},
    problem::{Excerpt, Mark, Problem, Warning},
    schema::Shape,
    section::Section as _,
};

/// What every settings variable starts with.
const PREFIX: &str = "DK_";
/// The variable that names the file; never a setting.
const FILE_VARIABLE: &str = "DK_CONFIG";

/// Applies every variable that is a setting.
pub(super) fn apply(
    root: &mut Node,
    variables: &BTreeMap<String, String>,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Warning>,
) {
    let named = [named_by(root, variables, "worker_name_env"), named_by(root, variables, "cluster_name_env")];
    let mut settings: Vec<(Vec<&str>, &str, &str)> = variables
        .iter()
        .filter(|(name, _)| *name != FILE_VARIABLE)
        .filter_map(|(name, value)| {
            Some((name.strip_prefix(PREFIX)?.split("__").collect(), &**name, &**value))
        })
        .collect();
    // Shorter paths first, so that a single value refines what a JSON value set as a whole.
    settings.sort_by_key(|(segments, name, _)| (segments.len(), *name));
    let fields = Config::fields();
    let mut overlay = Overlay { problems, seen: HashMap::new() };
    for (segments, name, value) in settings {
        let variable = Variable { name: name.into(), value };
        let first = segments.first().map(|first| first.to_lowercase()).unwrap_or_default();
        let known = fields.iter().find(|field| field.key == first);
        let exempt = named.iter().any(|named| named.as_deref() == Some(name));
        match known {
            None if exempt => {}
            None => warnings.push(Warning {
                origin: Mark::variable(&variable.name).origin,
                key: name.to_owned(),
                message: "this variable is no setting and was ignored".to_owned(),
                help: hints::unknown_variable(&segments),
            }),
            // A variable that holds the worker's name may look like a setting; then it is one only if it can be.
            Some(_) if exempt && !exists(&Shape::Section(Config::fields), &segments) => {}
            Some(_) => {
                // What a refused variable created on its way must not lead to further problems.
                let reported = overlay.problems.len();
                let mut tree = root.clone();
                overlay.place(&mut tree, &Shape::Section(Config::fields), &segments, "", &variable);
                if overlay.problems.len() == reported {
                    *root = tree;
                }
            }
        }
    }
}

/// The variable that `worker_name_env` or `cluster_name_env` names, before anything is validated.
pub(super) fn named_by(root: &Node, variables: &BTreeMap<String, String>, key: &str) -> Option<String> {
    if let Some(name) = variables.get(&format!("{PREFIX}{}", key.to_uppercase())) {
        return Some(name.clone());
    }
    match &root.content {
        Content::Map(entries) => {
            entries.iter().find(|entry| entry.key == key).and_then(|entry| match &entry.node.content {
                Content::Text(text, _) => Some(text.clone()),
                _ => None,
            })
        }
        _ => None,
    }
}

/// True when the schema has a place for this path.
fn exists(shape: &Shape, segments: &[&str]) -> bool {
    match (shape, segments) {
        (_, []) => true,
        (Shape::Section(fields), [first, rest @ ..]) => {
            let key = first.to_lowercase();
            fields().iter().find(|field| field.key == key).is_some_and(|field| exists(&field.shape, rest))
        }
        (Shape::Map(of), [_, rest @ ..]) => exists(of, rest),
        _ => false,
    }
}

struct Variable<'a> {
    name: Arc<str>,
    value: &'a str,
}

struct Overlay<'a> {
    problems: &'a mut Vec<Problem>,
    /// Which variable set which path.
    seen: HashMap<String, Arc<str>>,
}

impl Overlay<'_> {
    /// Walks down to the place a variable names, creating what is missing, and puts its value there.
    fn place(
        &mut self,
        node: &mut Node,
        shape: &Shape,
        segments: &[&str],
        path: &str,
        variable: &Variable<'_>,
    ) {
        let Some((first, rest)) = segments.split_first() else {
            return self.set(node, shape, path, variable);
        };
        let mark = Mark::variable(&variable.name);
        match shape {
            Shape::Section(fields) => {
                let fields = fields();
                let key = first.to_lowercase();
                let Some(field) = fields.iter().find(|field| field.key == key) else {
                    let full = join(path, names::shown(&key));
                    let help = hints::unknown_key(path, &key, &fields);
                    self.problem(variable, &full, format!("unknown key `{full}`"), Some(help));
                    return;
                };
                if let Some(child) = child(node, &key, &mark) {
                    self.place(child, &field.shape, rest, &join(path, &key), variable);
                }
            }
            Shape::Map(of) if !first.is_empty() => {
                let Some(key) = self.key(node, first, path, variable) else { return };
                if let Some(child) = child(node, &key, &mark) {
                    self.place(child, of, rest, &join(path, names::shown(&key)), variable);
                }
            }
            Shape::Map(_) => {
                self.problem(variable, path, format!("a name is missing below `{path}`"), None);
            }
            Shape::List(_) => {
                let help = format!("set the whole list as JSON in `{}`", name_of(path));
                self.problem(
                    variable,
                    path,
                    format!("`{path}` is a list; its items cannot be set one by one"),
                    Some(help),
                );
            }
            Shape::Scalar(_) => {
                let help = format!("set it in `{}`", name_of(path));
                self.problem(
                    variable,
                    path,
                    format!("`{path}` is a single value with nothing below it"),
                    Some(help),
                );
            }
            Shape::Free => self.refuse_free(path, variable),
        }
    }

    fn set(&mut self, node: &mut Node, shape: &Shape, path: &str, variable: &Variable<'_>) {
        if let Some(other) = self.seen.insert(path.to_owned(), variable.name.clone()) {
            self.problem(
                variable,
                path,
                format!("`{path}` is also set by `{other}`"),
                Some("keep one of them".to_owned()),
            );
            return;
        }
        let mark = Mark::variable(&variable.name);
        if !shape.is_collection() {
            *node = Node::new(mark, Content::Text(variable.value.to_owned(), Style::Variable));
            return;
        }
        let (wanted, example) = match shape {
            Shape::Free => return self.refuse_free(path, variable),
            Shape::List(of) if matches!(**of, Shape::Section(_)) => {
                ("a list", r#"[{"name": "a", "url": "b"}]"#)
            }
            Shape::List(_) => ("a list", r#"["a", "b"]"#),
            Shape::Section(_) => ("a section", ""),
            _ => ("a mapping", r#"{"a": "b"}"#),
        };
        let help = match example {
            "" => format!("set its keys one by one, as in `{}__...`", variable.name),
            example => format!("write it as {example}"),
        };
        match json::parse(variable.value, &mark) {
            Ok(value) if value.is_null() => *node = value,
            Ok(value)
                if matches!(value.content, Content::List(_)) == matches!(shape, Shape::List(_))
                    && !value_is_text(&value) =>
            {
                if node.is_null() {
                    *node = value
                } else {
                    node.merge(value)
                }
            }
            Ok(value) => {
                let message =
                    format!("`{path}` is {wanted}, and takes JSON that is one; found {}", value.kind());
                self.problem(variable, path, message, Some(help));
            }
            Err(why) => {
                let message = format!("`{path}` is {wanted}, and takes JSON; this is not ({why})");
                self.problem(variable, path, message, Some(help));
            }
        }
    }

    /// The key of a free name: one that exists in any case and with `-` for `_`, else the lower-case form.
    ///
    /// Names of environment variables for children are taken as they are.
    fn key(&mut self, node: &Node, segment: &str, path: &str, variable: &Variable<'_>) -> Option<String> {
        if path == "executor.env" {
            return Some(segment.to_owned());
        }
        // Names of the Kafka client's settings have dots, which a variable's name cannot have.
        if path.ends_with(".client_config") {
            return Some(segment.to_lowercase().replace('_', "."));
        }
        let plain = |name: &str| name.to_lowercase().replace('-', "_");
        let lower = segment.to_lowercase();
        let existing: Vec<&str> = match &node.content {
            Content::Map(entries) => entries
                .iter()
                .map(|entry| entry.key.as_str())
                .filter(|key| plain(key) == plain(segment))
                .collect(),
            _ => Vec::new(),
        };
        match existing.as_slice() {
            [] => Some(lower),
            [one] => Some((*one).to_owned()),
            several if several.contains(&lower.as_str()) => Some(lower),
            several => {
                let names = names::listed(several.iter().map(|key| names::shown(key)));
                let message = format!("this variable could mean {names} below `{path}`");
                self.problem(variable, path, message, Some("give them names that differ".to_owned()));
                None
            }
        }
    }

    fn refuse_free(&mut self, path: &str, variable: &Variable<'_>) {
        let message = format!("`{path}` cannot be set by variables");
        self.problem(variable, path, message, Some("set it in the file".to_owned()));
    }

    fn problem(&mut self, variable: &Variable<'_>, path: &str, message: String, help: Option<String>) {
        let mut problem = Problem::at(&Mark::variable(&variable.name), Excerpt::Head, path, message);
        problem.help = help;
        self.problems.push(problem);
    }
}

fn value_is_text(node: &Node) -> bool {
    matches!(node.content, Content::Text(..))
}

/// The child under `key`, created when missing; nothing when the file has something else than a mapping here.
///
/// That mistake is reported when the file's value is read.
fn child<'a>(node: &'a mut Node, key: &str, mark: &Mark) -> Option<&'a mut Node> {
    if node.is_null() {
        *node = Node::new(mark.clone(), Content::Map(Vec::new()));
    }
    let Content::Map(entries) = &mut node.content else { return None };
    let index = match entries.iter().position(|entry| entry.key == key) {
        Some(index) => index,
        None => {
            let node = Node::null(mark.clone());
            entries.push(Entry { key: key.to_owned(), key_mark: mark.clone(), node });
            entries.len() - 1
        }
    };
    entries.get_mut(index).map(|entry| &mut entry.node)
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// The variable that sets the setting at a path.
pub(super) fn name_of(path: &str) -> String {
    format!("{PREFIX}{}", path.to_uppercase().replace('-', "_").replace('.', "__"))
}
