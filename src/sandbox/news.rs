//! What hooks are told: one message per hook that wants it, with what is so at that moment.

use serde::Serialize;
use serde_json::{Value, json};

use super::deliveries::Delivery;
use super::issues::Event;
use super::json::{CommentShape, Frame, IssueShape, UserShape};
use super::repository::Repository;
use super::world::World;

/// Something that happened. Numbers are those of issues.
#[derive(Debug)]
pub(super) enum News {
    /// To an issue, with what an edit changed.
    Issue {
        number: u64,
        action: &'static str,
        changes: Option<Value>,
    },
    Comment {
        number: u64,
        id: u64,
        action: &'static str,
        changes: Option<Value>,
    },
    /// A push, as a test sends one.
    Push,
}

impl News {
    /// What was so before an edit of `title` or `body`.
    pub(super) fn changes(field: &str, from: &str) -> Option<Value> {
        Some(json!({
            field: { "from": from }, "added_labels": null, "removed_labels": null,
        }))
    }

    /// The coarse and the fine name of the event.
    fn event(&self) -> (&'static str, &'static str) {
        match self {
            Self::Push => ("push", "push"),
            Self::Comment { .. } => ("issue_comment", "issue_comment"),
            Self::Issue { action, .. } => match *action {
                "assigned" | "unassigned" => ("issues", "issue_assign"),
                "label_updated" | "label_cleared" => ("issues", "issue_label"),
                "milestoned" | "demilestoned" => ("issues", "issue_milestone"),
                _ => ("issues", "issues"),
            },
        }
    }

    fn number(&self) -> Option<u64> {
        match self {
            Self::Issue { number, .. } | Self::Comment { number, .. } => Some(*number),
            Self::Push => None,
        }
    }
}

/// A message about an issue.
#[derive(Serialize)]
struct AboutIssue<'a> {
    action: &'a str,
    number: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<&'a Value>,
    issue: IssueShape<'a>,
    repository: Value,
    sender: UserShape<'a>,
    commit_id: &'static str,
}

/// A message about a comment.
#[derive(Serialize)]
struct AboutComment<'a> {
    action: &'a str,
    issue: IssueShape<'a>,
    comment: CommentShape<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<&'a Value>,
    repository: Value,
    sender: UserShape<'a>,
    is_pull: bool,
}

impl World {
    /// Queues a message for every active hook of the repository that wants it, or for this
    /// one of them. Nothing is told of pull requests.
    pub(super) fn tell(&mut self, repository: u64, only: Option<u64>, sender: u64, news: &News) {
        let Some(found) = self.repositories.get(&repository) else { return };
        let (event, fine) = news.event();
        let wanted = found
            .hooks
            .values()
            .filter(|hook| only.is_none_or(|only| hook.id == only))
            .filter(|hook| hook.is_active && hook.events.contains(fine));
        let wanted: Vec<_> = wanted.cloned().collect();
        if wanted.is_empty() {
            return;
        }
        let Some(payload) = self.payload(found, sender, news) else { return };
        for hook in wanted {
            self.send(Delivery::new(&hook, event, fine, payload.clone()));
        }
    }

    /// The message, indented as Gitea indents it.
    fn payload(&self, repository: &Repository, sender: u64, news: &News) -> Option<String> {
        let frame = Frame {
            users: &self.users,
            root: &self.root_url,
            public: &self.root_url,
            viewer: Some(sender),
            has_versions: self.has_versions,
        };
        let shape = frame.repository(repository, self.right(repository, Some(sender)));
        let by = frame.user(sender);
        let issue = match news.number() {
            Some(number) => Some(repository.issues.get(&number)?),
            None => None,
        };
        let text = match (news, issue) {
            (_, Some(issue)) if issue.is_pull => return None,
            (News::Issue { number, action, changes }, Some(issue)) => {
                serde_json::to_string_pretty(&AboutIssue {
                    action,
                    number: *number,
                    changes: changes.as_ref(),
                    issue: frame.issue(repository, issue),
                    repository: shape,
                    sender: by,
                    commit_id: "",
                })
            }
            (News::Comment { id, action, changes, .. }, Some(issue)) => {
                let comment: &Event = issue.comments().find(|comment| comment.id == *id)?;
                serde_json::to_string_pretty(&AboutComment {
                    action,
                    issue: frame.issue(repository, issue),
                    comment: frame.comment(repository, issue, comment),
                    changes: changes.as_ref(),
                    repository: shape,
                    sender: by,
                    is_pull: false,
                })
            }
            _ => serde_json::to_string_pretty(&frame.push(repository, &shape, sender)),
        };
        text.ok()
    }
}

impl Frame<'_> {
    /// A push of one commit to the default branch. Its id is made up.
    fn push(&self, repository: &Repository, shape: &Value, sender: u64) -> Value {
        let id = format!("{:040x}", repository.id);
        let page = shape["html_url"].as_str().unwrap_or_default();
        let user = json!(self.user(sender));
        let author = json!(self.user_with_address(sender));
        let person = json!({
            "name": author["login"], "email": author["email"], "username": author["login"],
        });
        let commit = json!({
            "id": id,
            "message": "Initial commit\n",
            "url": format!("{page}/commit/{id}"),
            "author": person,
            "committer": person,
            "verification": {
                "verified": false, "reason": "gpg.error.not_signed_commit", "signature": "",
                "signer": null, "payload": "",
            },
            "timestamp": repository.created,
            "added": null, "removed": null, "modified": null,
        });
        json!({
            "ref": "refs/heads/main",
            "before": id,
            "after": id,
            "compare_url": format!("{page}/compare/{id}...{id}"),
            "commits": [commit],
            "total_commits": 1,
            "head_commit": commit,
            "repository": shape,
            "pusher": user,
            "sender": user,
        })
    }
}
