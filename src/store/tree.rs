//! The trees: a closed list, so that a misspelt name is no new tree.

use std::fmt;

/// One keyspace of the store. What its keys and values mean is its owner's business.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tree {
    /// Counters and what the store as a whole must remember.
    Meta,
    Checks,
    /// What is new of a check since its record there.
    Beats,
    /// Runs of the checks there that are over: the newest of each.
    Ended,
    Alerts,
    /// The checks of the alerts there: so many that each has a record of its own.
    Members,
    Repositories,
    Sources,
    History,
    Outbox,
    Absences,
    Deliveries,
    Silences,
    Jobs,
}

impl Tree {
    /// Every tree, in the order in which they are loaded and dumped.
    pub const ALL: [Self; 14] = [
        Self::Meta,
        Self::Checks,
        Self::Beats,
        Self::Ended,
        Self::Alerts,
        Self::Members,
        Self::Repositories,
        Self::Sources,
        Self::History,
        Self::Outbox,
        Self::Absences,
        Self::Deliveries,
        Self::Silences,
        Self::Jobs,
    ];

    /// The name on the disk. Its number is that of the keys' shape: keys of another
    /// shape go into another tree, so that the two are never mixed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta/v1",
            Self::Checks => "checks/v1",
            Self::Beats => "beats/v1",
            Self::Ended => "ended/v1",
            Self::Alerts => "alerts/v1",
            Self::Members => "members/v1",
            Self::Repositories => "repositories/v1",
            Self::Sources => "sources/v1",
            Self::History => "history/v1",
            Self::Outbox => "outbox/v1",
            Self::Absences => "absences/v1",
            Self::Deliveries => "deliveries/v1",
            Self::Silences => "silences/v1",
            Self::Jobs => "jobs/v1",
        }
    }

    /// The tree with this name on the disk.
    pub(super) fn named(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|tree| tree.name().as_bytes() == name)
    }
}

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_trees_stand_in_their_order_under_names_of_their_own() {
        assert!(Tree::ALL.is_sorted_by(|a, b| a < b));
        for tree in Tree::ALL {
            assert_eq!(Tree::named(tree.name().as_bytes()), Some(tree));
        }
    }
}
