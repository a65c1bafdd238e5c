//! Which endpoint a path means.
//!
//! Knows the paths below `/api/v1` that the sandbox models and the methods that each of
//! them takes; knows nothing of what stands behind them.

use http::Method;
use percent::decode;
use serde::{Deserialize, Serialize};

/// An endpoint, whatever the method. Its name in JSON is in kebab case: `issue-labels`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Route {
    /// `/version`
    Version,
    /// `/settings/api`
    Settings,
    /// `/user`
    User,
    /// `/users/{login}`
    UserByLogin,
    /// `/repos/{owner}/{name}`
    Repository,
    /// `/repositories/{id}`
    RepositoryById,
    /// `/repos/{owner}/{name}/assignees`
    Assignees,
    /// `/repos/{owner}/{name}/collaborators/{login}/permission`
    Permission,
    /// `/repos/{owner}/{name}/issues`
    Issues,
    /// `/repos/{owner}/{name}/issues/{number}`
    Issue,
    /// `/repos/{owner}/{name}/issues/{number}/comments`
    Comments,
    /// `/repos/{owner}/{name}/issues/comments`
    RepositoryComments,
    /// `/repos/{owner}/{name}/issues/comments/{id}`
    Comment,
    /// `/repos/{owner}/{name}/labels`
    Labels,
    /// `/repos/{owner}/{name}/labels/{id or name}`
    Label,
    /// `/repos/{owner}/{name}/issues/{number}/labels`
    IssueLabels,
    /// `/repos/{owner}/{name}/issues/{number}/labels/{id}`
    IssueLabel,
    /// `/repos/{owner}/{name}/issues/{number}/reactions`
    IssueReactions,
    /// `/repos/{owner}/{name}/issues/comments/{id}/reactions`
    CommentReactions,
    /// `/repos/{owner}/{name}/issues/{number}/timeline`
    Timeline,
    /// `/repos/{owner}/{name}/hooks`
    Hooks,
    /// `/repos/{owner}/{name}/hooks/{id}`
    Hook,
    /// `/repos/{owner}/{name}/hooks/{id}/tests`
    HookTest,
    /// Anything else; answered with 404.
    Unknown,
}

/// A kind of thing that a token may be allowed to read or to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Category {
    Issue,
    Repository,
    User,
}

impl Category {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Issue => "issue",
            Self::Repository => "repository",
            Self::User => "user",
        }
    }
}

impl Route {
    /// The methods that the endpoint takes.
    pub(super) fn methods(self) -> &'static [Method] {
        match self {
            Self::Issues | Self::Comments | Self::Labels | Self::Hooks => {
                &[Method::GET, Method::POST]
            }
            Self::HookTest => &[Method::POST],
            Self::Issue | Self::Comment | Self::Hook => {
                &[Method::GET, Method::PATCH, Method::DELETE]
            }
            Self::IssueLabels => &[Method::GET, Method::POST, Method::PUT, Method::DELETE],
            Self::IssueLabel => &[Method::DELETE],
            Self::IssueReactions | Self::CommentReactions => {
                &[Method::GET, Method::POST, Method::DELETE]
            }
            Self::Version
            | Self::Settings
            | Self::User
            | Self::UserByLogin
            | Self::Repository
            | Self::RepositoryById
            | Self::Assignees
            | Self::Permission
            | Self::RepositoryComments
            | Self::Label
            | Self::Timeline
            | Self::Unknown => &[Method::GET],
        }
    }

    /// What a token needs a scope for; `None` where every token will do.
    pub(super) fn category(self) -> Option<Category> {
        match self {
            Self::Version | Self::Settings | Self::Unknown => None,
            Self::User | Self::UserByLogin => Some(Category::User),
            Self::Repository
            | Self::RepositoryById
            | Self::Assignees
            | Self::Permission
            | Self::Hooks
            | Self::Hook
            | Self::HookTest => Some(Category::Repository),
            Self::Issues
            | Self::Issue
            | Self::Comments
            | Self::RepositoryComments
            | Self::Comment
            | Self::Labels
            | Self::Label
            | Self::IssueLabels
            | Self::IssueLabel
            | Self::IssueReactions
            | Self::CommentReactions
            | Self::Timeline => Some(Category::Issue),
        }
    }

    /// Whether the endpoint is gone when a repository has neither issues nor pull requests.
    pub(super) fn needs_a_tracker(self) -> bool {
        self.category() == Some(Category::Issue) && !matches!(self, Self::Labels | Self::Label)
    }
}

