//! The shapes of answers: every key that Gitea 1.26.3 sends, in its order.
//!
//! Knows the model's nouns and two addresses: API `url`s are built from the server's own
//! idea of its address, links for people from the one that the caller used.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::issues::{Event, Issue, Reaction};
use super::labels::Label;
use super::milestones::MilestoneShape;
use super::repository::Repository;
use super::user::User;

/// How the language Gitea is written in prints a time that was never set.
pub(super) const NEVER: &str = "0001-01-01T00:00:00Z";
/// How Gitea prints a time that is zero in its database.
pub(super) const EPOCH: &str = "1970-01-01T00:00:00Z";

/// What a shape needs to know besides its noun.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'a> {
    pub(super) users: &'a BTreeMap<u64, User>,
    pub(super) root: &'a str,
    pub(super) public: &'a str,
    pub(super) viewer: Option<u64>,
    pub(super) has_versions: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct UserShape<'a> {
    id: i64,
    login: &'a str,
    login_name: &'static str,
    source_id: u64,
    full_name: &'static str,
    email: String,
    avatar_url: String,
    html_url: String,
    language: &'static str,
    is_admin: bool,
    last_login: &'static str,
    created: Timestamp,
    restricted: bool,
    active: bool,
    prohibit_login: bool,
    location: &'static str,
    website: &'static str,
    description: &'static str,
    visibility: &'static str,
    followers_count: u64,
    following_count: u64,
    starred_repos_count: u64,
    username: &'a str,
}

#[derive(Debug, Serialize)]
pub(super) struct LabelShape<'a> {
    id: u64,
    name: &'a str,
    exclusive: bool,
    is_archived: bool,
    color: &'a str,
    description: &'a str,
    url: String,
}

#[derive(Debug, Serialize)]
pub(super) struct IssueShape<'a> {
    id: u64,
    url: String,
    html_url: String,
    number: u64,
    user: UserShape<'a>,
    original_author: &'static str,
    original_author_id: u64,
    title: &'a str,
    body: &'a str,
    r#ref: &'static str,
    assets: [(); 0],
    labels: Vec<LabelShape<'a>>,
    milestone: Option<MilestoneShape<'a>>,
    assignee: Option<UserShape<'a>>,
    /// `null` when nobody is assigned.
    assignees: Option<Vec<UserShape<'a>>>,
    state: &'static str,
    is_locked: bool,
    comments: usize,
    created_at: Timestamp,
    updated_at: Timestamp,
    closed_at: Option<Timestamp>,
    due_date: Option<Timestamp>,
    time_estimate: u64,
    pull_request: Option<Value>,
    repository: RepositoryMeta<'a>,
    pin_order: u64,
    /// Not there before 1.26.
    #[serde(skip_serializing_if = "Option::is_none")]
    content_version: Option<i64>,
}

#[derive(Debug, Serialize)]
struct RepositoryMeta<'a> {
    id: u64,
    name: &'a str,
    owner: &'a str,
    full_name: String,
}

/// An issue of a list, or what Gitea puts there when it could not load its parts.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum IssueItem<'a> {
    Whole(Box<IssueShape<'a>>),
    Zero(Value),
}

#[derive(Debug, Serialize)]
pub(super) struct CommentShape<'a> {
    id: u64,
    html_url: String,
    pull_request_url: String,
    /// The page for people, not the API; empty for a pull request.
    issue_url: String,
    /// Missing where Gitea forgets to look it up.
    pub(super) user: Option<UserShape<'a>>,
    original_author: &'static str,
    original_author_id: u64,
    body: &'a str,
    assets: [(); 0],
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Debug, Serialize)]
pub(super) struct ReactionShape<'a> {
    user: UserShape<'a>,
    content: &'a str,
    created_at: Timestamp,
}

