//! What no commit may ever do, as far as a stranger can tell.

use std::collections::BTreeMap;

use anyhow::{Result, bail};

use super::{Commit, Entry};

/// Checks commits alone: no offset moves backwards, and no assignment commits that was over.
///
/// An assignment of a partition is over once another worker committed for it: a commit with the old epoch after that came
/// from a worker that did not own the partition any more.
pub fn check(commits: &[Commit]) -> Result<()> {
    let mut rules = Rules::default();
    commits.iter().try_for_each(|commit| rules.commit(commit))
}

/// Checks commits between the generations of their group.
///
/// Beyond [`check`], the group must not have given the partition to another member since. A member that gives a partition
/// away commits it last in the generation that gives it to nobody, which is in order.
pub(super) fn check_history(entries: &[Entry]) -> Result<()> {
    let mut rules = Rules::default();
    for entry in entries {
        match entry {
            Entry::Commit(commit) => rules.commit(commit)?,
            Entry::Generation(generation) => {
                for (worker, partitions) in &generation.assigned {
                    for partition in partitions {
                        rules.owners.insert(*partition, (worker, generation.number));
                    }
                }
            }
        }
    }
    Ok(())
}

#[derive(Default)]
struct Rules<'a> {
    last: BTreeMap<i32, &'a Commit>,
    over: BTreeMap<(i32, &'a str), u32>,
    /// Who was given a partition last, and in which generation.
    owners: BTreeMap<i32, (&'a str, i32)>,
}

impl<'a> Rules<'a> {
    fn commit(&mut self, commit: &'a Commit) -> Result<()> {
        if let Some(before) = self.last.insert(commit.partition, commit) {
            if commit.offset < before.offset {
                bail!("the committed offset moved backwards: {before:?}, then {commit:?}");
            }
            if (&before.worker, before.epoch) != (&commit.worker, commit.epoch) {
                self.over.insert((commit.partition, &before.worker), before.epoch);
            }
        }
        if self
            .over
            .get(&(commit.partition, commit.worker.as_str()))
            .is_some_and(|epoch| commit.epoch <= *epoch)
        {
            bail!("a worker committed for a partition that it had lost: {commit:?}");
        }
        if let Some((owner, generation)) =
            self.owners.get(&commit.partition).filter(|(owner, _)| *owner != commit.worker)
        {
            bail!(
                "a worker committed for a partition that generation {generation} gave to {owner}: {commit:?}"
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Generation, *};

    fn commit(offset: i64, worker: &str, epoch: u32) -> Commit {
        Commit { partition: 0, offset, worker: worker.into(), epoch, time: 0 }
    }

    fn entry(offset: i64, worker: &str, epoch: u32) -> Entry {
        Entry::Commit(commit(offset, worker, epoch))
    }

    /// A generation that gives partition 0 to somebody, or to nobody.
    fn generation(number: i32, owner: Option<&str>) -> Entry {
        let mut assigned = BTreeMap::from([("a".to_owned(), Vec::new()), ("b".to_owned(), Vec::new())]);
        if let Some(owner) = owner {
            assigned.insert(owner.to_owned(), vec![0]);
        }
        Entry::Generation(Generation { number, assigned })
    }

    #[test]
    fn an_orderly_hand_over_passes() {
        let commits = [commit(5, "a", 1), commit(7, "a", 1), commit(7, "b", 1), commit(9, "a", 2)];
        assert!(check(&commits).is_ok());
        let history = [
            generation(1, Some("a")),
            entry(5, "a", 1),
            generation(2, None),
            entry(6, "a", 1),
            generation(3, Some("b")),
            entry(6, "b", 1),
        ];
        check_history(&history).unwrap();
    }

    #[test]
    fn an_offset_that_moves_backwards_is_found() {
        assert!(check(&[commit(5, "a", 1), commit(4, "a", 1)]).is_err());
        assert!(check_history(&[entry(5, "a", 1), entry(4, "a", 1)]).is_err());
    }

    #[test]
    fn a_commit_after_the_hand_over_is_found() {
        assert!(check(&[commit(5, "a", 1), commit(6, "b", 1), commit(7, "a", 1)]).is_err());
    }

    #[test]
    fn a_commit_after_the_group_gave_the_partition_away_is_found_before_the_new_owner_commits() {
        let history =
            [generation(1, Some("a")), entry(5, "a", 1), generation(2, Some("b")), entry(6, "a", 1)];
        let error = check_history(&history).unwrap_err().to_string();
        assert!(error.contains("generation 2 gave to b"), "{error}");
        let Entry::Commit(late) = &history[3] else { unreachable!() };
        assert!(check(&[commit(5, "a", 1), late.clone()]).is_ok(), "the commits alone do not show it");
    }
}
