//! Issues: create, read, edit, list.
//!
//! Each builder of a write is the body that it sends. Nothing here asks for more than one
//! thing at a time, except [`ListIssues::all`].

use http::Method;
use jiff::Timestamp;
use serde::Serialize;

use super::answer::Answer;
use super::client::{Client, Request};
use super::error::Result;
use super::meaning::Operation;
use super::models::{Issue, IssueState, LabelId};
use super::page::{Listing, PAGE_SIZE, Page};

/// The issues of a repository, see [`Client::issues`].
#[derive(Debug, Clone)]
pub struct Issues {
    client: Client,
    owner: String,
    repository: String,
}

impl Issues {
    pub(super) fn new(client: Client, owner: String, repository: String) -> Self {
        Self { client, owner, repository }
    }

    fn request(&self, operation: Operation, method: Method, number: Option<u64>) -> Request {
        let number = number.map(|number| number.to_string());
        let mut path = vec!["repos", &self.owner, &self.repository, "issues"];
        path.extend(number.as_deref());
        Request::new(operation, method, &path)
    }

    /// Opens an issue. Gitea takes a title of 1 to 255 bytes, see [`super::text::title`].
    ///
    /// ```no_run
    /// # async fn run(gitea: teawatch::gitea::Client) -> teawatch::gitea::Result<()> {
    /// let issue = gitea
    ///     .issues("ops", "alerts")
    ///     .create("disk almost full on db1")
    ///     .body("the data disk is at 97 %")
    ///     .send()
    ///     .await?
    ///     .value;
    /// println!("#{}", issue.number);
    /// # Ok(())
    /// # }
    /// ```
    pub fn create(&self, title: impl Into<String>) -> CreateIssue {
        CreateIssue {
            issues: self.clone(),
            title: title.into(),
            body: None,
            labels: Vec::new(),
            assignees: Vec::new(),
        }
    }

    /// Reads an issue, or a pull request, which has a number of the same kind.
    pub async fn get(&self, number: u64) -> Result<Answer<Issue>> {
        self.client.read(self.request(Operation::ReadIssue, Method::GET, Some(number))).await
    }

    /// Edits an issue. What is not named stays.
    ///
    /// ```no_run
    /// use teawatch::gitea::IssueState;
    ///
    /// # async fn run(gitea: teawatch::gitea::Client) -> teawatch::gitea::Result<()> {
    /// gitea.issues("ops", "alerts").edit(12).state(IssueState::Closed).send().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn edit(&self, number: u64) -> EditIssue {
        EditIssue {
            issues: self.clone(),
            number,
            title: None,
            body: None,
            state: None,
            content_version: None,
        }
    }

    /// Lists issues, newest first, without pull requests; open ones unless told otherwise.
    ///
    /// ```no_run
    /// use teawatch::gitea::{StateFilter, Walk};
    ///
    /// # async fn run(gitea: teawatch::gitea::Client) -> teawatch::gitea::Result<()> {
    /// let list = gitea.issues("ops", "alerts").list().state(StateFilter::All).created_by("teawatch");
    /// let mut walk = Walk::default();
    /// while let Some(number) = walk.next_page() {
    ///     walk.take(list.page(number).await?.value);
    /// }
    /// println!("{} issues", walk.into_items().len());
    /// # Ok(())
    /// # }
    /// ```
    pub fn list(&self) -> ListIssues {
        ListIssues {
            issues: self.clone(),
            state: StateFilter::Open,
            created_by: None,
            since: None,
            page_size: PAGE_SIZE,
        }
    }
}

/// Opens an issue, see [`Issues::create`].
#[derive(Debug, Clone, Serialize)]
#[must_use = "a request does nothing until it is sent"]
pub struct CreateIssue {
    #[serde(skip)]
    issues: Issues,
    title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    labels: Vec<LabelId>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    assignees: Vec<String>,
}

impl CreateIssue {
    pub fn body(mut self, body: impl Into<String>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Gitea leaves out, without a word, labels that it does not know, and all of them if we
    /// may not write: read the answer.
    pub fn labels(mut self, labels: impl IntoIterator<Item = LabelId>) -> Self {
        self.labels.extend(labels);
        self
    }

    /// One login that may not be assigned, and Gitea refuses the whole issue.
    pub fn assignees(mut self, logins: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.assignees.extend(logins.into_iter().map(Into::into));
        self
    }

    pub async fn send(self) -> Result<Answer<Issue>> {
        let with_trimmings = !self.labels.is_empty() || !self.assignees.is_empty();
        let operation = Operation::CreateIssue { with_trimmings };
        let request = self.issues.request(operation, Method::POST, None).json(&self);
        self.issues.client.read(request).await
    }
}

/// Edits an issue, see [`Issues::edit`].
#[derive(Debug, Clone, Serialize)]
#[must_use = "a request does nothing until it is sent"]
pub struct EditIssue {
    #[serde(skip)]
    issues: Issues,
    #[serde(skip)]
    number: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<IssueState>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_version: Option<i64>,
}

impl EditIssue {
    /// An empty title changes nothing.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    pub fn body(mut self, body: impl Into<String>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Closing what is closed and opening what is open changes nothing.
    pub fn state(mut self, state: IssueState) -> Self {
        self.state = Some(state);
        self
    }

