//! Repositories: who may do what in them, and the two calls that describe them.

use std::collections::BTreeMap;

use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::call::Call;
use super::hooks::Hook;
use super::issues::Issue;
use super::json::{EPOCH, Frame, NEVER};
use super::labels::Label;
use super::message::Response;
use super::milestones::Milestone;
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
    /// It holds no commit.
    pub is_empty: bool,
    pub has_issues: bool,
    pub has_pulls: bool,
    /// Collaborators by the ids of users. The owner and administrators of the site need no
    /// entry.
    pub rights: BTreeMap<u64, Right>,
    /// By number.
    pub issues: BTreeMap<u64, Issue>,
    /// By id.
    pub labels: BTreeMap<u64, Label>,
    /// By id.
    pub milestones: BTreeMap<u64, Milestone>,
    /// By id.
    pub hooks: BTreeMap<u64, Hook>,
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

impl Frame<'_> {
    /// A repository as its viewer, who has this right, sees it.
    pub(super) fn repository(&self, repository: &Repository, right: Option<Right>) -> Value {
        let (owner, name) = (self.owner(repository), &repository.name);
        let page = format!("{}/{owner}/{name}", self.public);
        let url = format!("{}/api/v1/repos/{owner}/{name}", self.root);
        let open = |pulls: bool| {
            let issues = repository.issues.values();
            issues.filter(|issue| issue.is_open && issue.is_pull == pulls).count()
        };
        let tracker = repository.has_issues.then(|| {
            json!({
                "enable_time_tracker": true, "allow_only_contributors_to_track_time": true,
                "enable_issue_dependencies": true,
            })
        });
        let mut shape = json!({
            "id": repository.id, "owner": self.user_with_address(repository.owner), "name": name,
            "full_name": format!("{owner}/{name}"), "description": "",
            "empty": repository.is_empty,
            "private": repository.private, "fork": false, "template": false, "mirror": false,
            "size": 27, "language": "", "languages_url": format!("{url}/languages"),
            "html_url": page, "url": url, "link": "",
            "ssh_url": format!("git@gitea.sandbox.invalid:{owner}/{name}.git"),
            "clone_url": format!("{page}.git"), "original_url": "", "website": "",
            "stars_count": 0, "forks_count": 0, "watchers_count": 1, "branch_count": 1,
            "open_issues_count": open(false), "open_pr_counter": open(true),
            "release_counter": 0, "default_branch": "main", "archived": repository.archived,
            "created_at": repository.created, "updated_at": repository.updated,
            "archived_at": EPOCH,
            "permissions": {
                "admin": right == Some(Right::Admin),
                "push": right >= Some(Right::Write),
                "pull": right.is_some(),
            },
        });
        // Gitea leaves some keys out where the unit is off.
        if let Value::Object(map) = &mut shape {
            if let Value::Object(units) = unit_settings(repository) {
                map.extend(units);
            }
            if let Some(tracker) = tracker {
                map.insert("internal_tracker".to_owned(), tracker);
            }
            if let (true, Value::Object(pulls)) = (repository.has_pulls, pull_settings()) {
                map.extend(pulls);
            }
        }
        shape
    }
}

fn unit_settings(repository: &Repository) -> Value {
    json!({
        "has_code": true, "has_issues": repository.has_issues, "has_wiki": true,
        "has_pull_requests": repository.has_pulls, "has_projects": true,
        "projects_mode": "all", "has_releases": true, "has_packages": false,
        "has_actions": false, "avatar_url": "", "internal": false, "mirror_interval": "",
        "object_format_name": "sha1", "mirror_updated": NEVER, "topics": [], "licenses": [],
    })
}

fn pull_settings() -> Value {
    json!({
        "ignore_whitespace_conflicts": false, "allow_merge_commits": true, "allow_rebase": true,
        "allow_rebase_explicit": true, "allow_squash_merge": true,
        "allow_fast_forward_only_merge": true, "allow_rebase_update": true,
        "allow_manual_merge": false, "autodetect_manual_merge": false,
        "default_delete_branch_after_merge": false, "default_merge_style": "merge",
        "default_allow_maintainer_edit": true,
    })
}
