//! Issues, and the calls that open, read, edit and delete one.

use std::collections::BTreeSet;

use http::StatusCode;
use jiff::Timestamp;

use super::body::Fields;
use super::call::Call;
use super::message::Response;
use super::refusal::Refusal;
use super::repository::Right;
use super::world::World;

/// An issue or a pull request; both share their numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Issue {
    /// Unique on the whole server.
    pub id: u64,
    /// Unique in the repository, and never used again.
    pub number: u64,
    pub poster: u64,
    pub title: String,
    pub body: String,
    /// Ids of labels of the repository.
    pub labels: BTreeSet<u64>,
    /// The id of a milestone of the repository.
    pub milestone: Option<u64>,
    /// Ids of users, in the order of their assignment.
    pub assignees: Vec<u64>,
    pub is_open: bool,
    pub is_locked: bool,
    pub is_pull: bool,
    pub created: Timestamp,
    pub updated: Timestamp,
    pub closed: Option<Timestamp>,
    /// Counts the edits of the body.
    pub content_version: i64,
    /// Comments and what else happened, the oldest first.
    pub timeline: Vec<Event>,
    pub reactions: Vec<Reaction>,
    /// Whether lists show an empty object in its place.
    pub is_zero: bool,
}

/// An entry of a timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// Unique on the whole server, among comments and all other events.
    pub id: u64,
    pub kind: EventKind,
    pub user: u64,
    /// The text of a comment; empty for everything else.
    pub body: String,
    pub created: Timestamp,
    pub updated: Timestamp,
    pub reactions: Vec<Reaction>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    Comment,
    Close,
    Reopen,
    Title { old: String, new: String },
    Label { label: u64, added: bool },
    Assignee { user: u64, added: bool },
    Milestone { old: Option<u64>, new: Option<u64> },
    Lock,
    Unlock,
}

impl EventKind {
    /// The type, as the timeline calls it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Comment => "comment",
            Self::Close => "close",
            Self::Reopen => "reopen",
            Self::Title { .. } => "change_title",
            Self::Label { .. } => "label",
            Self::Assignee { .. } => "assignees",
            Self::Milestone { .. } => "milestone",
            Self::Lock => "lock",
            Self::Unlock => "unlock",
        }
    }
}

/// A reaction to an issue or comment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reaction {
    pub user: u64,
    pub content: String,
    pub created: Timestamp,
}

impl Issue {
    /// The comments, the oldest first.
    pub fn comments(&self) -> impl Iterator<Item = &Event> {
        self.timeline.iter().filter(|event| event.kind == EventKind::Comment)
    }
}

impl World {
    /// `POST .../issues`
    pub(super) fn create_issue(&mut self, call: &Call<'_>) -> Result<Response, Refusal> {
        let fields = Fields::of(call.request, "CreateIssueOption")?;
        let title = fields.text("title")?.unwrap_or_default();
        let body = fields.text("body")?.unwrap_or_default();
        let labels = fields.integers("labels")?;
        let logins = assignees(&fields)?.unwrap_or_default();
        let milestone = fields.integer("milestone")?;
        let closed = fields.flag("closed")?;
        if title.is_empty() {
            return Err(Refusal::unprocessable("[Title]: Required"));
        }
        let viewer = call.viewer()?;
        let repository = self.repository_of(call)?;
        // An administrator passes although issues are off.
        if !repository.has_issues && self.right_of(call)? != Some(Right::Admin) {
            return Err(Refusal::forbidden(
                "user should have specific read permission or be a repo admin or a site admin",
            ));
        }
        let may_write = self.may_write(call)?;
        let mut assigned = Vec::new();
        if may_write {
            for login in logins {
                let user = self.user_by_login(login).ok_or_else(|| {
                    Refusal::unprocessable(format!(
                        "Assignee does not exist: [name: {}]",
                        no_such_user(login)
                    ))
                })?;
                if self.right(repository, Some(user.id)).is_none() {
                    return Err(Refusal::unprocessable(format!(
                        "user doesn't have access to repo [user_id: {}, repo_name: {}]",
                        user.id, repository.name
                    )));
                }
                assigned.push(user.id);
            }
        }
        let labels: Vec<u64> = labels
            .into_iter()
            .filter_map(|id| u64::try_from(id).ok())
            .filter(|id| may_write && repository.labels.contains_key(id))
            .collect();
        // One that is unknown is left out without a word.
        let milestone = milestone
            .and_then(|id| u64::try_from(id).ok())
            .filter(|id| may_write && repository.milestones.contains_key(id));
        let (repository, has_labels) = (repository.id, !labels.is_empty());
        let number = self.open_issue(repository, viewer, title, body, call.now);
        // It is there from the start, and is told last.
        self.put_milestone(repository, number, milestone, call.now);
        for label in labels {
            self.put_label(repository, number, label, viewer, call.now);
        }
        self.assign(repository, number, &assigned, viewer, call.now);
        self.tell_of_issue(repository, number, viewer, "opened", None);
        if has_labels {
            self.tell_of_issue(repository, number, viewer, "label_updated", None);
        }
        self.tell_of_milestone(repository, number, None, viewer, call.now);
        if closed {
            self.set_open(repository, number, false, viewer, call.now);
        }
        self.issue_response(call, StatusCode::CREATED, number)
    }

