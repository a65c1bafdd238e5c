//! Repositories: who may do what in them, and the two calls that describe them.

use std::collections::BTreeMap;

use http::StatusCode;
use jiff::Timestamp;

use super::call::Call;
use super::issues::Issue;
use super::labels::Label;
use super::message::Response;
use super::refusal::Refusal;
use super::world::World;

/// A repository with its issues and labels.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Repository {
    /// Never used again, also when a repository of the same name follows.
    pub id: u64,
    /// The id of a user or organisation.
    pub owner: u64,
    pub name: String,
    pub private: bool,
    pub archived: bool,
    pub has_issues: bool,
    pub has_pulls: bool,
    /// Collaborators by the ids of users. The owner and administrators of the site need no
    /// entry.
    pub rights: BTreeMap<u64, Right>,
    /// By number.
    pub issues: BTreeMap<u64, Issue>,
    /// By id.
    pub labels: BTreeMap<u64, Label>,
    pub created: Timestamp,
    pub updated: Timestamp,
    /// The highest number that was ever given; a deleted issue's number is not used again.
    pub(super) last_number: u64,
}

/// What a collaborator may do. Each includes the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Right {
    Read,
    Write,
    Admin,
}

impl World {
    /// `owner/name`.
    pub(super) fn full_name(&self, repository: &Repository) -> String {
        let owner = self.users.get(&repository.owner).map_or("", |owner| owner.login.as_str());
        format!("{owner}/{}", repository.name)
    }

    /// `GET /repos/{owner}/{name}` and `GET /repositories/{id}`
    pub(super) fn get_repository(&self, call: &Call<'_>) -> Result<Response, Refusal> {
        let repository = self.repository_of(call)?;
        let right = self.right_of(call)?;
        Ok(Response::of(StatusCode::OK, &self.frame(call).repository(repository, right)))
    }
}