impl<'a> Frame<'a> {
    /// As Gitea shows a user where it does not look who asks: with a placeholder for the
    /// address, and inactive.
    pub(super) fn user(&self, id: u64) -> UserShape<'a> {
        let Some(user) = self.users.get(&id) else { return self.ghost() };
        let address = format!("{}+{}@noreply.gitea.sandbox.invalid", user.id, user.login);
        let id = i64::try_from(user.id).unwrap_or(i64::MAX);
        self.shape(id, &user.login, user.created, address)
    }

    /// As users see themselves, and as administrators of the site see everybody.
    pub(super) fn own_user(&self, id: u64) -> UserShape<'a> {
        let mut shape = self.user_with_address(id);
        if let Some(user) = self.users.get(&id) {
            shape.is_admin = user.is_admin;
            shape.last_login = EPOCH;
            shape.active = true;
        }
        shape
    }

    /// As anybody who is signed in sees a user, and everybody the owner of a repository.
    pub(super) fn user_with_address(&self, id: u64) -> UserShape<'a> {
        let mut shape = self.user(id);
        if let Some(user) = self.users.get(&id) {
            shape.email = format!("{}@gitea.sandbox.invalid", user.login);
        }
        shape
    }

    /// What the one who asks may see.
    pub(super) fn user_for_viewer(&self, id: u64) -> UserShape<'a> {
        let Some(viewer) = self.viewer else { return self.user(id) };
        let sees_all =
            viewer == id || self.users.get(&viewer).is_some_and(|viewer| viewer.is_admin);
        if sees_all { self.own_user(id) } else { self.user_with_address(id) }
    }

    /// Who stands for users that are gone.
    fn ghost(&self) -> UserShape<'a> {
        self.shape(-1, "Ghost", Timestamp::UNIX_EPOCH, String::new())
    }

    fn shape(&self, id: i64, login: &'a str, created: Timestamp, email: String) -> UserShape<'a> {
        UserShape {
            id,
            login,
            login_name: "",
            source_id: 0,
            full_name: "",
            email,
            avatar_url: format!("{}/avatars/{id:032x}", self.public),
            html_url: format!("{}/{login}", self.public),
            language: "",
            is_admin: false,
            last_login: NEVER,
            created,
            restricted: false,
            active: false,
            prohibit_login: false,
            location: "",
            website: "",
            description: "",
            visibility: "public",
            followers_count: 0,
            following_count: 0,
            starred_repos_count: 0,
            username: login,
        }
    }

    pub(super) fn owner(&self, repository: &Repository) -> &'a str {
        self.users.get(&repository.owner).map_or("", |owner| owner.login.as_str())
    }

    pub(super) fn label(&self, repository: &Repository, label: &'a Label) -> LabelShape<'a> {
        LabelShape {
            id: label.id,
            name: &label.name,
            exclusive: label.exclusive,
            is_archived: label.is_archived,
            color: &label.color,
            description: &label.description,
            url: format!(
                "{}/api/v1/repos/{}/{}/labels/{}",
                self.root,
                self.owner(repository),
                repository.name,
                label.id
            ),
        }
    }

    /// The labels of an issue, by name.
    pub(super) fn labels(&self, repository: &'a Repository, issue: &Issue) -> Vec<LabelShape<'a>> {
        let mut labels: Vec<&Label> =
            issue.labels.iter().filter_map(|id| repository.labels.get(id)).collect();
        labels.sort_by(|a, b| a.name.cmp(&b.name));
        labels.into_iter().map(|label| self.label(repository, label)).collect()
    }

    /// The page of an issue for people.
    pub(super) fn page_of(&self, repository: &Repository, issue: &Issue) -> String {
        let part = if issue.is_pull { "pulls" } else { "issues" };
        let (owner, name) = (self.owner(repository), &repository.name);
        format!("{}/{owner}/{name}/{part}/{}", self.public, issue.number)
    }

    pub(super) fn issue(&self, repository: &'a Repository, issue: &'a Issue) -> IssueShape<'a> {
        let (owner, name) = (self.owner(repository), &repository.name);
        let html_url = self.page_of(repository, issue);
        let assignees: Vec<_> = issue.assignees.iter().map(|id| self.user(*id)).collect();
        IssueShape {
            id: issue.id,
            url: format!("{}/api/v1/repos/{owner}/{name}/issues/{}", self.root, issue.number),
            number: issue.number,
            user: self.user_for_viewer(issue.poster),
            original_author: "",
            original_author_id: 0,
            title: &issue.title,
            body: &issue.body,
            r#ref: "",
            assets: [],
            labels: self.labels(repository, issue),
            milestone: self.milestone(repository, issue.milestone),
            assignee: issue.assignees.first().map(|id| self.user(*id)),
            assignees: (!assignees.is_empty()).then_some(assignees),
            state: if issue.is_open { "open" } else { "closed" },
            is_locked: issue.is_locked,
            comments: issue.comments().count(),
            created_at: issue.created,
            updated_at: issue.updated,
            closed_at: issue.closed,
            due_date: None,
            time_estimate: 0,
            pull_request: issue.is_pull.then(|| {
                json!({
                    "merged": false, "merged_at": null, "draft": false, "html_url": html_url,
                })
            }),
            html_url,
            repository: RepositoryMeta {
                id: repository.id,
                name,
                owner,
                full_name: format!("{owner}/{name}"),
            },
            pin_order: 0,
            content_version: self.has_versions.then_some(issue.content_version),
        }
    }

    pub(super) fn item(&self, repository: &'a Repository, issue: &'a Issue) -> IssueItem<'a> {
        if issue.is_zero {
            IssueItem::Zero(zero_issue())
        } else {
            IssueItem::Whole(Box::new(self.issue(repository, issue)))
        }
    }

    pub(super) fn comment(
        &self,
        repository: &Repository,
        issue: &Issue,
        comment: &'a Event,
    ) -> CommentShape<'a> {
        let page = self.page_of(repository, issue);
        CommentShape {
            id: comment.id,
            html_url: format!("{page}#issuecomment-{}", comment.id),
            pull_request_url: if issue.is_pull { page.clone() } else { String::new() },
            issue_url: if issue.is_pull { String::new() } else { page },
            user: Some(self.user(comment.user)),
            original_author: "",
            original_author_id: 0,
            body: &comment.body,
            assets: [],
            created_at: comment.created,
            updated_at: comment.updated,
        }
    }

    pub(super) fn reaction(&self, reaction: &'a Reaction) -> ReactionShape<'a> {
        ReactionShape {
            user: self.user_for_viewer(reaction.user),
            content: &reaction.content,
            created_at: reaction.created,
        }
    }
}

/// An issue of which nothing could be loaded.
fn zero_issue() -> Value {
    json!({
        "id": 0, "url": "", "html_url": "", "number": 0, "user": null, "original_author": "",
        "original_author_id": 0, "title": "", "body": "", "ref": "", "assets": null,
        "labels": null, "milestone": null, "assignee": null, "assignees": null, "state": "",
        "is_locked": false, "comments": 0, "created_at": NEVER, "updated_at": NEVER,
        "closed_at": null, "due_date": null, "time_estimate": 0, "pull_request": null,
        "repository": null, "pin_order": 0, "content_version": 0,
    })
}
