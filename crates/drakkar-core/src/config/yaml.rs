//! YAML text to a tree of nodes, bounded in size and depth.

use std::{collections::HashMap, sync::Arc};

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, Tag};

use super::{
    load::File,
    names,
    node::{Content, Entry, Node, Style},
    problem::{Excerpt, Mark, Origin, Problem},
};

/// The longest text that is read.
pub(super) const MAX_BYTES: usize = 4 << 20;
/// The most levels of lists and mappings.
pub(super) const MAX_DEPTH: usize = 64;
/// The most memory the tree may take once aliases are expanded.
const MAX_WEIGHT: usize = 32 << 20;
/// The tags of YAML's core schema.
const CORE_TAGS: [&str; 7] = ["str", "int", "float", "bool", "null", "map", "seq"];

/// Reads one document; gives nothing when the text cannot be read to its end.
///
/// Mistakes go to `problems`; duplicate keys do not end the reading.
pub(super) fn parse(file: &File<'_>, problems: &mut Vec<Problem>) -> Option<Node> {
    match document(file, problems) {
        Ok(root) => Some(root),
        Err(Fatal(problem)) => {
            problems.push(*problem);
            None
        }
    }
}

fn document(file: &File<'_>, problems: &mut Vec<Problem>) -> Result<Node, Fatal> {
    let name: Arc<str> = names::shown_file(file.name).into();
    let start = Mark { origin: Origin::File { name: name.clone(), line: 1, column: 1 }, width: 1 };
    let text = file.text.strip_prefix('\u{feff}').unwrap_or(file.text);
    if text.len() > MAX_BYTES {
        let message = format!("the file has {} bytes, the most is {MAX_BYTES}", text.len());
        return Err(Fatal::at(&start, message));
    }
    let mut builder =
        Builder { name, problems, open: Vec::new(), root: None, anchors: HashMap::new(), weight: 0 };
    let mut documents = 0;
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| builder.syntax(&error))?;
        if matches!(event, Event::DocumentStart(_)) {
            documents += 1;
            if documents > 1 {
                return Err(builder.fatal(&span, "a second document; the configuration is one document"));
            }
        }
        builder.event(event, &span)?;
    }
    Ok(builder.root.unwrap_or_else(|| Node::null(start)))
}

/// What makes the rest of the text unreadable; boxed, as it travels through every step.
struct Fatal(Box<Problem>);

impl Fatal {
    fn at(mark: &Mark, message: impl Into<String>) -> Self {
        Self(Box::new(Problem::at(mark, Excerpt::Head, "", message)))
    }
}

/// A collection whose end has not been read.
struct Open {
    mark: Mark,
    anchor: usize,
    items: Items,
}

enum Items {
    List(Vec<Node>),
    Map {
        entries: Vec<Entry>,
        seen: HashMap<String, usize>,
        key: Option<(String, Mark, bool)>,
        merges: Vec<Node>,
    },
}

struct Builder<'a> {
    name: Arc<str>,
    problems: &'a mut Vec<Problem>,
    open: Vec<Open>,
    root: Option<Node>,
    anchors: HashMap<usize, Node>,
    weight: usize,
}

