//! Webhooks of a repository. All of this needs an administrator of the repository, and a
//! token with `write:repository`, or `read:repository` for the list.
//!
//! There is no editing: Gitea resets what an edit leaves out, and ignores a new secret. A
//! hook that is not right is made anew.

use http::Method;
use serde::Serialize;

use super::answer::Answer;
use super::client::{Client, Request};
use super::error::Result;
use super::meaning::Operation;
use super::models::Hook;
use super::page::{Listing, PAGE_SIZE};

/// The webhooks of a repository, see [`Client::hooks`].
#[derive(Debug, Clone)]
pub struct Hooks {
    client: Client,
    owner: String,
    repository: String,
}

impl Hooks {
    pub(super) fn new(client: Client, owner: String, repository: String) -> Self {
        Self { client, owner, repository }
    }

    fn request(&self, operation: Operation, method: Method, rest: &[&str]) -> Request {
        let mut path = vec!["repos", &self.owner, &self.repository, "hooks"];
        path.extend(rest);
        Request::new(operation, method, &path)
    }

    /// Lists every hook of the repository, without those of its organization.
    pub async fn all(&self) -> Result<Answer<Vec<Hook>>> {
        let request = self.request(Operation::ListHooks, Method::GET, &[]);
        Listing::new(self.client.clone(), request, PAGE_SIZE).all().await
    }

    /// Makes a hook that is active and sends JSON, signed with `secret`, about issues and
    /// their comments; and pushes, which is what a test of it sends. `authorization` is sent
    /// as the header of that name. Gitea takes the same address twice, so look first.
    ///
    /// ```no_run
    /// # async fn run(gitea: teawatch::gitea::Client) -> teawatch::gitea::Result<()> {
    /// let hooks = gitea.hooks("ops", "alerts");
    /// let url = "https://teawatch.example/webhooks/gitea";
    /// let hook = hooks.create(url, "secret", None).await?.value;
    /// hooks.test(hook.id).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn create(
        &self,
        url: &str,
        secret: &str,
        authorization: Option<&str>,
    ) -> Result<Answer<Hook>> {
        let body = CreateHook {
            kind: "gitea",
            config: Config { url, content_type: "json", secret },
            events: ["issues", "push"],
            active: true,
            authorization_header: authorization,
        };
        let request = self.request(Operation::CreateHook, Method::POST, &[]);
        self.client.read(request.json(&body)).await
    }

    /// Deletes a hook.
    pub async fn delete(&self, id: i64) -> Result<Answer<()>> {
        let request = self.request(Operation::DeleteHook, Method::DELETE, &[&id.to_string()]);
        self.client.read_nothing(request).await
    }

    /// Has Gitea send a push to the hook, if it is active and wants pushes. The answer says
    /// nothing of what becomes of it.
    pub async fn test(&self, id: i64) -> Result<Answer<()>> {
        let path = [&*id.to_string(), "tests"];
        self.client.read_nothing(self.request(Operation::TestHook, Method::POST, &path)).await
    }
}

#[derive(Serialize)]
struct CreateHook<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    config: Config<'a>,
    events: [&'static str; 2],
    /// Gitea makes hooks that do nothing if this is left out.
    active: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorization_header: Option<&'a str>,
}

#[derive(Serialize)]
struct Config<'a> {
    url: &'a str,
    content_type: &'static str,
    secret: &'a str,
}
