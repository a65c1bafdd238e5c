//! Milestones of a repository, and the one of an issue.

use jiff::Timestamp;
use serde::Serialize;

use super::issues::EventKind;
use super::json::Frame;
use super::people::Missing;
use super::repository::Repository;
use super::world::{World, next};

/// A milestone. It is open, and due at no time.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Milestone {
    /// Unique on the whole server.
    pub id: u64,
    pub title: String,
    pub created: Timestamp,
    /// When an issue of it came, went, was closed or reopened.
    pub updated: Timestamp,
}

#[derive(Debug, Serialize)]
pub(super) struct MilestoneShape<'a> {
    id: u64,
    title: &'a str,
    description: &'static str,
    state: &'static str,
    open_issues: usize,
    closed_issues: usize,
    created_at: Timestamp,
    updated_at: Timestamp,
    closed_at: Option<Timestamp>,
    due_on: Option<Timestamp>,
}

impl World {
    /// Makes a milestone and returns its id.
    pub fn add_milestone(
        &mut self,
        repository: &str,
        title: &str,
        now: Timestamp,
    ) -> Result<u64, Missing> {
        let (repository, now) = (self.repository_id(repository)?, self.time(now));
        let id = next(&mut self.ids.milestone);
        let milestone = Milestone { id, title: title.to_owned(), created: now, updated: now };
        if let Some(repository) = self.repositories.get_mut(&repository) {
            repository.milestones.insert(id, milestone);
        }
        Ok(id)
    }

    /// Makes this the milestone of an issue, or takes it away; the same is no change.
    pub(super) fn set_milestone(
        &mut self,
        repository: u64,
        number: u64,
        milestone: Option<u64>,
        by: u64,
        now: Timestamp,
    ) {
        let old = self.put_milestone(repository, number, milestone, now);
        self.tell_of_milestone(repository, number, old, by, now);
    }

    /// The same without a word; returns the one before.
    pub(super) fn put_milestone(
        &mut self,
        repository: u64,
        number: u64,
        milestone: Option<u64>,
        now: Timestamp,
    ) -> Option<u64> {
        let issue = self.issue_mut(repository, number)?;
        let old = std::mem::replace(&mut issue.milestone, milestone);
        for id in old.into_iter().chain(milestone).filter(|_| old != milestone) {
            self.touch_milestone(repository, id, now);
        }
        old
    }

    /// Writes down, and tells hooks, that an issue has another milestone than before.
    pub(super) fn tell_of_milestone(
        &mut self,
        repository: u64,
        number: u64,
        old: Option<u64>,
        by: u64,
        now: Timestamp,
    ) {
        let Some(issue) = self.issue_mut(repository, number) else { return };
        let milestone = issue.milestone;
        if milestone == old {
            return;
        }
        let kind = EventKind::Milestone { old, new: milestone };
        self.record(repository, number, by, kind, "", now);
        let action = if milestone.is_some() { "milestoned" } else { "demilestoned" };
        self.tell_of_issue(repository, number, by, action, None);
    }

    /// What is counted of a milestone has changed.
    pub(super) fn touch_milestone(&mut self, repository: u64, id: u64, now: Timestamp) {
        let found = self.repositories.get_mut(&repository);
        if let Some(milestone) = found.and_then(|found| found.milestones.get_mut(&id)) {
            milestone.updated = now;
        }
    }
}

impl<'a> Frame<'a> {
    /// One of the repository's milestones; nothing if there is none of this id.
    pub(super) fn milestone(
        &self,
        repository: &'a Repository,
        id: Option<u64>,
    ) -> Option<MilestoneShape<'a>> {
        let milestone = repository.milestones.get(&id?)?;
        let count = |is_open: bool| {
            let issues = repository.issues.values();
            issues.filter(|issue| issue.milestone == id && issue.is_open == is_open).count()
        };
        Some(MilestoneShape {
            id: milestone.id,
            title: &milestone.title,
            description: "",
            state: "open",
            open_issues: count(true),
            closed_issues: count(false),
            created_at: milestone.created,
            updated_at: milestone.updated,
            closed_at: None,
            due_on: None,
        })
    }
}