    /// `GET .../issues/{number}`
    pub(super) fn get_issue(&self, call: &Call<'_>) -> Result<Response, Refusal> {
        let issue = self.issue_of(call)?;
        if !self.repository_of(call)?.has_unit(issue) {
            return Err(Refusal::not_found());
        }
        self.issue_response(call, StatusCode::OK, issue.number)
    }

    /// `PATCH .../issues/{number}`. What is written is written one by one; what fails late
    /// leaves the earlier parts done.
    pub(super) fn edit_issue(&mut self, call: &Call<'_>) -> Result<Response, Refusal> {
        let fields = Fields::of(call.request, "EditIssueOption")?;
        let title = fields.text("title")?;
        let body = fields.text("body")?;
        let state = fields.text("state")?;
        let version = fields.integer("content_version")?;
        let milestone = fields.integer("milestone")?;
        let logins = assignees(&fields)?;
        let viewer = call.viewer()?;
        let repository = call.repository()?;
        let issue = self.issue_of(call)?;
        let number = issue.number;
        let may_write = self.may_write(call)?;
        if issue.poster != viewer && !may_write {
            return Err(Refusal::Bare(StatusCode::FORBIDDEN));
        }
        let version = version.filter(|_| self.has_versions);
        if version.is_some_and(|version| version != issue.content_version) {
            let message = "the issue is already changed".to_owned();
            return Err(Refusal::Said(StatusCode::CONFLICT, message));
        }
        if let Some(title) = title.filter(|title| !title.is_empty()) {
            self.set_title(repository, number, title, viewer, call.now);
        }
        if let Some(body) = body {
            self.set_body(repository, number, body, viewer, call.now);
        }
        if let Some(logins) = logins.filter(|_| may_write) {
            let mut assigned = Vec::new();
            for login in logins {
                let user = self.user_by_login(login);
                let user = user.ok_or_else(|| Refusal::Broken(no_such_user(login)))?;
                assigned.push(user.id);
            }
            self.assign(repository, number, &assigned, viewer, call.now);
        }
        if let Some(id) = milestone.filter(|_| may_write) {
            let known = &self.repository_of(call)?.milestones;
            let milestone = match u64::try_from(id).ok() {
                Some(0) => None,
                Some(known_id) if known.contains_key(&known_id) => Some(known_id),
                _ => {
                    return Err(Refusal::Broken(format!(
                        "milestone does not exist [id: {id}, repo_id: {repository}]"
                    )));
                }
            };
            self.set_milestone(repository, number, milestone, viewer, call.now);
        }
        match state {
            None => {}
            Some(wanted @ ("open" | "closed")) => {
                self.set_open(repository, number, wanted == "open", viewer, call.now);
            }
            Some(other) => {
                let message = format!("unknown state: {other}");
                return Err(Refusal::Said(StatusCode::PRECONDITION_FAILED, message));
            }
        }
        self.issue_response(call, StatusCode::CREATED, number)
    }

    /// `DELETE .../issues/{number}`
    pub(super) fn remove_issue(&mut self, call: &Call<'_>) -> Result<Response, Refusal> {
        self.must_administer(call)?;
        let (repository, number) = (call.repository()?, call.number()?);
        let issue = self.repository_of(call)?.issues.get(&number);
        issue.ok_or_else(|| Refusal::NotFound {
            message: "not found",
            error: Some(no_such_issue(repository, number)),
        })?;
        self.drop_issue(repository, number, call.viewer()?);
        Ok(Response::empty(StatusCode::NO_CONTENT))
    }

    fn issue_response(
        &self,
        call: &Call<'_>,
        status: StatusCode,
        number: u64,
    ) -> Result<Response, Refusal> {
        let repository = self.repository_of(call)?;
        let issue = repository.issues.get(&number).ok_or_else(Refusal::not_found)?;
        Ok(Response::of(status, &self.frame(call).issue(repository, issue)))
    }
}

/// The logins to assign: the list, or the older single field; an empty text is nobody.
fn assignees(fields: &Fields) -> Result<Option<Vec<&str>>, Refusal> {
    let one = fields.text("assignee")?;
    let listed = fields.texts("assignees")?;
    let logins = listed.or_else(|| one.map(|login| vec![login]));
    Ok(logins.map(|logins| logins.into_iter().filter(|login| !login.is_empty()).collect()))
}

/// What Gitea's errors call an issue that is not there.
pub(super) fn no_such_issue(repository: u64, number: u64) -> String {
    format!("issue does not exist [id: 0, repo_id: {repository}, index: {number}]")
}

fn no_such_user(login: &str) -> String {
    format!("user does not exist [uid: 0, name: {login}]")
}