    /// Refuse ([`super::Concern::Stale`]) if the issue is not at this version any more. Only
    /// Gitea from 1.26 on heeds it; others ignore it.
    pub fn content_version(mut self, version: i64) -> Self {
        self.content_version = Some(version);
        self
    }

    pub async fn send(self) -> Result<Answer<Issue>> {
        let text = self.title.is_some() || self.body.is_some();
        let operation = Operation::EditIssue { text, state: self.state.is_some() };
        let request = self.issues.request(operation, Method::PATCH, Some(self.number)).json(&self);
        self.issues.client.read(request).await
    }
}

/// Which issues a list holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateFilter {
    Open,
    Closed,
    All,
}

impl StateFilter {
    fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::All => "all",
        }
    }
}

/// Lists issues, see [`Issues::list`].
///
/// There is no filter by label: Gitea drops labels that it does not know from the filter, and
/// gives everything if none is left. There is no search: its index lags behind.
#[derive(Debug, Clone)]
#[must_use = "a list is read page by page, or all at once"]
pub struct ListIssues {
    issues: Issues,
    state: StateFilter,
    created_by: Option<String>,
    since: Option<Timestamp>,
    page_size: u32,
}

impl ListIssues {
    pub fn state(mut self, state: StateFilter) -> Self {
        self.state = state;
        self
    }

    /// Only those of this login. If nobody has it, the list is refused with 404
    /// ([`super::Concern::Identity`]).
    pub fn created_by(mut self, login: impl Into<String>) -> Self {
        self.created_by = Some(login.into());
        self
    }

    /// Only those updated at this time or later, by the server's clock, whole seconds.
    pub fn since(mut self, time: Timestamp) -> Self {
        self.since = Some(time);
        self
    }

    /// How many items a page should have; the server may give fewer.
    pub fn page_size(mut self, items: u32) -> Self {
        self.page_size = items;
        self
    }

    /// Fetches one page, counted from 1. See [`super::Walk`] for how to get to the end.
    pub async fn page(&self, number: u32) -> Result<Answer<Page<Issue>>> {
        self.listing().page(number).await
    }

    /// Fetches every page. The answer's date is that of the first: what came later may be
    /// missing.
    pub async fn all(&self) -> Result<Answer<Vec<Issue>>> {
        self.listing().all().await
    }

    fn listing(&self) -> Listing {
        let operation = Operation::ListIssues { by_creator: self.created_by.is_some() };
        let mut request = self
            .issues
            .request(operation, Method::GET, None)
            .query("type", &"issues")
            .query("state", &self.state.as_str());
        if let Some(login) = &self.created_by {
            request = request.query("created_by", login);
        }
        if let Some(since) = self.since {
            request = request.query("since", &in_whole_seconds(since));
        }
        Listing::new(self.issues.client.clone(), request, self.page_size)
    }
}

/// As Gitea keeps times. Rounded down, so that nothing is missed.
pub(super) fn in_whole_seconds(time: Timestamp) -> Timestamp {
    let second = time.as_nanosecond().div_euclid(1_000_000_000);
    i64::try_from(second)
        .ok()
        .and_then(|second| Timestamp::from_second(second).ok())
        .unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::gitea::Network;
    use crate::gitea::NetworkOptions;

    fn issues() -> Issues {
        let network = Network::new(&NetworkOptions::default()).unwrap();
        let base = "http://gitea.invalid".parse().unwrap();
        Client::anonymous(base, network).unwrap().issues("ops", "alerts")
    }

    #[test]
    fn what_was_not_set_is_not_sent() {
        let json = |body: &dyn Fn(Issues) -> String| body(issues());
        assert_snapshot!(
            json(&|issues| serde_json::to_string(&issues.create("t")).unwrap()),
            @r#"{"title":"t"}"#
        );
        assert_snapshot!(
            json(&|issues| {
                let create = issues.create("t").body("b").labels([LabelId(7)]).assignees(["eve"]);
                serde_json::to_string(&create).unwrap()
            }),
            @r#"{"title":"t","body":"b","labels":[7],"assignees":["eve"]}"#
        );
        assert_snapshot!(
            json(&|issues| {
                serde_json::to_string(&issues.edit(3).state(IssueState::Closed)).unwrap()
            }),
            @r#"{"state":"closed"}"#
        );
        assert_snapshot!(
            json(&|issues| {
                let edit = issues.edit(3).title("t").body("b").content_version(0);
                serde_json::to_string(&edit).unwrap()
            }),
            @r#"{"title":"t","body":"b","content_version":0}"#
        );
    }

    #[test]
    fn times_are_rounded_down_to_whole_seconds() {
        let round = |text: &str| in_whole_seconds(text.parse().unwrap()).to_string();
        assert_eq!(round("2026-01-02T03:04:05.999Z"), "2026-01-02T03:04:05Z");
        assert_eq!(round("1969-12-31T23:59:58.5Z"), "1969-12-31T23:59:58Z");
    }
}
