//! Messages that may have killed the process.

use std::collections::BTreeMap;

use crate::ids::Offset;

/// What is known against a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suspicion {
    /// A hook was busy with it when the process died: it is arranged alone, so that another crash names it alone.
    Alone,
    /// That happened too often in a row: it is dead-lettered before any hook sees it.
    Poison,
}

/// The suspects of one partition.
#[derive(Clone, Debug, Default)]
pub struct Suspects(BTreeMap<Offset, Suspicion>);

impl Suspects {
    /// What is known against a message.
    pub fn of(&self, offset: Offset) -> Option<Suspicion> {
        if self.0.is_empty() { None } else { self.0.get(&offset).copied() }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(Offset, Suspicion)> for Suspects {
    fn from_iter<I: IntoIterator<Item = (Offset, Suspicion)>>(suspects: I) -> Self {
        Self(suspects.into_iter().collect())
    }
}
