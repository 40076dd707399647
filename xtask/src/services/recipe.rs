//! The table of servers: what each is, what it needs, and where it comes from.

use std::{collections::BTreeMap, sync::OnceLock};

use serde::Deserialize;

/// A server that `cargo xtask services` knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// Apache Kafka as one process.
    Kafka,
}

impl Kind {
    /// Every server.
    pub const ALL: &'static [Self] = &[Self::Kafka];

    /// Its name on the command line, in folders and in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kafka => "kafka",
        }
    }

    /// Its row of the table.
    pub fn recipe(self) -> &'static Recipe {
        static TABLE: OnceLock<BTreeMap<String, Recipe>> = OnceLock::new();
        let table = TABLE.get_or_init(|| {
            serde_json::from_str(include_str!("../../services.json")).expect("a test reads services.json")
        });
        table.get(self.name()).expect("a test finds every kind in services.json")
    }
}

/// A row of the table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// What people call it.
    pub title: String,
    /// The version that is fetched.
    pub version: String,
    /// The variable that tells tests its address.
    pub variable: String,
    /// Programs it needs.
    #[serde(default)]
    pub programs: Vec<Program>,
    /// Maven artifacts, `group:artifact:version`.
    #[serde(default)]
    pub maven: Vec<String>,
}

/// A program that must be there.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// The name to look for in `PATH`.
    pub name: String,
    /// What makes it print its version.
    pub version_flag: String,
    /// The lowest major version that will do.
    pub at_least: u32,
    /// The Debian package that has it.
    pub debian: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_row() {
        for kind in Kind::ALL {
            let recipe = kind.recipe();
            assert!(recipe.variable.starts_with("DRAKKAR_TEST_"), "{recipe:?}");
            assert!(recipe.maven.iter().all(|artifact| artifact.split(':').count() == 3), "{recipe:?}");
        }
    }
}
