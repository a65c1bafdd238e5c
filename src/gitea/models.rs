//! What Gitea's answers look like: only the fields that we use.
//!
//! Unknown fields are ignored, and fields that some version lacks have defaults, so that
//! Gitea and Forgejo may add what they like. `null` counts as missing.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};

/// The id of a label. Issues are given labels by id, since only newer versions take names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LabelId(pub i64);

/// A user. The id is who it is; the login may change.
///
/// Deleted users appear with id -1, Gitea's own actions with -2.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct User {
    pub id: i64,
    pub login: String,
}

/// Answer of `GET /version`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Version {
    pub version: String,
}

impl Version {
    /// Whether this is a Forgejo, which names the Gitea it is compatible with after its own
    /// version.
    pub fn is_forgejo(&self) -> bool {
        self.version.contains("+gitea-")
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.version)
    }
}

/// Answer of `GET /settings/api`: how large pages may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct ApiSettings {
    /// The most items that a page has, whatever is asked for.
    pub max_response_items: u32,
    /// How many items a page has if nothing is asked for.
    #[serde(default)]
    pub default_paging_num: u32,
}

impl ApiSettings {
    /// The page size to ask for: what we want, as far as the server goes along. Lists are
    /// read rightly with any other, in more requests.
    pub fn page_size(&self) -> u32 {
        self.max_response_items.clamp(1, super::page::PAGE_SIZE)
    }
}

/// What a token's user may do in a repository.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub struct Permissions {
    #[serde(default)]
    pub admin: bool,
    #[serde(default)]
    pub push: bool,
    #[serde(default)]
    pub pull: bool,
}

/// A repository.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Repository {
    /// Stays the same when the repository is renamed or transferred.
    pub id: i64,
    pub name: String,
    pub full_name: String,
    pub owner: User,
    #[serde(default)]
    pub archived: bool,
    /// Without any commit.
    #[serde(default)]
    pub empty: bool,
    #[serde(default)]
    pub has_issues: bool,
    /// Present if the issues are Gitea's own; an external tracker also sets `has_issues`.
    #[serde(default, rename = "internal_tracker", deserialize_with = "is_present")]
    pub has_internal_tracker: bool,
    #[serde(default)]
    pub permissions: Option<Permissions>,
}

impl Repository {
    /// Whether issues can be opened and read here. An administrator's token may open issues
    /// in a repository without, which nobody can read afterwards.
    pub fn has_own_issues(&self) -> bool {
        self.has_issues && self.has_internal_tracker
    }
}

/// A label of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Label {
    pub id: LabelId,
    pub name: String,
    /// Six hexadecimal digits, without `#`.
    #[serde(default)]
    pub color: String,
    #[serde(default)]
    pub description: String,
}

/// Open or closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IssueState {
    Open,
    Closed,
}

/// The repository that an issue names as its home.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct HomeRepository {
    pub id: i64,
    pub full_name: String,
}

/// An issue.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Issue {
    /// Unique on the server.
    pub id: i64,
    /// Unique in the repository, shared with pull requests, never given again.
    pub number: u64,
    pub title: String,
    #[serde(default, deserialize_with = "null_is_default")]
    pub body: String,
    pub state: IssueState,
    #[serde(default)]
    pub user: Option<User>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub labels: Vec<Label>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub assignees: Vec<User>,
    pub created_at: Timestamp,
    /// Moves on with comments, labels, assignees, state and text; not when a comment is edited.
    pub updated_at: Timestamp,
    #[serde(default)]
    pub closed_at: Option<Timestamp>,
    #[serde(default)]
    pub is_locked: bool,
    /// How many comments there are.
    #[serde(default)]
    pub comments: u64,
    /// Counts the edits of the body, from Gitea 1.26 on.
    #[serde(default)]
    pub content_version: Option<i64>,
    #[serde(default, rename = "pull_request", deserialize_with = "is_present")]
    pub is_pull_request: bool,
    #[serde(default)]
    pub repository: Option<HomeRepository>,
}

/// A comment on an issue. It does not say of which repository it is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Comment {
    pub id: i64,
    #[serde(default)]
    pub user: Option<User>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub body: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// A webhook. Its secret is never told.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Hook {
    pub id: i64,
    pub config: HookConfig,
    /// By their fine names, in any order.
    #[serde(default, deserialize_with = "null_is_default")]
    pub events: Vec<String>,
    #[serde(default)]
    pub active: bool,
}

/// Where a webhook sends, and how. Kinds of hooks that are not Gitea's own may lack either.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct HookConfig {
    #[serde(default)]
    pub url: String,
    #[serde(default)]
    pub content_type: String,
}

/// Things that a list may hold twice.
pub trait Identified {
    /// The number by which one is known again.
    fn id(&self) -> i64;
}

impl Identified for Issue {
    fn id(&self) -> i64 {
        self.id
    }
}

impl Identified for Label {
    fn id(&self) -> i64 {
        self.id.0
    }
}

impl Identified for Hook {
    fn id(&self) -> i64 {
        self.id
    }
}

/// Reads what is there, and the default for `null`.
fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads whether there is anything but `null`.
fn is_present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(Option::<serde::de::IgnoredAny>::deserialize(deserializer)?.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issue_needs_little_and_takes_null_for_missing() {
        let issue: Issue = serde_json::from_str(
            r#"{"id":7,"number":3,"title":"t","body":null,"state":"open","user":null,"labels":null,
                "assignees":null,"created_at":"2026-01-02T03:04:05+01:00",
                "updated_at":"2026-01-02T03:04:05Z","pull_request":null,"brand_new":{}}"#,
        )
        .unwrap();
        assert_eq!(issue.created_at.to_string(), "2026-01-02T02:04:05Z");
        assert_eq!((issue.body.as_str(), issue.labels.len(), issue.assignees.len()), ("", 0, 0));
        assert_eq!((issue.content_version, issue.is_pull_request), (None, false));
    }

    #[test]
    fn the_page_size_follows_the_server_only_downwards() {
        let page_size =
            |max| ApiSettings { max_response_items: max, default_paging_num: 30 }.page_size();
        assert_eq!([0, 1, 20, 50, 1_000].map(page_size), [1, 1, 20, 50, 50]);
    }

    #[test]
    fn a_forgejo_is_told_by_its_version() {
        let is_forgejo = |version: &str| Version { version: version.to_owned() }.is_forgejo();
        assert!(is_forgejo("15.0.3+gitea-1.22.0"));
        assert!(!is_forgejo("1.27.0+dev-12-gabc"));
    }
}
