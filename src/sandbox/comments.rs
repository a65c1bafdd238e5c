//! Comments.

use http::StatusCode;

use super::body::Fields;
use super::call::Call;
use super::issues::{Event, EventKind, Issue, no_such_issue};
use super::lists::{Window, list};
use super::message::Response;
use super::news::News;
use super::refusal::Refusal;
use super::world::World;

impl World {
    /// `POST .../issues/{number}/comments`
    pub(super) fn create_comment(&mut self, call: &Call<'_>) -> Result<Response, Refusal> {
        let body = text(call, "CreateIssueCommentOption")?;
        let viewer = call.viewer()?;
        let issue = self.commented_issue(call)?;
        let number = issue.number;
        if issue.is_locked && !self.may_write(call)? {
            return Err(Refusal::forbidden("You cannot comment on a locked issue."));
        }
        let repository = call.repository()?;
        let id = self.comment(repository, number, viewer, &body, call.now);
        self.comment_response(call, StatusCode::CREATED, id)
    }

    /// `GET .../issues/{number}/comments`: all of them, the oldest first, never in pages.
    pub(super) fn list_comments(&self, call: &Call<'_>) -> Result<Response, Refusal> {
        let window = Window::of(call.request)?;
        let repository = self.repository_of(call)?;
        let issue = self.commented_issue(call)?;
        let frame = self.frame(call);
        let shapes: Vec<_> = issue
            .comments()
            .filter(|comment| window.holds(comment.updated))
            .map(|comment| frame.comment(repository, issue, comment))
            .collect();
        Ok(list(&shapes, shapes.len()))
    }

    /// `GET .../issues/comments`: those of the whole repository, the oldest first, in pages.
    pub(super) fn list_repository_comments(&self, call: &Call<'_>) -> Result<Response, Refusal> {
        let window = Window::of(call.request)?;
        let repository = self.repository_of(call)?;
        let found: Vec<(&Issue, &Event)> = self
            .comments
            .iter()
            .filter(|(_, (id, _))| *id == repository.id)
            .filter_map(|(id, (_, number))| {
                let issue = repository.issues.get(number)?;
                Some((issue, event(issue, *id)?))
            })
            .filter(|(_, comment)| window.holds(comment.updated))
            .collect();
        let total = found.len();
        let frame = self.frame(call);
        let shapes: Vec<_> = self
            .page(call.request)
            .cut(found.into_iter())
            .into_iter()
            .map(|(issue, comment)| frame.comment(repository, issue, comment))
            .collect();
        Ok(list(&shapes, total))
    }

    /// `GET .../issues/comments/{id}`; nothing is said of an event that is no comment.
    pub(super) fn get_comment(&self, call: &Call<'_>) -> Result<Response, Refusal> {
        let (issue, event) = self.event_of(call)?;
        if !self.repository_of(call)?.has_unit(issue) {
            return Err(Refusal::not_found());
        }
        if event.kind != EventKind::Comment {
            return Ok(Response::empty(StatusCode::NO_CONTENT));
        }
        self.comment_response(call, StatusCode::OK, event.id)
    }

    /// `PATCH .../issues/comments/{id}`; the same text is no change, and answered without
    /// whose it is. Nothing happens to an event that is no comment.
    pub(super) fn edit_comment(&mut self, call: &Call<'_>) -> Result<Response, Refusal> {
        let body = text(call, "EditIssueCommentOption")?;
        let (issue, comment) = self.editable_event(call)?;
        let (number, id) = (issue.number, comment.id);
        if comment.kind != EventKind::Comment {
            return Ok(Response::empty(StatusCode::NO_CONTENT));
        }
        if comment.body == body {
            let mut shape = self.frame(call).comment(self.repository_of(call)?, issue, comment);
            shape.user = None;
            return Ok(Response::of(StatusCode::OK, &shape));
        }
        if let Some(issue) = self.issue_mut(call.repository()?, number)
            && let Some(comment) = issue.timeline.iter_mut().find(|event| event.id == id)
        {
            let changes = News::changes("body", &std::mem::replace(&mut comment.body, body));
            comment.updated = call.now;
            let news = News::Comment { number, id, action: "edited", changes };
            self.tell(call.repository()?, None, call.viewer()?, &news);
        }
        self.comment_response(call, StatusCode::OK, id)
    }

