//! Comments on issues.
//!
//! For an issue that does not exist, Gitea answers 500 here, not 404
//! ([`super::Concern::IssueOrTransient`]).

use http::Method;
use jiff::Timestamp;
use serde::Serialize;

use super::answer::Answer;
use super::client::{Client, Request};
use super::error::Result;
use super::issues::in_whole_seconds;
use super::meaning::Operation;
use super::models::Comment;

/// The comments on the issues of a repository, see [`Client::comments`].
#[derive(Debug, Clone)]
pub struct Comments {
    client: Client,
    owner: String,
    repository: String,
}

impl Comments {
    pub(super) fn new(client: Client, owner: String, repository: String) -> Self {
        Self { client, owner, repository }
    }

    fn on_issue(&self, operation: Operation, method: Method, issue: u64) -> Request {
        let issue = issue.to_string();
        let path = ["repos", &self.owner, &self.repository, "issues", &issue, "comments"];
        Request::new(operation, method, &path)
    }

    fn by_id(&self, operation: Operation, method: Method, id: i64) -> Request {
        let id = id.to_string();
        let path = ["repos", &self.owner, &self.repository, "issues", "comments", &id];
        Request::new(operation, method, &path)
    }

    /// Lists the comments on an issue, oldest first.
    ///
    /// ```no_run
    /// # async fn run(gitea: teawatch::gitea::Client) -> teawatch::gitea::Result<()> {
    /// for comment in gitea.comments("ops", "alerts").list(12).send().await?.value {
    ///     println!("{}", comment.body);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn list(&self, issue: u64) -> ListComments {
        ListComments { comments: self.clone(), issue, since: None }
    }

    /// Writes a comment, which may not be empty. A closed issue stays closed.
    pub fn create(&self, issue: u64, body: impl Into<String>) -> CreateComment {
        CreateComment { comments: self.clone(), issue, body: body.into() }
    }

    /// Replaces the text of a comment.
    pub fn edit(&self, id: i64, body: impl Into<String>) -> EditComment {
        EditComment { comments: self.clone(), id, body: body.into() }
    }

    /// Reacts to a comment, such as with `eyes`. Doing it twice is doing it once.
    pub async fn react(&self, id: i64, content: &str) -> Result<Answer<()>> {
        let id = id.to_string();
        let repository = ["repos", &self.owner, &self.repository];
        let path = [&repository[..], &["issues", "comments", &id, "reactions"]].concat();
        let request = Request::new(Operation::ReactToComment, Method::POST, &path);
        self.client.read_nothing(request.json(&Reaction { content })).await
    }

    /// Deletes a comment.
    pub async fn delete(&self, id: i64) -> Result<Answer<()>> {
        self.client.read_nothing(self.by_id(Operation::DeleteComment, Method::DELETE, id)).await
    }
}

#[derive(Debug, Serialize)]
struct Reaction<'a> {
    content: &'a str,
}

/// Lists comments, see [`Comments::list`].
#[derive(Debug, Clone)]
#[must_use = "a request does nothing until it is sent"]
pub struct ListComments {
    comments: Comments,
    issue: u64,
    since: Option<Timestamp>,
}

impl ListComments {
    /// Only those updated at this time or later, by the server's clock, whole seconds.
    pub fn since(mut self, time: Timestamp) -> Self {
        self.since = Some(time);
        self
    }

    /// Fetches them all: Gitea does not page this list.
    pub async fn send(self) -> Result<Answer<Vec<Comment>>> {
        let mut request = self.comments.on_issue(Operation::ListComments, Method::GET, self.issue);
        if let Some(since) = self.since {
            request = request.query("since", &in_whole_seconds(since));
        }
        Ok(self.comments.client.read_list(request).await?.map(|page| page.items))
    }
}

/// Writes a comment, see [`Comments::create`].
#[derive(Debug, Clone, Serialize)]
#[must_use = "a request does nothing until it is sent"]
pub struct CreateComment {
    #[serde(skip)]
    comments: Comments,
    #[serde(skip)]
    issue: u64,
    body: String,
}

impl CreateComment {
    pub async fn send(self) -> Result<Answer<Comment>> {
        let request = self.comments.on_issue(Operation::CreateComment, Method::POST, self.issue);
        self.comments.client.read(request.json(&self)).await
    }
}

/// Edits a comment, see [`Comments::edit`].
#[derive(Debug, Clone, Serialize)]
#[must_use = "a request does nothing until it is sent"]
pub struct EditComment {
    #[serde(skip)]
    comments: Comments,
    #[serde(skip)]
    id: i64,
    body: String,
}

impl EditComment {
    pub async fn send(self) -> Result<Answer<Comment>> {
        let request = self.comments.by_id(Operation::EditComment, Method::PATCH, self.id);
        self.comments.client.read(request.json(&self)).await
    }
}
