//! The tree between text and typed values: every node knows where it was written.

use super::problem::Mark;

/// How a scalar was written, which decides what it may mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Without quotes: may be a number, a truth value or nothing.
    Plain,
    /// Quoted, a block, or tagged as text.
    Quoted,
    /// The value of an environment variable: the target type decides.
    Variable,
}

#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) mark: Mark,
    pub(super) content: Content,
}

#[derive(Clone, Debug)]
pub(super) enum Content {
    Text(String, Style),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_mark: Mark,
    pub(super) node: Node,
}

impl Node {
    pub(super) fn new(mark: Mark, content: Content) -> Self {
        Self { mark, content }
    }

    pub(super) fn null(mark: Mark) -> Self {
        Self::new(mark, Content::Text("null".to_owned(), Style::Plain))
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(&self.content, Content::Text(text, Style::Plain) if super::scalar::is_null(text))
    }

    /// What the node is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match &self.content {
            Content::Text(..) if self.is_null() => "nothing",
            Content::Text(..) => "text",
            Content::List(_) => "a list",
            Content::Map(_) => "a mapping",
        }
    }

    /// Memory the node takes, roughly.
    pub(super) fn weight(&self) -> usize {
        64 + match &self.content {
            Content::Text(text, _) => text.len(),
            Content::List(items) => items.iter().map(Node::weight).sum(),
            Content::Map(entries) => entries.iter().map(|e| e.key.len() + e.node.weight()).sum(),
        }
    }

    /// Levels below and including this node.
    pub(super) fn depth(&self) -> usize {
        1 + match &self.content {
            Content::Text(..) => 0,
            Content::List(items) => items.iter().map(Node::depth).max().unwrap_or(0),
            Content::Map(entries) => entries.iter().map(|e| e.node.depth()).max().unwrap_or(0),
        }
    }

    /// Lays `over` on top: mappings merge key by key, anything else replaces.
    pub(super) fn merge(&mut self, over: Node) {
        match (&mut self.content, over.content) {
            (Content::Map(entries), Content::Map(new)) => {
                for entry in new {
                    match entries.iter_mut().find(|old| old.key == entry.key) {
                        Some(old) => old.node.merge(entry.node),
                        None => entries.push(entry),
                    }
                }
            }
            (content, new) => {
                *content = new;
                self.mark = over.mark;
            }
        }
    }
}