    /// `DELETE .../issues/comments/{id}`; an event that is no comment goes as well.
    pub(super) fn remove_comment(&mut self, call: &Call<'_>) -> Result<Response, Refusal> {
        let (issue, event) = self.editable_event(call)?;
        let (number, id) = (issue.number, event.id);
        let news = News::Comment { number, id, action: "deleted", changes: None };
        self.tell(call.repository()?, None, call.viewer()?, &news);
        self.comments.remove(&id);
        if let Some(issue) = self.issue_mut(call.repository()?, number) {
            issue.timeline.retain(|event| event.id != id);
        }
        Ok(Response::empty(StatusCode::NO_CONTENT))
    }

    /// The issue in the path. A missing one is an error of the server, in every Gitea so
    /// far; one whose unit is off is not found.
    pub(super) fn commented_issue(&self, call: &Call<'_>) -> Result<&Issue, Refusal> {
        let repository = self.repository_of(call)?;
        let number = call.number()?;
        let issue = repository.issues.get(&number);
        let issue = issue.ok_or_else(|| Refusal::Broken(no_such_issue(repository.id, number)))?;
        if repository.has_unit(issue) { Ok(issue) } else { Err(Refusal::not_found()) }
    }

    /// The comment in the path, or the other event of this id, and its issue.
    pub(super) fn event_of(&self, call: &Call<'_>) -> Result<(&Issue, &Event), Refusal> {
        self.event_by_id(call, call.number()?)
    }

    fn event_by_id(&self, call: &Call<'_>, id: u64) -> Result<(&Issue, &Event), Refusal> {
        let place = self.comments.get(&id).copied().or_else(|| self.place_of(id));
        let (of, number) = place.ok_or_else(|| Refusal::NotFound {
            message: "not found",
            error: Some(format!("comment does not exist [id: {id}, issue_id: 0]")),
        })?;
        let repository = self.repository_of(call)?;
        let issue = repository.issues.get(&number).filter(|_| of == repository.id);
        let found = issue.and_then(|issue| Some((issue, event(issue, id)?)));
        // Of another repository: no word about it.
        found.ok_or(Refusal::Bare(StatusCode::NOT_FOUND))
    }

    /// Repository and number of the issue that has this event.
    fn place_of(&self, id: u64) -> Option<(u64, u64)> {
        self.repositories.values().find_map(|repository| {
            let issue = repository.issues.values().find(|issue| event(issue, id).is_some())?;
            Some((repository.id, issue.number))
        })
    }

    fn editable_event(&self, call: &Call<'_>) -> Result<(&Issue, &Event), Refusal> {
        let found = self.event_of(call)?;
        if found.1.user == call.viewer()? || self.may_write(call)? {
            Ok(found)
        } else {
            Err(Refusal::Bare(StatusCode::FORBIDDEN))
        }
    }

    fn comment_response(
        &self,
        call: &Call<'_>,
        status: StatusCode,
        id: u64,
    ) -> Result<Response, Refusal> {
        let (issue, comment) = self.event_by_id(call, id)?;
        let shape = self.frame(call).comment(self.repository_of(call)?, issue, comment);
        Ok(Response::of(status, &shape))
    }
}

fn event(issue: &Issue, id: u64) -> Option<&Event> {
    let at = issue.timeline.binary_search_by_key(&id, |event| event.id).ok()?;
    issue.timeline.get(at)
}

/// The text that a comment is to have; blanks are text enough.
fn text(call: &Call<'_>, kind: &'static str) -> Result<String, Refusal> {
    let fields = Fields::of(call.request, kind)?;
    match fields.text("body")? {
        Some(body) if !body.is_empty() => Ok(body.to_owned()),
        _ => Err(Refusal::unprocessable("[Body]: Required")),
    }
}
