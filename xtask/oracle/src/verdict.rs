//! The verdict on a run: its last line, and why it is not good.

use std::fmt;

use crate::judge::Counts;

/// How a run went.
#[derive(Clone, Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) seed: u64,
    pub(crate) issued: usize,
    pub(crate) missing: usize,
    pub(crate) counts: Counts,
    /// Faults that struck.
    pub(crate) faults: usize,
    /// Rebalances that the group recorded.
    pub(crate) rebalances: usize,
    pub(crate) asked: Asked,
    /// Rules that were broken by commits, and what workers did that none must do.
    pub(crate) findings: Vec<String>,
}

/// What was asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Asked {
    pub(crate) workers: usize,
    pub(crate) faults: usize,
    /// Whether a worker dies or is expelled with finished work that is not committed.
    pub(crate) must_repeat: bool,
}

impl Verdict {
    /// Whether nothing is wrong and the run proves it.
    pub(crate) fn is_good(&self) -> bool {
        let Counts { corrupted, invented, .. } = self.counts;
        self.missing + corrupted + invented == 0 && self.findings.is_empty() && self.voids().is_empty()
    }

    /// Why the run proves nothing: too little happened.
    pub(crate) fn voids(&self) -> Vec<String> {
        let mut voids = Vec::new();
        if self.issued == 0 {
            voids.push("nothing was issued".to_owned());
        }
        if self.faults < self.asked.faults {
            voids.push(format!("only {} of {} faults struck", self.faults, self.asked.faults));
        }
        if self.asked.must_repeat && self.counts.duplicates == 0 {
            voids.push("no message came out twice: no kill met work that was not committed".to_owned());
        }
        if self.asked.workers > 1 && self.rebalances < 2 {
            voids.push(format!("the group was rebalanced {} times, not twice", self.rebalances));
        }
        voids
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { delivered, dead, corrupted, invented, duplicates } = self.counts;
        write!(
            f,
            "oracle issued={} delivered={delivered} dead={dead} missing={} corrupted={corrupted} invented={invented} \
             duplicates={duplicates} kills={} rebalances={} void={} seed={}",
            self.issued,
            self.missing,
            self.faults,
            self.rebalances,
            if self.voids().is_empty() { "no" } else { "yes" },
            self.seed,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Verdict {
        Verdict {
            seed: 7,
            issued: 100,
            missing: 0,
            counts: Counts { delivered: 98, dead: 2, corrupted: 0, invented: 0, duplicates: 5 },
            faults: 3,
            rebalances: 4,
            asked: Asked { workers: 2, faults: 3, must_repeat: true },
            findings: Vec::new(),
        }
    }

    #[test]
    fn the_last_line_is_as_scripts_expect_it() {
        assert_eq!(
            good().to_string(),
            "oracle issued=100 delivered=98 dead=2 missing=0 corrupted=0 invented=0 duplicates=5 kills=3 \
             rebalances=4 void=no seed=7"
        );
        assert!(good().is_good());
    }

    #[test]
    fn whatever_is_wrong_with_messages_or_rules_fails_the_run() {
        let counts = good().counts;
        for bad in [
            Verdict { missing: 1, ..good() },
            Verdict { counts: Counts { corrupted: 1, ..counts }, ..good() },
            Verdict { counts: Counts { invented: 1, ..counts }, ..good() },
            Verdict { findings: vec!["moved backwards".into()], ..good() },
        ] {
            assert!(!bad.is_good(), "{bad}");
            assert!(bad.to_string().contains("void=no"), "{bad}");
        }
    }

    #[test]
    fn a_run_in_which_too_little_happened_is_void_and_fails() {
        let counts = good().counts;
        for void in [
            Verdict { counts: Counts { duplicates: 0, ..counts }, ..good() },
            Verdict { faults: 2, ..good() },
            Verdict { rebalances: 1, ..good() },
            Verdict { issued: 0, ..good() },
        ] {
            assert!(!void.is_good(), "{void}");
            assert!(void.to_string().contains("void=yes"), "{void}");
        }
    }

    #[test]
    fn a_run_without_kills_needs_no_duplicates_and_one_worker_no_rebalance() {
        let counts = Counts { duplicates: 0, ..good().counts };
        let asked = Asked { workers: 1, faults: 0, must_repeat: false };
        assert!(Verdict { counts, asked, faults: 0, rebalances: 0, ..good() }.is_good());
    }
}
