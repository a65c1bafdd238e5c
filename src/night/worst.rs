//! The worst rows of many.

use std::collections::BTreeMap;

use super::{ROWS_MAX, Rows};

/// Keeps the rows with the lowest keys, and counts the others. Of equal ones the first stay.
#[derive(Debug)]
pub(super) struct Worst<K, T> {
    kept: BTreeMap<(K, usize), T>,
    count: usize,
}

impl<K: Ord, T> Worst<K, T> {
    pub(super) fn new() -> Self {
        Self { kept: BTreeMap::new(), count: 0 }
    }

    pub(super) fn add(&mut self, key: K, row: T) {
        self.kept.insert((key, self.count), row);
        self.count += 1;
        if self.kept.len() > ROWS_MAX {
            self.kept.pop_last();
        }
    }

    pub(super) fn rows(self) -> Rows<T> {
        let more = self.count - self.kept.len();
        Rows { rows: self.kept.into_values().collect(), more }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_rows_stay_and_the_rest_is_counted() {
        for (many, more) in [(0, 0), (ROWS_MAX, 0), (ROWS_MAX + 1, 1), (1_000, 900)] {
            let mut worst = Worst::new();
            (0..many).rev().for_each(|n| worst.add(n / 2, n));
            let Rows { rows, more: left_out } = worst.rows();
            assert_eq!((rows.len(), left_out), (many - more, more));
            assert!(rows.iter().take(2).eq([1, 0].iter().take(many)), "{rows:?}");
        }
    }
}
