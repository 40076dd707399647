//! What is wrong with a configuration, and where.

use std::{fmt, sync::Arc};

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The configuration file.
    File {
        /// The file's name as the caller gave it.
        name: Arc<str>,
        /// The line, from 1.
        line: usize,
        /// The column in characters, from 1.
        column: usize,
    },
    /// An environment variable, by name.
    Variable(Arc<str>),
    /// Nobody set it.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::File { name, line, column } => write!(f, "{name}:{line}:{column}"),
            Origin::Variable(name) => f.write_str(name),
            Origin::Default => f.write_str("default"),
        }
    }
}

/// An origin and how many characters the text there spans.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) origin: Origin,
    pub(super) width: usize,
}

impl Mark {
    pub(super) const DEFAULT: Mark = Mark { origin: Origin::Default, width: 0 };

    pub(super) fn variable(name: &Arc<str>) -> Self {
        Self { origin: Origin::Variable(name.clone()), width: 0 }
    }
}

/// How much of its source line a problem may show; everything else on the line could be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Excerpt {
    /// The key the mark spans.
    Key,
    /// The key and the value the mark spans.
    Value,
    /// The key of the line, if it has one.
    Head,
}

/// One mistake in a configuration.
///
/// Neither the message nor the help holds a secret, nor any value from a place where secrets live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where the mistake is.
    pub origin: Origin,
    /// The dotted path of the setting; empty when the file as a whole is meant.
    pub key: String,
    /// What is wrong and what was expected.
    pub message: String,
    /// The nearest valid key, or another remedy.
    pub help: Option<String>,
    pub(super) width: usize,
    pub(super) excerpt: Excerpt,
}

impl Problem {
    /// A problem with the setting at `key`.
    pub fn new(origin: Origin, key: impl Into<String>, message: impl Into<String>) -> Self {
        let mark = Mark { origin, width: 1 };
        Self::at(&mark, Excerpt::Head, key, message)
    }

    /// Adds a remedy.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(super) fn at(
        mark: &Mark,
        excerpt: Excerpt,
        key: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            origin: mark.origin.clone(),
            key: key.into(),
            message: message.into(),
            help: None,
            width: mark.width,
            excerpt,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_line(f, &self.origin, &self.message, self.help.as_deref())
    }
}

/// Something odd that does not stop the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Where it is.
    pub origin: Origin,
    /// The dotted path of the setting, or the variable's name when it belongs to none.
    pub key: String,
    /// What is odd.
    pub message: String,
    /// A remedy, if one is known.
    pub help: Option<String>,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_line(f, &self.origin, &self.message, self.help.as_deref())
    }
}

fn write_line(f: &mut fmt::Formatter<'_>, origin: &Origin, message: &str, help: Option<&str>) -> fmt::Result {
    if *origin != Origin::Default {
        write!(f, "{origin}: ")?;
    }
    f.write_str(message)?;
    match help {
        Some(help) => write!(f, "; {help}"),
        None => Ok(()),
    }
}

/// A configuration that cannot be used, with everything that is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// The mistakes: those in the file first, by line, then those in variables. Never empty.
    pub problems: Vec<Problem>,
}

impl Invalid {
    pub(super) fn new(mut problems: Vec<Problem>) -> Self {
        problems.sort_by(|a, b| a.origin.cmp(&b.origin).then_with(|| a.key.cmp(&b.key)));
        Self { problems }
    }

    /// Every problem with its source line and a caret under the mistake, as plain text.
    ///
    /// `file_text` is the text that was loaded. Values are shown only where no secret can be.
    pub fn render(&self, file_text: &str) -> String {
        super::render::render(&self.problems, file_text)
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [problem] = self.problems.as_slice() {
            return problem.fmt(f);
        }
        write!(f, "{} problems in the configuration", self.problems.len())?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl std::error::Error for Invalid {}
