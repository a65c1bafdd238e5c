//! What comes of the messages of Gitea's webhooks: in a sentence for people, and in classes
//! that are counted.

use serde::{Deserialize, Serialize};

use crate::alert::Sighted;

/// What came of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is not looked at yet.
    Waits,
    /// A later one was about the same.
    Merged,
    /// The issue was looked at, and found like this.
    Found(Sighted),
    /// The repository was asked, and this was the answer, in words.
    Asked(String),
    /// The issue is none of ours.
    Stranger,
    /// Nor is the repository.
    Elsewhere,
    /// We did it ourselves.
    Own,
    /// It says nothing of issues.
    Nothing,
}

impl Outcome {
    /// The classes by which they are counted.
    pub(super) const CLASSES: [&str; 9] =
        ["open", "closed", "deleted", "asked", "merged", "stranger", "elsewhere", "own", "nothing"];

    /// Its own of them; none as long as nothing has come of it.
    pub(super) fn class(&self) -> Option<&'static str> {
        let [open, closed, deleted, asked, merged, stranger, elsewhere, own, nothing] =
            Self::CLASSES;
        Some(match self {
            Self::Waits => return None,
            Self::Found(Sighted::Open) => open,
            Self::Found(Sighted::Closed) => closed,
            Self::Found(Sighted::Gone) => deleted,
            Self::Asked(_) => asked,
            Self::Merged => merged,
            Self::Stranger => stranger,
            Self::Elsewhere => elsewhere,
            Self::Own => own,
            Self::Nothing => nothing,
        })
    }

    /// The same in a sentence.
    pub fn words(&self) -> String {
        match self {
            Self::Waits => "not looked at yet",
            Self::Merged => "a later delivery about the same was looked into",
            Self::Found(Sighted::Open) => "the issue was looked at: it is open",
            Self::Found(Sighted::Closed) => "the issue was looked at: it is closed",
            Self::Found(Sighted::Gone) => "the issue was looked at: it is deleted",
            Self::Asked(answer) => return format!("the repository was asked: {answer}"),
            Self::Stranger => "not about an issue of ours: nothing was asked",
            Self::Elsewhere => "not about a repository of ours: nothing was asked",
            Self::Own => "our own doing: nothing was asked",
            Self::Nothing => "nothing that concerns issues",
        }
        .to_owned()
    }
}
