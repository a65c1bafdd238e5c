//! What can happen to issues, whoever does it and through whichever door.
//!
//! The API's handlers and the people of tests and pages end here, so that a closed issue
//! is closed in one way. Rights are judged by the callers. Where there is no such issue,
//! nothing happens.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;

use super::issues::{Event, EventKind, Issue};
use super::news::News;
use super::repository::Repository;
use super::world::{World, next};

/// The longest title in columns; longer ones are cut.
const TITLE_COLUMNS_MAX: usize = 255;

impl Repository {
    /// Whether the part of the repository that the issue belongs to is switched on.
    pub(super) fn has_unit(&self, issue: &Issue) -> bool {
        if issue.is_pull { self.has_pulls } else { self.has_issues }
    }
}

impl World {
    pub(super) fn issue_mut(&mut self, repository: u64, number: u64) -> Option<&mut Issue> {
        self.repositories.get_mut(&repository)?.issues.get_mut(&number)
    }

    /// Opens an issue and returns its number; 0 where there is no such repository.
    pub(super) fn open_issue(
        &mut self,
        repository: u64,
        poster: u64,
        title: &str,
        body: &str,
        now: Timestamp,
    ) -> u64 {
        let Some(repository) = self.repositories.get_mut(&repository) else { return 0 };
        let number = next(&mut repository.last_number);
        let issue = Issue {
            id: next(&mut self.ids.issue),
            number,
            poster,
            title: cut_title(title),
            body: body.to_owned(),
            labels: BTreeSet::new(),
            milestone: None,
            assignees: Vec::new(),
            is_open: true,
            is_locked: false,
            is_pull: false,
            created: now,
            updated: now,
            closed: None,
            content_version: 0,
            timeline: Vec::new(),
            reactions: Vec::new(),
            is_zero: false,
        };
        repository.issues.insert(number, issue);
        number
    }

    pub(super) fn drop_issue(&mut self, repository: u64, number: u64, by: u64) {
        self.tell_of_issue(repository, number, by, "deleted", None);
        if let Some(repository) = self.repositories.get_mut(&repository) {
            repository.issues.remove(&number);
        }
        self.comments.retain(|_, place| *place != (repository, number));
    }

    /// Adds an entry to the timeline, which moves the issue's `updated_at`.
    pub(super) fn record(
        &mut self,
        repository: u64,
        number: u64,
        user: u64,
        kind: EventKind,
        body: &str,
        now: Timestamp,
    ) -> u64 {
        let id = next(&mut self.ids.event);
        let is_comment = kind == EventKind::Comment;
        let Some(issue) = self.issue_mut(repository, number) else { return id };
        issue.updated = now;
        let body = body.to_owned();
        let reactions = Vec::new();
        issue.timeline.push(Event { id, kind, user, body, created: now, updated: now, reactions });
        if is_comment {
            self.comments.insert(id, (repository, number));
        }
        id
    }

    /// Writes a comment and returns its id.
    pub(super) fn comment(
        &mut self,
        repository: u64,
        number: u64,
        by: u64,
        body: &str,
        now: Timestamp,
    ) -> u64 {
        let id = self.record(repository, number, by, EventKind::Comment, body, now);
        let news = News::Comment { number, id, action: "created", changes: None };
        self.tell(repository, None, by, &news);
        id
    }

    /// Tells hooks what happened to an issue.
    pub(super) fn tell_of_issue(
        &mut self,
        repository: u64,
        number: u64,
        by: u64,
        action: &'static str,
        changes: Option<Value>,
    ) {
        self.tell(repository, None, by, &News::Issue { number, action, changes });
    }

    /// Opens or closes; does nothing where that is so already.
    pub(super) fn set_open(
        &mut self,
        repository: u64,
        number: u64,
        is_open: bool,
        by: u64,
        now: Timestamp,
    ) {
        let Some(issue) = self.issue_mut(repository, number) else { return };
        if issue.is_open == is_open {
            return;
        }
        issue.is_open = is_open;
        issue.closed = (!is_open).then_some(now);
        if let Some(milestone) = issue.milestone {
            self.touch_milestone(repository, milestone, now);
        }
        let kind = if is_open { EventKind::Reopen } else { EventKind::Close };
        self.record(repository, number, by, kind, "", now);
        let action = if is_open { "reopened" } else { "closed" };
        self.tell_of_issue(repository, number, by, action, None);
    }

    /// Changes the title; the same title is no change.
    pub(super) fn set_title(
        &mut self,
        repository: u64,
        number: u64,
        title: &str,
        by: u64,
        now: Timestamp,
    ) {
        let Some(issue) = self.issue_mut(repository, number) else { return };
        let new = cut_title(title);
        if issue.title == new {
            return;
        }
        let old = std::mem::replace(&mut issue.title, new.clone());
        let changes = News::changes("title", &old);
        self.record(repository, number, by, EventKind::Title { old, new }, "", now);
        self.tell_of_issue(repository, number, by, "edited", changes);
    }

