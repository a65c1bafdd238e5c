//! Random numbers, all from one seed.

/// `SplitMix64`: small, good enough, and the same everywhere.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from `from` on and below `to`.
    pub fn between(&mut self, from: i64, to: i64) -> i64 {
        let span = u64::try_from(to - from).unwrap();
        from + i64::try_from(self.roll() % span).unwrap()
    }

    /// An index of a list of this length.
    pub fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.roll() % length as u64).unwrap()
    }

    /// Whether the one case in so many has come.
    pub fn one_in(&mut self, cases: u64) -> bool {
        self.roll().is_multiple_of(cases)
    }

    pub fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.index(of.len())].clone()
    }

    /// One of several, each as often as its weight says.
    pub fn weigh<T: Clone>(&mut self, of: &[(i64, T)]) -> T {
        let mut left = self.between(0, of.iter().map(|(weight, _)| weight).sum());
        for (weight, item) in of {
            left -= weight;
            if left < 0 {
                return item.clone();
            }
        }
        unreachable!("the weights have changed meanwhile")
    }
}