impl Builder<'_> {
    fn event(&mut self, event: Event<'_>, span: &Span) -> Result<(), Fatal> {
        let mark = self.mark(span);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let quoted = style != ScalarStyle::Plain || self.is_text_tag(tag.as_deref(), span)?;
                let style = if quoted { Style::Quoted } else { Style::Plain };
                self.finish(Node::new(mark, Content::Text(text.into_owned(), style)), anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                self.is_text_tag(tag.as_deref(), span)?;
                self.begin(mark, anchor, Items::List(Vec::new()), span)
            }
            Event::MappingStart(anchor, tag) => {
                self.is_text_tag(tag.as_deref(), span)?;
                let items = Items::Map { entries: vec![], seen: HashMap::new(), key: None, merges: vec![] };
                self.begin(mark, anchor, items, span)
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(open) => self.end(open),
                None => Ok(()),
            },
            Event::Alias(anchor) => {
                let Some(target) = self.anchors.get(&anchor) else {
                    return Err(self.fatal(span, "this alias stands inside what it refers to"));
                };
                if self.open.len() + target.depth() > MAX_DEPTH {
                    return Err(self.too_deep(span));
                }
                self.weight += target.weight();
                let copy = if self.weight > MAX_WEIGHT { Node::null(mark) } else { target.clone() };
                self.finish(copy, 0)
            }
            _ => Ok(()),
        }
    }

    fn begin(&mut self, mark: Mark, anchor: usize, items: Items, span: &Span) -> Result<(), Fatal> {
        if self.open.len() >= MAX_DEPTH {
            return Err(self.too_deep(span));
        }
        // A collection's mark is its first character; its end is not known yet.
        self.open.push(Open { mark: Mark { width: 1, ..mark }, anchor, items });
        Ok(())
    }

    fn end(&mut self, open: Open) -> Result<(), Fatal> {
        let content = match open.items {
            Items::List(items) => Content::List(items),
            Items::Map { mut entries, mut seen, merges, .. } => {
                for merge in merges {
                    self.merge(&mut entries, &mut seen, merge);
                }
                Content::Map(entries)
            }
        };
        self.finish(Node::new(open.mark, content), open.anchor)
    }

    /// Puts a finished node where it belongs.
    fn finish(&mut self, node: Node, anchor: usize) -> Result<(), Fatal> {
        // Collections count their own weight only: what is in them was counted when it was finished.
        self.weight += match &node.content {
            Content::Text(..) => node.weight(),
            _ if anchor == 0 => 64,
            _ => node.weight(),
        };
        if self.weight > MAX_WEIGHT {
            return Err(Fatal::at(&node.mark, "the configuration is too large"));
        }
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut().map(|open| &mut open.items) {
            None => self.root = Some(node),
            Some(Items::List(items)) => items.push(node),
            Some(Items::Map { entries, seen, key: key @ Some(_), merges }) => match key.take() {
                Some((name, _, true)) if name == "<<" => merges.push(node),
                Some((name, key_mark, _)) => {
                    if let Some(first) = seen.get(&name) {
                        let first = entries.get(*first).and_then(|entry| line(&entry.key_mark));
                        let problem = self.duplicate(&name, &key_mark, first);
                        self.problems.push(problem);
                    } else {
                        seen.insert(name.clone(), entries.len());
                        entries.push(Entry { key: name, key_mark, node });
                    }
                }
                None => {}
            },
            Some(Items::Map { key, .. }) => match node.content {
                Content::Text(text, style) => *key = Some((text, node.mark, style == Style::Plain)),
                _ => {
                    return Err(Fatal::at(&node.mark, "a key must be a name, not a collection"));
                }
            },
        }
        Ok(())
    }

    /// Adds what a merge key (`<<`) brings: keys that the mapping does not have itself.
    fn merge(&mut self, entries: &mut Vec<Entry>, seen: &mut HashMap<String, usize>, from: Node) {
        match from.content {
            Content::Map(more) => {
                for entry in more {
                    if !seen.contains_key(&entry.key) {
                        seen.insert(entry.key.clone(), entries.len());
                        entries.push(entry);
                    }
                }
            }
            Content::List(sources) if sources.iter().all(|s| matches!(s.content, Content::Map(_))) => {
                sources.into_iter().for_each(|source| self.merge(entries, seen, source));
            }
            _ => {
                let message = "a merge key `<<` takes a mapping or a list of mappings";
                self.problems.push(Problem::at(&from.mark, Excerpt::Head, "", message));
            }
        }
    }

    /// True for `!!str` and `!`; the other core tags say nothing new, and no others exist here.
    fn is_text_tag(&self, tag: Option<&Tag>, span: &Span) -> Result<bool, Fatal> {
        match tag {
            None => Ok(false),
            Some(tag) if tag.is_yaml_core_schema() && CORE_TAGS.contains(&tag.suffix.as_str()) => {
                Ok(tag.suffix == "str")
            }
            Some(tag) if tag.handle.is_empty() && tag.suffix == "!" => Ok(true),
            Some(_) => Err(self.fatal(span, "tags other than the standard ones mean nothing here")),
        }
    }

    fn duplicate(&self, name: &str, mark: &Mark, first: Option<usize>) -> Problem {
        let mut path: Vec<&str> = self
            .open
            .iter()
            .filter_map(|open| match &open.items {
                Items::Map { key: Some((key, ..)), .. } => Some(names::shown(key)),
                Items::Map { .. } | Items::List(_) => None,
            })
            .collect();
        path.push(names::shown(name));
        let path = path.join(".");
        let first = first.map_or_else(String::new, |line| format!(", first given in line {line}"));
        Problem::at(mark, Excerpt::Key, path.clone(), format!("duplicate key `{path}`{first}"))
            .with_help("keep one of them")
    }

    fn syntax(&self, error: &ScanError) -> Fatal {
        let at = error.marker();
        let mark = Mark { origin: self.origin(at.line(), at.col()), width: 1 };
        let mut fatal = Fatal::at(&mark, format!("not valid YAML: {}", error.info()));
        fatal.0.help = error.info().contains("tab").then(|| "indent with spaces".to_owned());
        fatal
    }

    fn too_deep(&self, span: &Span) -> Fatal {
        self.fatal(span, &format!("more than {MAX_DEPTH} levels of nesting"))
    }

    fn fatal(&self, span: &Span, message: &str) -> Fatal {
        Fatal::at(&Mark { width: 1, ..self.mark(span) }, message)
    }

    fn mark(&self, span: &Span) -> Mark {
        let one_line = span.start.line() == span.end.line();
        let width = if one_line { span.end.col().saturating_sub(span.start.col()) } else { 1 };
        Mark { origin: self.origin(span.start.line(), span.start.col()), width }
    }

    fn origin(&self, line: usize, column: usize) -> Origin {
        Origin::File { name: self.name.clone(), line: line.max(1), column: column + 1 }
    }
}

fn line(mark: &Mark) -> Option<usize> {
    match mark.origin {
        Origin::File { line, .. } => Some(line),
        _ => None,
    }
}
