//! From text and variables to a checked configuration.

use std::collections::BTreeMap;

use super::{
    Config, cross,
    node::Node,
    overlay,
    problem::{Invalid, Mark, Origin, Warning},
    reader::Reader,
    section, yaml,
};

/// The text of a configuration file.
#[derive(Clone, Copy)]
pub struct File<'a> {
    /// The name to use in messages, usually the path.
    pub name: &'a str,
    /// The whole text.
    pub text: &'a str,
}

/// A configuration, and where its values came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration: complete, and valid as far as this crate can tell.
    pub config: Config,
    /// What is odd about it.
    pub warnings: Vec<Warning>,
    origins: BTreeMap<String, Mark>,
}

impl Loaded {
    /// True when the file or a variable gave any value at or under this dotted path.
    ///
    /// ```
    /// # use drakkar_core::config::{File, load};
    /// let file = File { name: "drakkar.yaml", text: "metrics:\ncache: { enabled: false }\n" };
    /// let loaded = load(Some(file), [])?;
    /// assert!(loaded.is_set("cache") && loaded.is_set("cache.enabled"));
    /// assert!(!loaded.is_set("metrics"));
    /// # Ok::<(), drakkar_core::config::Invalid>(())
    /// ```
    pub fn is_set(&self, path: &str) -> bool {
        is_set(&self.origins, path)
    }

    /// Where the value at this dotted path came from.
    ///
    /// For a section, it is where its first value by name came from.
    pub fn origin(&self, path: &str) -> Origin {
        find(&self.origins, path).map_or(Origin::Default, |mark| mark.origin.clone())
    }

    /// Every value that was given, by dotted path, with its origin.
    pub fn origins(&self) -> impl Iterator<Item = (&str, &Origin)> {
        self.origins.iter().map(|(path, mark)| (path.as_str(), &mark.origin))
    }
}

pub(super) fn is_set(origins: &BTreeMap<String, Mark>, path: &str) -> bool {
    find(origins, path).is_some()
}

/// The mark of the value at a path, else of the first value below it.
pub(super) fn find<'a>(origins: &'a BTreeMap<String, Mark>, path: &str) -> Option<&'a Mark> {
    let below = |key: &str| key.strip_prefix(path).is_some_and(|rest| rest.starts_with(['.', '[']));
    origins.get(path).or_else(|| {
        let mut later = origins.range(path.to_owned()..).take_while(|(key, _)| key.starts_with(path));
        later.find(|(key, _)| below(key)).map(|(_, mark)| mark)
    })
}

/// Reads a configuration: defaults, overridden by the file, overridden by variables.
///
/// `variables` is the whole environment; what does not start with `DK_` is used only where `cluster_name_env` names it.
/// Pass no file when there is none; an empty one is the same.
///
/// # Errors
///
/// Returns every mistake that could be found, in one value.
pub fn load(
    file: Option<File<'_>>,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<Loaded, Invalid> {
    let variables: BTreeMap<String, String> = variables.into_iter().collect();
    let mut reader = Reader::default();
    let mut warnings = Vec::new();
    let mut root = match file {
        None => Node::null(Mark::DEFAULT),
        Some(file) => match yaml::parse(&file, &mut reader.problems) {
            Some(root) => root,
            None => return Err(Invalid::new(reader.problems)),
        },
    };
    overlay::apply(&mut root, &variables, &mut reader.problems, &mut warnings);
    let config = if root.is_null() { Some(Config::new()) } else { section::read(&root, &mut reader) };
    if let Some(mut config) = config {
        cross::fit(&mut config, &reader.origins);
        cluster_name(&mut config, &variables, &mut reader.origins);
        cross::check(&config, &reader.origins, &mut reader.problems);
        if reader.problems.is_empty() {
            cross::warn(&config, &reader.origins, &mut warnings);
            return Ok(Loaded { config, warnings, origins: reader.origins });
        }
    }
    Err(Invalid::new(reader.problems))
}

/// Takes the cluster's name from the variable that `cluster_name_env` names.
fn cluster_name(
    config: &mut Config,
    variables: &BTreeMap<String, String>,
    origins: &mut BTreeMap<String, Mark>,
) {
    let name = &config.cluster_name_env;
    if let Some(value) = variables.get(name).filter(|value| !name.is_empty() && !value.is_empty()) {
        config.cluster_name.clone_from(value);
        origins.insert("cluster_name".to_owned(), Mark::variable(&name.as_str().into()));
    }
}