/// A path, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) route: Route,
    /// Owner and name of the repository, where the path names one.
    pub(super) repository: Option<(String, String)>,
    /// The number, id, name or login in the path; where there are two, the first.
    pub(super) subject: String,
    /// The second one: the label of an issue.
    pub(super) object: String,
}

impl Place {
    /// Reads a path; doubled and trailing slashes are forgiven, as Gitea forgives them.
    pub(super) fn of(path: &str) -> Self {
        let segments: Vec<String> =
            path.split('/').filter(|segment| !segment.is_empty()).map(decode).collect();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let ["api", "v1", rest @ ..] = segments.as_slice() else {
            return Self::plain(Route::Unknown, "");
        };
        match rest {
            ["version"] => Self::plain(Route::Version, ""),
            ["settings", "api"] => Self::plain(Route::Settings, ""),
            ["user"] => Self::plain(Route::User, ""),
            ["users", login] => Self::plain(Route::UserByLogin, login),
            ["repositories", id] => Self::plain(Route::RepositoryById, id),
            ["repos", owner, name, rest @ ..] => {
                let (route, subject, object) = in_repository(rest);
                Self {
                    repository: Some(((*owner).to_owned(), (*name).to_owned())),
                    object: object.to_owned(),
                    ..Self::plain(route, subject)
                }
            }
            _ => Self::plain(Route::Unknown, ""),
        }
    }

    fn plain(route: Route, subject: &str) -> Self {
        Self { route, repository: None, subject: subject.to_owned(), object: String::new() }
    }
}

fn in_repository<'a>(rest: &[&'a str]) -> (Route, &'a str, &'a str) {
    match rest {
        [] => (Route::Repository, "", ""),
        ["assignees"] => (Route::Assignees, "", ""),
        ["collaborators", login, "permission"] => (Route::Permission, login, ""),
        ["hooks"] => (Route::Hooks, "", ""),
        ["hooks", id] => (Route::Hook, id, ""),
        ["hooks", id, "tests"] => (Route::HookTest, id, ""),
        ["labels"] => (Route::Labels, "", ""),
        ["labels", label] => (Route::Label, label, ""),
        ["issues"] => (Route::Issues, "", ""),
        ["issues", "comments"] => (Route::RepositoryComments, "", ""),
        ["issues", "comments", id] => (Route::Comment, id, ""),
        ["issues", "comments", id, "reactions"] => (Route::CommentReactions, id, ""),
        ["issues", number] => (Route::Issue, number, ""),
        ["issues", number, "comments"] => (Route::Comments, number, ""),
        ["issues", number, "labels"] => (Route::IssueLabels, number, ""),
        ["issues", number, "labels", label] => (Route::IssueLabel, number, label),
        ["issues", number, "reactions"] => (Route::IssueReactions, number, ""),
        ["issues", number, "timeline"] => (Route::Timeline, number, ""),
        _ => (Route::Unknown, "", ""),
    }
}

mod percent {
    //! Percent-decoding of one segment of a path.

    /// The segment with its `%xx` replaced; bytes that are no UTF-8 become U+FFFD, and a
    /// `%` that begins no escape stays.
    pub(super) fn decode(segment: &str) -> String {
        if !segment.contains('%') {
            return segment.to_owned();
        }
        let mut bytes = Vec::with_capacity(segment.len());
        let mut rest = segment.as_bytes();
        while let Some((&first, after)) = rest.split_first() {
            let escaped = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
            match escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
                Some(byte) if first == b'%' => {
                    bytes.push(byte);
                    rest = &after[2..];
                }
                _ => {
                    bytes.push(first);
                    rest = after;
                }
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }
}
