//! Lists and their pages.
//!
//! Knows how Gitea pages, and the filters of the issue list with what surprises in them.

use std::borrow::Cow;
use std::collections::BTreeSet;

use http::StatusCode;
use http::header::{HeaderName, LINK};
use jiff::Timestamp;
use serde::Serialize;

use super::call::Call;
use super::issues::Issue;
use super::message::{Request, Response};
use super::refusal::Refusal;
use super::repository::Repository;
use super::world::World;

const X_TOTAL_COUNT: HeaderName = HeaderName::from_static("x-total-count");
const EXPOSE: HeaderName = HeaderName::from_static("access-control-expose-headers");

/// Which page of a list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Page {
    /// From 1.
    number: usize,
    size: usize,
}

impl Page {
    /// Cuts the page out of a list.
    pub(super) fn cut<T>(self, items: impl Iterator<Item = T>) -> Vec<T> {
        items.skip((self.number - 1).saturating_mul(self.size)).take(self.size).collect()
    }
}

/// From when to when, both included.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    since: Option<Timestamp>,
    before: Option<Timestamp>,
}

impl Window {
    pub(super) fn of(request: &Request) -> Result<Self, Refusal> {
        Ok(Self { since: time(request, "since")?, before: time(request, "before")? })
    }

    pub(super) fn holds(self, time: Timestamp) -> bool {
        self.since.is_none_or(|since| time.as_second() >= since.as_second())
            && self.before.is_none_or(|before| time.as_second() <= before.as_second())
    }
}

fn time(request: &Request, name: &str) -> Result<Option<Timestamp>, Refusal> {
    let Some(text) = request.parameter(name).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    text.parse().map(Some).map_err(|_| {
        Refusal::unprocessable(format!(
            "parsing time \"{text}\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"{text}\" \
             as \"2006\""
        ))
    })
}

/// A list with its total.
pub(super) fn list<T: Serialize>(items: &[T], total: usize) -> Response {
    Response::of(StatusCode::OK, items)
        .with(X_TOTAL_COUNT, &total.to_string())
        .with(EXPOSE, "X-Total-Count")
}

impl World {
    /// The page that is asked for: from 1, and never larger than the server allows.
    pub(super) fn page(&self, request: &Request) -> Page {
        let asked = |name| request.parameter(name).and_then(|text| text.parse::<usize>().ok());
        let size = match asked("limit") {
            None | Some(0) => self.page_size,
            Some(limit) => limit.min(self.max_page_size),
        };
        Page { number: asked("page").unwrap_or_default().max(1), size }
    }

    /// `GET .../issues`: the newest first.
    pub(super) fn list_issues(&self, call: &Call<'_>) -> Result<Response, Refusal> {
        let repository = self.repository_of(call)?;
        let filter = self.issue_filter(call.request, repository)?;
        let page = self.page(call.request);
        let found = || repository.issues.values().rev().filter(|issue| filter.passes(issue));
        let total = found().count();
        let frame = self.frame(call);
        let items: Vec<_> =
            page.cut(found()).into_iter().map(|issue| frame.item(repository, issue)).collect();
        let mut response = Response::of(StatusCode::OK, &items);
        let links = links(call.request, &self.root_url, page, total);
        if links.is_empty() {
            response = response.with(EXPOSE, "X-Total-Count");
        } else {
            response = response.with(LINK, &links).with(EXPOSE, "Link, X-Total-Count");
        }
        Ok(response.with(X_TOTAL_COUNT, &total.to_string()))
    }

    fn issue_filter(&self, request: &Request, repository: &Repository) -> Result<Filter, Refusal> {
        let somebody = |name| match request.parameter(name).filter(|login| !login.is_empty()) {
            None => Ok(None),
            Some(login) => match self.user_by_login(&login) {
                Some(user) => Ok(Some(user.id)),
                None => Err(Refusal::NotFound {
                    message: "not found",
                    error: Some(format!("user does not exist [uid: 0, name: {login}]")),
                }),
            },
        };
        let (issues, pulls) = match request.parameter("type").as_deref() {
            Some("issues") if !repository.has_issues => return Err(Refusal::not_found()),
            Some("pulls") if !repository.has_pulls => return Err(Refusal::not_found()),
            Some("issues") => (true, false),
            Some("pulls") => (false, true),
            _ => (repository.has_issues, repository.has_pulls),
        };
        let state = match request.parameter("state").as_deref() {
            Some("all") => None,
            Some("closed") => Some(false),
            _ => Some(true),
        };
        // Names that no label has are dropped; where none is left, nothing is filtered. All
        // labels of a name are wanted, so that doubles hide the issues that have one of them.
        let names = request.parameter("labels").unwrap_or_default();
        let labels = names.split(',').flat_map(|name| ids_of(repository, name)).collect();
        Ok(Filter {
            state,
            issues,
            pulls,
            labels,
            words: request.parameter("q").unwrap_or_default().to_lowercase(),
            poster: somebody("created_by")?,
            assignee: somebody("assigned_by")?,
            window: Window::of(request)?,
        })
    }
}

/// What an issue list is asked for.
#[derive(Debug)]
struct Filter {
    state: Option<bool>,
    issues: bool,
    pulls: bool,
    /// An issue needs all of them.
    labels: BTreeSet<u64>,
    words: String,
    poster: Option<u64>,
    assignee: Option<u64>,
    window: Window,
}

impl Filter {
    fn passes(&self, issue: &Issue) -> bool {
        self.state.is_none_or(|open| issue.is_open == open)
            && (if issue.is_pull { self.pulls } else { self.issues })
            && self.labels.is_subset(&issue.labels)
            && self.poster.is_none_or(|poster| issue.poster == poster)
            && self.assignee.is_none_or(|user| issue.assignees.contains(&user))
            && self.window.holds(issue.updated)
            && (self.words.is_empty() || self.speaks(issue))
    }

    fn speaks(&self, issue: &Issue) -> bool {
        let said = |text: &str| text.to_lowercase().contains(&self.words);
        said(&issue.title) || said(&issue.body) || issue.comments().any(|c| said(&c.body))
    }
}

/// The ids of all labels of this name; names are not unique.
fn ids_of(repository: &Repository, name: &str) -> Vec<u64> {
    let labels = repository.labels.values();
    labels.filter(|label| label.name == name).map(|label| label.id).collect()
}

/// The `Link` header: built from the server's own address, only with what applies, its
/// parameters sorted. Past the end it speaks of the real last page.
fn links(request: &Request, root: &str, page: Page, total: usize) -> String {
    let last = total.div_ceil(page.size);
    let current = page.number.min(last);
    let link = |number: usize, relation: &str| {
        let number = number.to_string();
        let mut pairs: Vec<(Cow<'_, str>, Cow<'_, str>)> =
            url::form_urlencoded::parse(request.query.as_bytes())
                .filter(|(name, _)| name != "page")
                .collect();
        pairs.push(("page".into(), number.into()));
        pairs.sort();
        let query =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        format!("<{root}{}?{query}>; rel=\"{relation}\"", request.path)
    };
    let mut links = Vec::new();
    if current < last {
        links.push(link(current + 1, "next"));
        links.push(link(last, "last"));
    }
    if current > 1 {
        links.push(link(1, "first"));
        links.push(link(current - 1, "prev"));
    }
    links.join(",")
}
