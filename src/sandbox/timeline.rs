//! Timelines: everything that happened to an issue.

use serde_json::{Value, json};

use super::call::Call;
use super::issues::{Event, EventKind, Issue};
use super::json::Frame;
use super::lists::{Window, list};
use super::message::Response;
use super::refusal::Refusal;
use super::repository::Repository;
use super::world::World;

impl World {
    /// `GET .../issues/{number}/timeline`: in pages. The total is that of the page, and past
    /// the end there is `null` instead of a list.
    pub(super) fn list_timeline(&self, call: &Call<'_>) -> Result<Response, Refusal> {
        let window = Window::of(call.request)?;
        let repository = self.repository_of(call)?;
        let issue = self.commented_issue(call)?;
        let frame = self.frame(call);
        let found = issue.timeline.iter().filter(|event| window.holds(event.updated));
        let shapes: Vec<_> = self
            .page(call.request)
            .cut(found)
            .into_iter()
            .map(|event| frame.event(repository, issue, event))
            .collect();
        let total = shapes.len();
        let mut response = list(&shapes, total);
        if total == 0 {
            response.body = b"null".to_vec();
        }
        Ok(response)
    }
}

impl<'a> Frame<'a> {
    /// An entry of a timeline.
    fn event(&self, repository: &'a Repository, issue: &Issue, event: &'a Event) -> Value {
        let page = self.page_of(repository, issue);
        let (mut old_title, mut new_title) = ("", "");
        let (mut label, mut assignee, mut removed, mut body) = (None, None, false, "");
        let (mut old_milestone, mut milestone) = (None, None);
        match &event.kind {
            EventKind::Comment | EventKind::Close | EventKind::Reopen => body = &event.body,
            EventKind::Lock | EventKind::Unlock => {}
            EventKind::Title { old, new } => (old_title, new_title) = (old, new),
            // Gitea tells an added label by the body `1`, a removed one by none.
            EventKind::Label { label: id, added } => {
                label = repository.labels.get(id).map(|label| self.label(repository, label));
                body = if *added { "1" } else { "" };
            }
            EventKind::Assignee { user, added } => {
                assignee = Some(self.user(*user));
                removed = !added;
            }
            EventKind::Milestone { old, new } => {
                old_milestone = self.milestone(repository, *old);
                milestone = self.milestone(repository, *new);
            }
        }
        json!({
            "id": event.id,
            "type": event.kind.name(),
            "html_url": format!("{page}#issuecomment-{}", event.id),
            "pull_request_url": if issue.is_pull { page.as_str() } else { "" },
            "issue_url": if issue.is_pull { "" } else { page.as_str() },
            "user": self.user(event.user),
            "body": body,
            "created_at": event.created,
            "updated_at": event.updated,
            "old_project_id": 0, "project_id": 0, "old_milestone": old_milestone,
            "milestone": milestone,
            "tracked_time": null, "old_title": old_title, "new_title": new_title,
            "old_ref": "", "new_ref": "", "ref_issue": null, "ref_comment": null,
            "ref_action": "none", "ref_commit_sha": "", "review_id": 0, "label": label,
            "assignee": assignee, "assignee_team": null, "removed_assignee": removed,
            "resolve_doer": null, "dependent_issue": null,
        })
    }
}
