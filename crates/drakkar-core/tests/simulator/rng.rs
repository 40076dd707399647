//! Random numbers of a run: everything is drawn from one seed.

/// SplitMix64. The simulator has its own, so that no change of the core changes what a seed means.
#[derive(Clone, Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number below `n`, or zero.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        // The high half of the product: no division, and no bias that would matter here.
        ((u128::from(self.draw()) * u128::from(n.max(1))) >> 64) as u64
    }

    /// A number from `low` to `high`.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// True in this many of a hundred cases.
    pub(crate) fn percent(&mut self, chance: u64) -> bool {
        chance > 0 && self.below(100) < chance
    }

    pub(crate) fn index(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    /// How long something takes, in microseconds: mostly nothing or little, now and then long.
    pub(crate) fn delay(&mut self, usual: u64) -> u64 {
        match self.below(16) {
            0..=5 => 0,
            6..=12 => self.below(usual.max(1)),
            13..=14 => self.below(usual.max(1) * 8),
            _ => self.below(usual.max(1) * 64),
        }
    }
}

/// A number that belongs to these three and to nothing else, so that a message is the same each time it is read.
pub(crate) fn hash(seed: u64, partition: i32, offset: i64) -> u64 {
    mix(seed ^ mix(offset as u64 ^ mix(partition as u64 ^ 0x5851_f42d_4c95_7f2d)))
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
