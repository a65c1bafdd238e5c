//! Labels of a repository, and those on an issue.

use http::{Method, StatusCode};
use serde_json::Value;

use super::body::Fields;
use super::call::Call;
use super::lists::list;
use super::message::Response;
use super::refusal::Refusal;
use super::repository::{Repository, Right};
use super::route::Route;
use super::world::{World, next};

/// A label. Names are not unique.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Label {
    /// Unique on the whole server.
    pub id: u64,
    pub name: String,
    /// Six hexadecimal digits in lower case.
    pub color: String,
    pub description: String,
    pub exclusive: bool,
    pub is_archived: bool,
}

impl Label {
    /// The part before the last slash, of which an issue has one label at most.
    pub(super) fn exclusive_scope(&self) -> Option<&str> {
        let (scope, _) = self.name.rsplit_once('/')?;
        self.exclusive.then_some(scope)
    }
}

impl World {
    /// Makes a label and returns its id; 0 where there is no such repository.
    pub(super) fn insert_label(&mut self, repository: u64, label: Label) -> u64 {
        let Some(repository) = self.repositories.get_mut(&repository) else { return 0 };
        let id = next(&mut self.ids.label);
        repository.labels.insert(id, Label { id, ..label });
        id
    }

    /// `GET .../labels`: by name.
    pub(super) fn list_labels(&self, call: &Call<'_>) -> Result<Response, Refusal> {
        let repository = self.repository_of(call)?;
        let mut labels: Vec<&Label> = repository.labels.values().collect();
        labels.sort_by(|a, b| a.name.cmp(&b.name));
        let total = labels.len();
        let frame = self.frame(call);
        let shapes: Vec<_> = self
            .page(call.request)
            .cut(labels.into_iter())
            .into_iter()
            .map(|label| frame.label(repository, label))
            .collect();
        Ok(list(&shapes, total))
    }

    /// `GET .../labels/{id or name}`: what is not a number is a name.
    pub(super) fn get_label(&self, call: &Call<'_>) -> Result<Response, Refusal> {
        let repository = self.repository_of(call)?;
        let label = match call.place.subject.parse() {
            Ok(id) => repository.labels.get(&id),
            Err(_) => repository.labels.values().find(|label| label.name == call.place.subject),
        };
        let label = label.ok_or_else(Refusal::not_found)?;
        Ok(Response::of(StatusCode::OK, &self.frame(call).label(repository, label)))
    }

    /// `POST .../labels`: a second label of the same name is welcome.
    pub(super) fn create_label(&mut self, call: &Call<'_>) -> Result<Response, Refusal> {
        let repository = self.repository_of(call)?;
        let has_unit = repository.has_issues || repository.has_pulls;
        // Labels belong to pull requests as well, and administrators always pass.
        let may_write = match self.right_of(call)? {
            Some(Right::Admin) => true,
            right => has_unit && right == Some(Right::Write),
        };
        if !may_write {
            return Err(Refusal::forbidden("user should have a permission to write to a repo"));
        }
        let fields = Fields::of(call.request, "CreateLabelOption")?;
        let name = fields.text("name")?.unwrap_or_default();
        let color = fields.text("color")?.unwrap_or_default();
        if name.is_empty() {
            return Err(Refusal::unprocessable("[Name]: Required"));
        }
        if color.is_empty() {
            return Err(Refusal::unprocessable("[Color]: Required"));
        }
        let label = Label {
            id: 0,
            name: name.to_owned(),
            color: normal_color(color)
                .map_err(|color| Refusal::unprocessable(format!("invalid color: {color}")))?,
            description: fields.text("description")?.unwrap_or_default().to_owned(),
            exclusive: fields.flag("exclusive")?,
            is_archived: fields.flag("is_archived")?,
        };
        let id = self.insert_label(call.repository()?, label);
        let repository = self.repository_of(call)?;
        let label = repository.labels.get(&id).ok_or_else(Refusal::not_found)?;
        Ok(Response::of(StatusCode::CREATED, &self.frame(call).label(repository, label)))
    }

