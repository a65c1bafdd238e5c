//! Webhooks of a repository, and the calls that make, list, edit, delete and test them.

use std::collections::BTreeSet;

use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::body::Fields;
use super::call::Call;
use super::lists::list;
use super::message::Response;
use super::news::News;
use super::refusal::Refusal;
use super::repository::Right;
use super::world::{World, next};

/// What a hook can be told of, by Gitea's fine names. The sandbox sends those about issues,
/// and pushes.
const EVENTS: [&str; 23] = [
    "create",
    "delete",
    "fork",
    "issue_assign",
    "issue_comment",
    "issue_label",
    "issue_milestone",
    "issues",
    "package",
    "pull_request",
    "pull_request_assign",
    "pull_request_comment",
    "pull_request_label",
    "pull_request_milestone",
    "pull_request_review",
    "pull_request_review_request",
    "pull_request_sync",
    "push",
    "release",
    "repository",
    "status",
    "wiki",
    "workflow_run",
];

/// A webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hook {
    /// Unique on the whole server.
    pub id: u64,
    pub name: String,
    pub url: String,
    /// Whether the payload is a field of a form, and not the body.
    pub is_form: bool,
    /// Never told again; empty if there is none.
    pub(super) secret: String,
    /// Fine names of events.
    pub events: BTreeSet<&'static str>,
    pub branch_filter: String,
    /// The value of `Authorization`; empty if there is none.
    pub authorization: String,
    pub is_active: bool,
    pub created: Timestamp,
    pub updated: Timestamp,
}

impl Hook {
    fn shape(&self) -> Value {
        json!({
            "id": self.id,
            "name": self.name,
            "type": "gitea",
            "branch_filter": self.branch_filter,
            "config": {
                "content_type": if self.is_form { "form" } else { "json" },
                "url": self.url,
            },
            "events": self.events,
            "authorization_header": self.authorization,
            "active": self.is_active,
            "updated_at": self.updated,
            "created_at": self.created,
        })
    }
}

impl World {
    /// `GET .../hooks` and `GET .../hooks/{id}`
    pub(super) fn get_hooks(&self, call: &Call<'_>) -> Result<Response, Refusal> {
        self.must_administer(call)?;
        if !call.place.subject.is_empty() {
            return Ok(Response::of(StatusCode::OK, &self.hook_of(call)?.shape()));
        }
        let hooks = &self.repository_of(call)?.hooks;
        let page = self.page(call.request).cut(hooks.values());
        let shapes: Vec<Value> = page.into_iter().map(Hook::shape).collect();
        Ok(list(&shapes, hooks.len()))
    }

    /// `POST .../hooks`: inactive if nothing else is said.
    pub(super) fn create_hook(&mut self, call: &Call<'_>) -> Result<Response, Refusal> {
        self.must_administer(call)?;
        let fields = Fields::of(call.request, "CreateHookOption")?;
        let kind = fields.text("type")?.unwrap_or_default();
        if kind != "gitea" {
            return Err(Refusal::unprocessable(format!("Invalid hook type: {kind}")));
        }
        let config = |name: &str| fields.get("config").and_then(|config| config[name].as_str());
        let missing = |name: &str| Refusal::unprocessable(format!("Missing config option: {name}"));
        let url = valid_url(config("url").ok_or_else(|| missing("url"))?)?;
        let is_form = is_form(config("content_type").ok_or_else(|| missing("content_type"))?)?;
        let hook = Hook {
            id: next(&mut self.ids.hook),
            name: fields.text("name")?.unwrap_or_default().trim().to_owned(),
            url,
            is_form,
            secret: config("secret").unwrap_or_default().to_owned(),
            events: events(&fields)?,
            branch_filter: fields.text("branch_filter")?.unwrap_or_default().to_owned(),
            authorization: fields.text("authorization_header")?.unwrap_or_default().to_owned(),
            is_active: fields.flag("active")?,
            created: call.now,
            updated: call.now,
        };
        let shape = hook.shape();
        let repository = call.repository()?;
        if let Some(repository) = self.repositories.get_mut(&repository) {
            repository.hooks.insert(hook.id, hook);
        }
        Ok(Response::of(StatusCode::CREATED, &shape))
    }

