//! What a message says. The only place that knows how Gitea writes it.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use serde::Deserialize;

use super::super::ApiError;
use crate::engine::{About, Home, Message, Sender};
use crate::observation::{brief, maybe_object, read_object};

/// Longer names are cut, in bytes: what is kept of a message has a size.
const NAME_MAX: usize = 200;

/// The kinds of messages, as they are counted.
pub(in crate::http) const KINDS: [&str; 8] = [
    "issues",
    "issue_assign",
    "issue_label",
    "issue_milestone",
    "issue_comment",
    "repository",
    "push",
    "other",
];

/// What kind of message it says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) struct Kind(usize);

impl Kind {
    const OTHER: Self = Self(KINDS.len() - 1);

    pub(super) fn name(self) -> &'static str {
        KINDS[self.0]
    }

    fn about(self) -> About {
        match self.name() {
            "issue_comment" => About::Comment,
            "repository" => About::Repository,
            "push" | "other" => About::Other,
            _ => About::Issue,
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Kind {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let named = header_of(&parts.headers, "event-type");
        let known = KINDS.iter().position(|kind| Some(*kind) == named);
        Ok(known.map_or(Self::OTHER, Self))
    }
}

/// A header that Gitea has under several names. The fine name of an event is its coarse one
/// where there is no other.
pub(super) fn header_of<'h>(headers: &'h HeaderMap, what: &str) -> Option<&'h str> {
    let named = |what: &str| {
        ["x-gitea", "x-forgejo", "x-gogs", "x-github"].iter().find_map(|vendor| {
            let text = headers.get(format!("{vendor}-{what}"))?.to_str().ok()?;
            Some(text).filter(|text| !text.is_empty())
        })
    };
    named(what).or_else(|| named(what.strip_suffix("-type")?))
}

/// What is read of a message; all the rest is passed over.
#[derive(Debug, Default, Deserialize)]
struct Payload {
    #[serde(default)]
    action: Option<String>,
    #[serde(default)]
    number: Option<u64>,
    #[serde(default, deserialize_with = "maybe_object")]
    issue: Option<Issue>,
    #[serde(default, deserialize_with = "maybe_object")]
    repository: Option<Repository>,
    #[serde(default, deserialize_with = "maybe_object")]
    sender: Option<User>,
    #[serde(default)]
    is_pull: bool,
}

#[derive(Debug, Deserialize)]
struct Issue {
    number: u64,
    #[serde(default)]
    state: String,
}

#[derive(Debug, Deserialize)]
struct Repository {
    id: i64,
    full_name: String,
}

#[derive(Debug, Deserialize)]
struct User {
    id: i64,
    #[serde(default)]
    login: String,
}

/// Reads a message. One that does not concern issues may look as it likes.
pub(super) fn read(kind: Kind, id: &str, event: &str, payload: &[u8]) -> Result<Message, ApiError> {
    let about = kind.about();
    let read: Payload = match read_object(payload) {
        Ok(read) => read,
        Err(_) if about == About::Other => Payload::default(),
        Err(error) => return Err(ApiError::BadBody(error.to_string())),
    };
    let action = read.action.unwrap_or_default();
    let is_open = match (action.as_str(), &read.issue) {
        ("deleted", _) if about == About::Issue => Some(false),
        (_, Some(issue)) => match issue.state.as_str() {
            "open" => Some(true),
            "closed" => Some(false),
            _ => None,
        },
        (_, None) => None,
    };
    // Pull requests share their numbers with issues, and are none of ours.
    let about = if read.is_pull { About::Other } else { about };
    let number = read.issue.map(|issue| issue.number).or(read.number);
    Ok(Message {
        id: brief(id, NAME_MAX),
        event: brief(event, NAME_MAX),
        action: brief(&action, NAME_MAX),
        about,
        repository: read
            .repository
            .map(|it| Home { id: it.id, name: brief(&it.full_name, NAME_MAX) }),
        issue: number.filter(|_| matches!(about, About::Issue | About::Comment)),
        is_open,
        sender: read.sender.map(|it| Sender { id: it.id, login: brief(&it.login, NAME_MAX) }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_as(kind: &str, payload: &str) -> Result<Message, ApiError> {
        let kind = Kind(KINDS.iter().position(|known| *known == kind).unwrap());
        read(kind, "id", "event", payload.as_bytes())
    }

    #[test]
    fn names_are_kept_up_to_a_length_and_cut_beyond() {
        let kept = |length: usize| {
            let name = "x".repeat(length);
            let payload = format!(r#"{{"action":"{name}","sender":{{"id":1,"login":"{name}"}}}}"#);
            let message = read_as("issues", &payload).unwrap();
            assert_eq!(message.action, message.sender.unwrap().login);
            message.action
        };
        assert_eq!(kept(NAME_MAX), "x".repeat(NAME_MAX));
        assert!(kept(NAME_MAX + 1).contains('…') && kept(100_000).len() < NAME_MAX + 4);
    }

    #[test]
    fn what_does_not_concern_issues_may_look_as_it_likes_and_what_does_may_not() {
        for payload in [
            "",
            "{",
            "7",
            r#"["opened",7]"#,
            r#"{"issue":7}"#,
            r#"{"issue":[7,"closed"]}"#,
            r#"{"sender":[1,"max"]}"#,
            r#"{"repository":[1,"a/b"]}"#,
            r#"{"repository":"a/b"}"#,
        ] {
            assert_eq!(read_as("push", payload).unwrap().about, About::Other);
            assert!(read_as("issues", payload).is_err(), "{payload}");
        }
        let pull = r#"{"is_pull":true,"issue":{"number":7,"state":"open"}}"#;
        let pull = read_as("issue_comment", pull).unwrap();
        assert_eq!((pull.about, pull.issue), (About::Other, None));
        let ghost = r#"{"issue":null,"sender":{"id":-1,"login":"Ghost"},"repository":null}"#;
        let ghost = read_as("issues", ghost).unwrap();
        assert_eq!((ghost.issue, ghost.sender.unwrap().id), (None, -1));
    }
}