    /// `GET .../issues/{number}/labels`
    pub(super) fn list_issue_labels(&self, call: &Call<'_>) -> Result<Response, Refusal> {
        let issue = self.issue_of(call)?;
        let labels = self.frame(call).labels(self.repository_of(call)?, issue);
        Ok(Response::of(StatusCode::OK, &labels))
    }

    /// `POST`, `PUT` and `DELETE .../issues/{number}/labels`, and `DELETE` of one of them.
    pub(super) fn change_issue_labels(&mut self, call: &Call<'_>) -> Result<Response, Refusal> {
        let issue = self.issue_of(call)?;
        let (number, before) = (issue.number, issue.labels.clone());
        if !self.may_write(call)? {
            return Err(Refusal::forbidden("write permission is required"));
        }
        let (repository, viewer, now) = (call.repository()?, call.viewer()?, call.now);
        let all: Vec<u64> = before.iter().copied().collect();
        let found = self.repository_of(call)?;
        match (call.place.route, &call.request.method) {
            (Route::IssueLabel, _) => {
                let id = call.place.object.parse().ok();
                let id = id
                    .filter(|id| found.labels.contains_key(id))
                    .ok_or_else(|| Refusal::unprocessable("label does not exist [label_id: 0]"))?;
                self.remove_labels(repository, number, &[id], viewer, now);
            }
            (_, &Method::DELETE) => {
                // Told with the labels still on it.
                self.tell_of_issue(repository, number, viewer, "label_cleared", None);
                self.remove_labels(repository, number, &all, viewer, now);
                return Ok(Response::empty(StatusCode::NO_CONTENT));
            }
            (_, &Method::PUT) => {
                let wanted = named(call, found)?;
                let gone: Vec<u64> = all.into_iter().filter(|id| !wanted.contains(id)).collect();
                // In this order, as the timeline shows.
                self.add_labels(repository, number, &wanted, viewer, now);
                self.remove_labels(repository, number, &gone, viewer, now);
            }
            _ => {
                let wanted = named(call, found)?;
                self.add_labels(repository, number, &wanted, viewer, now);
            }
        }
        // Told even if nothing changed.
        self.tell_of_issue(repository, number, viewer, "label_updated", None);
        if call.place.route == Route::IssueLabel {
            return Ok(Response::empty(StatusCode::NO_CONTENT));
        }
        self.list_issue_labels(call)
    }
}

/// The labels that a body names, by ids or by names but not by both. What the repository
/// does not have is dropped without a word.
fn named(call: &Call<'_>, repository: &Repository) -> Result<Vec<u64>, Refusal> {
    let fields = Fields::of(call.request, "IssueLabelsOption")?;
    let items = fields.items("labels")?.unwrap_or_default();
    let names: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
    if !names.is_empty() && names.len() < items.len() {
        let message = "labels should be an array of strings or integers".to_owned();
        return Err(Refusal::Said(StatusCode::BAD_REQUEST, message));
    }
    if names.is_empty() {
        let ids = items.iter().filter_map(Value::as_u64);
        return Ok(ids.filter(|id| repository.labels.contains_key(id)).collect());
    }
    let labels = repository.labels.values();
    Ok(labels.filter(|label| names.contains(&label.name.as_str())).map(|label| label.id).collect())
}

/// A colour as it is stored: six digits, in lower case, without a `#`. One that is none is
/// given back as Gitea tells it: in lower case, with a `#` where its length is that of a
/// colour without.
pub(super) fn normal_color(color: &str) -> Result<String, String> {
    let color = color.trim().to_lowercase();
    let color = if matches!(color.len(), 3 | 6) { format!("#{color}") } else { color };
    let Some(digits) = color.strip_prefix('#') else { return Err(color) };
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(color);
    }
    match digits.len() {
        3 => Ok(digits.chars().flat_map(|digit| [digit, digit]).collect()),
        6 => Ok(digits.to_owned()),
        _ => Err(color),
    }
}