    /// Writes the body; the same body is an edit as well.
    pub(super) fn set_body(
        &mut self,
        repository: u64,
        number: u64,
        body: &str,
        by: u64,
        now: Timestamp,
    ) {
        let Some(issue) = self.issue_mut(repository, number) else { return };
        let old = std::mem::replace(&mut issue.body, body.to_owned());
        issue.content_version += 1;
        issue.updated = now;
        let changes = News::changes("body", &old);
        self.tell_of_issue(repository, number, by, "edited", changes);
    }

    /// Makes these the assignees.
    pub(super) fn assign(
        &mut self,
        repository: u64,
        number: u64,
        users: &[u64],
        by: u64,
        now: Timestamp,
    ) {
        let Some(issue) = self.issue_mut(repository, number) else { return };
        let mut wanted: Vec<u64> = Vec::new();
        for user in users {
            if !wanted.contains(user) {
                wanted.push(*user);
            }
        }
        let before = issue.assignees.clone();
        // One by one, the old ones first: so people are told.
        let gone = before.iter().filter(|user| !wanted.contains(user)).map(|user| (*user, false));
        let come = wanted.iter().filter(|user| !before.contains(user)).map(|user| (*user, true));
        for (user, added) in gone.chain(come) {
            let kind = EventKind::Assignee { user, added };
            let Some(issue) = self.issue_mut(repository, number) else { return };
            if added {
                issue.assignees.push(user);
            } else {
                issue.assignees.retain(|assigned| *assigned != user);
            }
            self.record(repository, number, by, kind, "", now);
            let action = if added { "assigned" } else { "unassigned" };
            self.tell_of_issue(repository, number, by, action, None);
        }
        if let Some(issue) = self.issue_mut(repository, number) {
            issue.assignees = wanted;
        }
    }

    /// Adds labels of the repository. An exclusive one takes the place of the others of its
    /// scope.
    pub(super) fn add_labels(
        &mut self,
        repository: u64,
        number: u64,
        labels: &[u64],
        by: u64,
        now: Timestamp,
    ) {
        for id in labels {
            let Some(found) = self.repositories.get(&repository) else { return };
            let (Some(label), Some(issue)) = (found.labels.get(id), found.issues.get(&number))
            else {
                continue;
            };
            if issue.labels.contains(id) {
                continue;
            }
            let rivals: Vec<u64> = issue
                .labels
                .iter()
                .filter(|other| {
                    found.labels.get(other).is_some_and(|other| {
                        label.exclusive_scope().is_some()
                            && other.exclusive_scope() == label.exclusive_scope()
                    })
                })
                .copied()
                .collect();
            self.remove_labels(repository, number, &rivals, by, now);
            self.put_label(repository, number, *id, by, now);
        }
    }

    /// Puts a label on an issue that does not have it, whatever else is there: so does
    /// Gitea when it opens an issue, even with two that exclude each other.
    pub(super) fn put_label(
        &mut self,
        repository: u64,
        number: u64,
        label: u64,
        by: u64,
        now: Timestamp,
    ) {
        let is_new =
            self.issue_mut(repository, number).is_some_and(|issue| issue.labels.insert(label));
        if is_new {
            let kind = EventKind::Label { label, added: true };
            self.record(repository, number, by, kind, "", now);
        }
    }

    /// Takes labels off.
    pub(super) fn remove_labels(
        &mut self,
        repository: u64,
        number: u64,
        labels: &[u64],
        by: u64,
        now: Timestamp,
    ) {
        for id in labels {
            let removed =
                self.issue_mut(repository, number).is_some_and(|issue| issue.labels.remove(id));
            if removed {
                let kind = EventKind::Label { label: *id, added: false };
                self.record(repository, number, by, kind, "", now);
            }
        }
    }

    pub(super) fn set_locked(
        &mut self,
        repository: u64,
        number: u64,
        is_locked: bool,
        by: u64,
        now: Timestamp,
    ) {
        let Some(issue) = self.issue_mut(repository, number) else { return };
        if issue.is_locked != is_locked {
            issue.is_locked = is_locked;
            let kind = if is_locked { EventKind::Lock } else { EventKind::Unlock };
            self.record(repository, number, by, kind, "", now);
        }
    }
}

/// A title as it is stored: trimmed, and cut with an ellipsis when it is too long.
fn cut_title(title: &str) -> String {
    let title = title.trim();
    // Gitea guesses that what is not Latin is two columns wide.
    let columns = |c: char| if u32::from(c) <= 255 { 1 } else { 2 };
    if title.chars().map(columns).sum::<usize>() <= TITLE_COLUMNS_MAX {
        return title.to_owned();
    }
    // It counts the ellipsis by its three bytes.
    let mut room = TITLE_COLUMNS_MAX - '…'.len_utf8();
    let mut cut: String = title
        .chars()
        .take_while(|c| {
            let wide = columns(*c);
            let fits = wide <= room;
            room = room.saturating_sub(wide);
            fits
        })
        .collect();
    cut.push('…');
    cut
}
