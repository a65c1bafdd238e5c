//! Repositories, and who may write to them.

use super::answer::Answer;
use super::client::{Client, Request};
use super::error::Result;
use super::meaning::Operation;
use super::models::{Repository, User};

/// A repository by its name, see [`Client::repository`].
#[derive(Debug, Clone)]
pub struct RepositoryHandle {
    client: Client,
    owner: String,
    name: String,
}

impl RepositoryHandle {
    pub(super) fn new(client: Client, owner: String, name: String) -> Self {
        Self { client, owner, name }
    }

    /// The repository. Needs the scope `read:repository`.
    ///
    /// ```no_run
    /// # async fn run(gitea: teawatch::gitea::Client) -> teawatch::gitea::Result<()> {
    /// let repository = gitea.repository("ops", "alerts").get().await?.value;
    /// assert!(repository.has_own_issues() && !repository.archived);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn get(&self) -> Result<Answer<Repository>> {
        let path = ["repos", &self.owner, &self.name];
        self.client.read(Request::get(Operation::ReadRepository, &path)).await
    }

    /// Everyone who may be assigned, which is everyone who may write (on some versions also
    /// readers of a public repository who took part). Needs no administrator. Not paged.
    pub async fn assignees(&self) -> Result<Answer<Vec<User>>> {
        let path = ["repos", &self.owner, &self.name, "assignees"];
        let answer = self.client.read_list(Request::get(Operation::ListAssignees, &path)).await?;
        Ok(answer.map(|page| page.items))
    }
}
