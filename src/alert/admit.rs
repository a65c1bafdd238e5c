//! May another issue open here?

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Placement, earlier};

/// The sliding window in which new issues are counted.
const WINDOW: SignedDuration = SignedDuration::from_hours(1);

/// What is remembered about a repository that issues go to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repository {
    /// Gitea's id, once it was seen. A different one later is a different repository.
    pub id: Option<i64>,
    /// The highest number of an issue seen there.
    pub highest: u64,
    /// When issues were opened, oldest first, at most an hour back.
    pub opened: Vec<Timestamp>,
    /// How many issues of ours are open or on their way.
    pub open: u32,
}

/// How many issues may open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// New issues in a sliding hour, for each repository.
    pub max_new_issues: u32,
    /// Issues open at once, for each repository.
    pub max_open_issues: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_new_issues: 20, max_open_issues: 200 }
    }
}

/// Where the next issue would go: a place of its own, or a row of the overflow issue.
pub fn admit(limits: &Limits, repository: &Repository, now: Timestamp) -> Placement {
    let new = repository.opened.iter().filter(|&&at| is_recent(at, now)).count();
    let has_room = u32::try_from(new).is_ok_and(|new| new < limits.max_new_issues)
        && repository.open < limits.max_open_issues;
    if has_room { Placement::Own } else { Placement::Row }
}

impl Repository {
    /// The clock was set back.
    pub fn rewind(&mut self, by: SignedDuration) {
        for at in &mut self.opened {
            *at = earlier(*at, by);
        }
    }

    /// Counts an issue that is about to open.
    pub fn count_opening(&mut self, now: Timestamp) {
        self.opened.retain(|&at| is_recent(at, now));
        self.opened.push(now);
        self.open = self.open.saturating_add(1);
    }

    /// An opening that was counted `at` was struck: no issue was new.
    pub fn count_struck(&mut self, at: Timestamp) {
        if let Some(index) = self.opened.iter().rposition(|&opened| opened == at) {
            self.opened.remove(index);
        }
        self.count_closing();
    }

    /// Counts an issue that was closed, or whose reopening was struck.
    pub fn count_closing(&mut self) {
        self.open = self.open.saturating_sub(1);
    }

    /// Counts an issue that was open before.
    pub fn count_open(&mut self) {
        self.open = self.open.saturating_add(1);
    }
}

fn is_recent(at: Timestamp, now: Timestamp) -> bool {
    now.duration_since(at) < WINDOW
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_hour_slides() {
        let limits = Limits { max_new_issues: 2, max_open_issues: 10 };
        let mut repository = Repository::default();
        repository.count_opening(at(0));
        assert_eq!(admit(&limits, &repository, at(1)), Placement::Own);
        repository.count_opening(at(1));
        assert_eq!(admit(&limits, &repository, at(2)), Placement::Row);
        assert_eq!(admit(&limits, &repository, at(3_599)), Placement::Row);
        assert_eq!(admit(&limits, &repository, at(3_600)), Placement::Own);
    }

    #[test]
    fn an_opening_that_was_struck_is_no_new_issue() {
        let limits = Limits { max_new_issues: 2, max_open_issues: 10 };
        let mut repository = Repository::default();
        repository.count_opening(at(0));
        repository.count_opening(at(1));
        repository.count_struck(at(1));
        assert_eq!(admit(&limits, &repository, at(2)), Placement::Own);
        assert_eq!((repository.opened, repository.open), (vec![at(0)], 1));
    }

    #[test]
    fn closing_makes_room() {
        let limits = Limits { max_new_issues: 10, max_open_issues: 1 };
        let mut repository = Repository::default();
        repository.count_opening(at(0));
        assert_eq!(admit(&limits, &repository, at(1)), Placement::Row);
        repository.count_closing();
        assert_eq!(admit(&limits, &repository, at(1)), Placement::Own);
    }
}
