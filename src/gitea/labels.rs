//! Labels of a repository, and of its issues.
//!
//! Names are not unique in Gitea: creating a name that exists makes a second label. So labels
//! are known by id, and of several with one name the lowest id counts.

use http::Method;
use serde::Serialize;

use super::answer::Answer;
use super::client::{Client, Request};
use super::error::Result;
use super::meaning::Operation;
use super::models::{Label, LabelId};
use super::page::{Listing, PAGE_SIZE, Page};

/// The labels of a repository, see [`Client::labels`].
#[derive(Debug, Clone)]
pub struct Labels {
    client: Client,
    owner: String,
    repository: String,
}

impl Labels {
    pub(super) fn new(client: Client, owner: String, repository: String) -> Self {
        Self { client, owner, repository }
    }

    fn request(&self, operation: Operation, method: Method) -> Request {
        Request::new(operation, method, &["repos", &self.owner, &self.repository, "labels"])
    }

    /// Lists the repository's own labels, without those of its organization.
    pub fn list(&self) -> ListLabels {
        ListLabels { labels: self.clone(), page_size: PAGE_SIZE }
    }

    /// Creates a label. The colour is six hexadecimal digits, with or without `#`.
    pub fn create(
        &self,
        name: impl Into<String>,
        color: impl Into<String>,
        description: impl Into<String>,
    ) -> CreateLabel {
        CreateLabel {
            labels: self.clone(),
            name: name.into(),
            color: color.into(),
            description: description.into(),
        }
    }

    /// Adds labels to an issue and gives all that it has then. Unknown ids are left out
    /// without a word. Also fires a webhook if nothing changed.
    pub async fn add_to_issue(
        &self,
        issue: u64,
        labels: impl IntoIterator<Item = LabelId>,
    ) -> Result<Answer<Vec<Label>>> {
        #[derive(Serialize)]
        struct Body {
            labels: Vec<LabelId>,
        }
        let issue = issue.to_string();
        let path = ["repos", &self.owner, &self.repository, "issues", &issue, "labels"];
        let request = Request::new(Operation::AddLabels, Method::POST, &path);
        let body = Body { labels: labels.into_iter().collect() };
        Ok(self.client.read_list(request.json(&body)).await?.map(|page| page.items))
    }

    /// Finds the label of this name, or makes it. If others do the same at the same time, all
    /// of them end up with the same label. Several requests.
    ///
    /// ```no_run
    /// # async fn run(gitea: teawatch::gitea::Client) -> teawatch::gitea::Result<()> {
    /// let labels = gitea.labels("ops", "alerts");
    /// let label = labels.ensure("alert", "e11d21", "opened by teawatch").await?.value;
    /// labels.add_to_issue(12, [label.id]).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn ensure(
        &self,
        name: &str,
        color: &str,
        description: &str,
    ) -> Result<Answer<Label>> {
        let known = self.list().all().await?.map(|labels| Label::lowest_named(name, labels));
        if let Answer { value: Some(label), status, date } = known {
            return Ok(Answer { value: label, status, date });
        }
        let created = self.create(name, color, description).send().await?;
        let again = self.list().all().await?.value;
        Ok(created.map(|created| Label::lowest_named(name, again).unwrap_or(created)))
    }
}

impl Label {
    /// Of the labels with this name, the one that counts.
    pub fn lowest_named(name: &str, labels: impl IntoIterator<Item = Self>) -> Option<Self> {
        labels.into_iter().filter(|label| label.name == name).min_by_key(|label| label.id)
    }
}

/// Lists labels, see [`Labels::list`].
#[derive(Debug, Clone)]
#[must_use = "a list is read page by page, or all at once"]
pub struct ListLabels {
    labels: Labels,
    page_size: u32,
}

impl ListLabels {
    /// How many items a page should have; the server may give fewer.
    pub fn page_size(mut self, items: u32) -> Self {
        self.page_size = items;
        self
    }

    /// Fetches one page, counted from 1. See [`super::Walk`] for how to get to the end.
    pub async fn page(&self, number: u32) -> Result<Answer<Page<Label>>> {
        self.listing().page(number).await
    }

    /// Fetches every page. The answer's date is that of the first.
    pub async fn all(&self) -> Result<Answer<Vec<Label>>> {
        self.listing().all().await
    }

    fn listing(&self) -> Listing {
        let request = self.labels.request(Operation::ListLabels, Method::GET);
        Listing::new(self.labels.client.clone(), request, self.page_size)
    }
}

/// Creates a label, see [`Labels::create`].
#[derive(Debug, Clone, Serialize)]
#[must_use = "a request does nothing until it is sent"]
pub struct CreateLabel {
    #[serde(skip)]
    labels: Labels,
    name: String,
    color: String,
    description: String,
}

impl CreateLabel {
    pub async fn send(self) -> Result<Answer<Label>> {
        let request = self.labels.request(Operation::CreateLabel, Method::POST);
        self.labels.client.read(request.json(&self)).await
    }
}