    /// `PATCH .../hooks/{id}`: what is left out of events, branches and authorization is
    /// reset, and a new secret is ignored.
    pub(super) fn edit_hook(&mut self, call: &Call<'_>) -> Result<Response, Refusal> {
        self.must_administer(call)?;
        let fields = Fields::of(call.request, "EditHookOption")?;
        let mut hook = self.hook_of(call)?.clone();
        let config = |name: &str| fields.get("config").and_then(|config| config[name].as_str());
        if let Some(url) = config("url") {
            hook.url = valid_url(url)?;
        }
        if let Some(kind) = config("content_type") {
            hook.is_form = is_form(kind)?;
        }
        hook.events = events(&fields)?;
        hook.branch_filter = fields.text("branch_filter")?.unwrap_or_default().to_owned();
        hook.authorization = fields.text("authorization_header")?.unwrap_or_default().to_owned();
        if fields.get("active").is_some() {
            hook.is_active = fields.flag("active")?;
        }
        hook.updated = call.now;
        let shape = hook.shape();
        let repository = call.repository()?;
        if let Some(repository) = self.repositories.get_mut(&repository) {
            repository.hooks.insert(hook.id, hook);
        }
        Ok(Response::of(StatusCode::OK, &shape))
    }

    /// `DELETE .../hooks/{id}`
    pub(super) fn remove_hook(&mut self, call: &Call<'_>) -> Result<Response, Refusal> {
        self.must_administer(call)?;
        let id = self.hook_of(call)?.id;
        let repository = call.repository()?;
        if let Some(repository) = self.repositories.get_mut(&repository) {
            repository.hooks.remove(&id);
        }
        Ok(Response::empty(StatusCode::NO_CONTENT))
    }

    /// `POST .../hooks/{id}/tests`: sends a push, to a hook that wants pushes. No other is
    /// told anything.
    pub(super) fn test_hook(&mut self, call: &Call<'_>) -> Result<Response, Refusal> {
        self.must_administer(call)?;
        let id = self.hook_of(call)?.id;
        let (repository, viewer) = (call.repository()?, call.viewer()?);
        // Without a commit there is nothing to push, which is no error.
        if !self.repository_of(call)?.is_empty {
            self.tell(repository, Some(id), viewer, &News::Push);
        }
        Ok(Response::empty(StatusCode::NO_CONTENT))
    }

    fn hook_of(&self, call: &Call<'_>) -> Result<&Hook, Refusal> {
        let hooks = &self.repository_of(call)?.hooks;
        hooks.get(&call.number()?).ok_or_else(Refusal::not_found)
    }

    /// Refuses all but administrators of the repository.
    pub(super) fn must_administer(&self, call: &Call<'_>) -> Result<(), Refusal> {
        if self.right_of(call)? == Some(Right::Admin) {
            return Ok(());
        }
        Err(Refusal::forbidden(
            "user should be an owner or a collaborator with admin write of a repository",
        ))
    }
}

fn valid_url(text: &str) -> Result<String, Refusal> {
    let url = url::Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    url.map(|_| text.to_owned()).ok_or_else(|| Refusal::unprocessable("Invalid url"))
}

fn is_form(kind: &str) -> Result<bool, Refusal> {
    match kind {
        "json" => Ok(false),
        "form" => Ok(true),
        _ => Err(Refusal::unprocessable("Invalid content type")),
    }
}

/// The events that a body asks for, by their fine names. None at all means pushes; a name
/// that Gitea does not know is dropped without a word.
fn events(fields: &Fields) -> Result<BTreeSet<&'static str>, Refusal> {
    let asked = fields.texts("events")?.unwrap_or_default();
    if asked.is_empty() {
        return Ok(BTreeSet::from(["push"]));
    }
    let means = |event: &str| {
        asked.iter().any(|asked| match *asked {
            "issues" => matches!(
                event,
                "issues" | "issue_assign" | "issue_label" | "issue_milestone" | "issue_comment"
            ),
            "issues_only" => event == "issues",
            "pull_request" => event.starts_with("pull_request"),
            "pull_request_only" => event == "pull_request",
            asked => event == asked,
        })
    };
    Ok(EVENTS.into_iter().filter(|event| means(event)).collect())
}
