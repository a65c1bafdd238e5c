//! What an answer means: whether the request may have been carried out, and whom a refusal
//! concerns. Pure, and decided by the status and by what was asked for, never by the words
//! of a message: those are translated, and change.

use http::StatusCode;

/// What a request asks for, as far as it matters for what its answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operation {
    ReadUser,
    ReadVersion,
    ReadSettings,
    ReadRepository,
    /// By its id, which no rename changes.
    FindRepository,
    ListAssignees,
    /// `with_trimmings`: labels or assignees come along.
    CreateIssue {
        with_trimmings: bool,
    },
    ReadIssue,
    EditIssue {
        text: bool,
        state: bool,
    },
    ListIssues {
        by_creator: bool,
    },
    CreateComment,
    EditComment,
    DeleteComment,
    ReactToComment,
    ListComments,
    ListLabels,
    CreateLabel,
    AddLabels,
    ListHooks,
    CreateHook,
    DeleteHook,
    TestHook,
}

impl Operation {
    /// Whether this changes nothing on the server, whatever the answer.
    pub fn is_read(self) -> bool {
        match self {
            Self::ReadUser
            | Self::ReadVersion
            | Self::ReadSettings
            | Self::ReadRepository
            | Self::FindRepository
            | Self::ListAssignees
            | Self::ReadIssue
            | Self::ListIssues { .. }
            | Self::ListComments
            | Self::ListLabels
            | Self::ListHooks => true,
            Self::CreateIssue { .. }
            | Self::EditIssue { .. }
            | Self::CreateComment
            | Self::EditComment
            | Self::DeleteComment
            | Self::ReactToComment
            | Self::CreateLabel
            | Self::AddLabels
            | Self::CreateHook
            | Self::DeleteHook
            | Self::TestHook => false,
        }
    }

    /// Whether the server has to find an issue or a comment for this.
    fn is_about_an_issue(self) -> bool {
        matches!(
            self,
            Self::ReadIssue
                | Self::EditIssue { .. }
                | Self::CreateComment
                | Self::EditComment
                | Self::DeleteComment
                | Self::ListComments
                | Self::AddLabels
        )
    }

    /// Whether this is about text that the issue can do without: a refusal of it holds up
    /// nothing. Opening, closing and reopening are not.
    fn is_dispensable(self) -> bool {
        matches!(
            self,
            Self::EditIssue { state: false, .. }
                | Self::CreateComment
                | Self::EditComment
                | Self::DeleteComment
                | Self::ReactToComment
                | Self::CreateLabel
                | Self::AddLabels
        )
    }

    /// What was wanted, to follow "cannot".
    pub(super) fn verb(self) -> &'static str {
        match self {
            Self::ReadUser => "read who we are",
            Self::ReadVersion => "read gitea's version",
            Self::ReadSettings => "read gitea's settings",
            Self::ReadRepository => "read the repository",
            Self::FindRepository => "find the repository by its id",
            Self::ListAssignees => "list who may write",
            Self::CreateIssue { .. } => "create an issue",
            Self::ReadIssue => "read the issue",
            Self::EditIssue { .. } => "edit the issue",
            Self::ListIssues { .. } => "list issues",
            Self::CreateComment => "write a comment",
            Self::EditComment => "edit the comment",
            Self::DeleteComment => "delete the comment",
            Self::ReactToComment => "react to the comment",
            Self::ListComments => "list comments",
            Self::ListLabels => "list labels",
            Self::CreateLabel => "create a label",
            Self::AddLabels => "add labels",
            Self::ListHooks => "list webhooks",
            Self::CreateHook => "make a webhook",
            Self::DeleteHook => "delete the webhook",
            Self::TestHook => "test the webhook",
        }
    }
}

/// What a failed request may have changed on the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aftermath {
    /// Nothing. It is safe to send the request again as it is.
    Nothing,
    /// Perhaps what was asked for, perhaps a part of it. Look before sending it again.
    Unknown,
}

/// Whom or what a failed request concerns, which says what to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Concern {
    /// The server or the repository as a whole: nothing else would fare better there.
    Target,
    /// The repository has another name now, below this path on the same host. Ask for it by
    /// id.
    Moved { location: String },
    /// The issue, or the comment, or its repository is gone or out of sight. Ask for the
    /// repository next: only if it answers, and has issues, is it the issue.
    IssueOrTarget,
    /// The server is in trouble, or the issue is gone: Gitea answers 500 for comments of an
    /// issue that does not exist. Ask for the issue next.
    IssueOrTransient,
    /// The login that the list was asked for is nobody's, or the repository is out of sight.
    /// Ask who we are; if that has not changed, ask for the repository.
    Identity,
    /// What can be left out: an assignee, a label, a comment, a new text.
    Trimmings,
    /// Someone else changed the issue in the meantime. Read it again.
    Stale,
    /// The request for what it is. The same again will be refused again.
    Thing,
    /// Nothing in particular. Try later.
    Transient,
}

/// What a refusal with this status may have changed.
pub(super) fn aftermath(operation: Operation, status: StatusCode) -> Aftermath {
    let is_certain = match status.as_u16() {
        408 => false,
        // An issue that shall be closed at once is created first and then not closed; the
        // fields of an edit are written one by one, the state last.
        412 => !matches!(
            operation,
            Operation::CreateIssue { .. } | Operation::EditIssue { text: true, .. }
        ),
        300..=499 => true,
        // A server error can come after the commit.
        _ => false,
    };
    if is_certain || operation.is_read() { Aftermath::Nothing } else { Aftermath::Unknown }
}

/// Whom a refusal with this status concerns. `location` is where a redirect leads, if that
/// is on the same host.
pub(super) fn concern(operation: Operation, status: StatusCode, location: Option<&str>) -> Concern {
    match status.as_u16() {
        301 | 307 | 308 if names_a_repository(operation) => match location {
            Some(location) => Concern::Moved { location: location.to_owned() },
            None => Concern::Target,
        },
        // Before 1.26 this is how an edit says what 409 says from then on.
        400 | 409 if matches!(operation, Operation::EditIssue { .. }) => Concern::Stale,
        400 if operation == Operation::AddLabels => Concern::Trimmings,
        403 | 413 | 423 if operation.is_dispensable() => Concern::Trimmings,
        // The list is only asked for to learn who may command, and needs a scope of its own.
        403 if operation == Operation::ListAssignees => Concern::Trimmings,
        // Whatever it was that was deleted.
        404 if operation == Operation::ReactToComment => Concern::Trimmings,
        404 if operation == (Operation::ListIssues { by_creator: true }) => Concern::Identity,
        404 if operation.is_about_an_issue() => Concern::IssueOrTarget,
        300..=399 | 401 | 403 | 404 | 405 | 407 | 423 => Concern::Target,
        408 | 429 => Concern::Transient,
        422 => match operation {
            Operation::CreateIssue { with_trimmings: true }
            | Operation::CreateLabel
            | Operation::AddLabels => Concern::Trimmings,
            _ => Concern::Thing,
        },
        500 if matches!(operation, Operation::CreateComment | Operation::ListComments) => {
            Concern::IssueOrTransient
        }
        400..=499 => Concern::Thing,
        _ => Concern::Transient,
    }
}

/// Whether the request's path holds the name of a repository, so that a rename shows.
fn names_a_repository(operation: Operation) -> bool {
    !matches!(
        operation,
        Operation::ReadUser
            | Operation::ReadVersion
            | Operation::ReadSettings
            | Operation::FindRepository
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREATE: Operation = Operation::CreateIssue { with_trimmings: false };
    const CLOSE: Operation = Operation::EditIssue { text: false, state: true };
    const REWRITE: Operation = Operation::EditIssue { text: true, state: false };

    fn statuses(wanted: impl Fn(StatusCode) -> bool) -> Vec<u16> {
        (300..=599).filter(|code| wanted(StatusCode::from_u16(*code).unwrap())).collect()
    }

    #[test]
    fn a_create_is_in_doubt_after_408_412_and_every_server_error() {
        let in_doubt = statuses(|status| aftermath(CREATE, status) == Aftermath::Unknown);
        let expected: Vec<_> = [408, 412].into_iter().chain(500..=599).collect();
        assert_eq!(in_doubt, expected);
    }

    #[test]
    fn a_close_that_is_held_up_by_dependencies_changed_nothing() {
        let in_doubt = statuses(|status| aftermath(CLOSE, status) == Aftermath::Unknown);
        let expected: Vec<_> = [408].into_iter().chain(500..=599).collect();
        assert_eq!(in_doubt, expected);
        let both = Operation::EditIssue { text: true, state: true };
        assert_eq!(aftermath(both, StatusCode::PRECONDITION_FAILED), Aftermath::Unknown);
    }

    #[test]
    fn a_read_changes_nothing_whatever_the_answer() {
        assert!(statuses(|s| aftermath(Operation::ReadIssue, s) == Aftermath::Unknown).is_empty());
    }

    #[test]
    fn a_refusal_concerns_what_was_asked_for() {
        let concern =
            |operation, code| concern(operation, StatusCode::from_u16(code).unwrap(), None);
        let trimmed = Operation::CreateIssue { with_trimmings: true };
        let expected = [
            (CREATE, 401, Concern::Target),
            (CREATE, 403, Concern::Target),
            (CREATE, 404, Concern::Target),
            (CREATE, 413, Concern::Thing),
            (CREATE, 422, Concern::Thing),
            (CREATE, 423, Concern::Target),
            (CREATE, 429, Concern::Transient),
            (CREATE, 502, Concern::Transient),
            (trimmed, 422, Concern::Trimmings),
            (CLOSE, 403, Concern::Target),
            (CLOSE, 404, Concern::IssueOrTarget),
            (CLOSE, 409, Concern::Stale),
            (CLOSE, 412, Concern::Thing),
            (CLOSE, 500, Concern::Transient),
            (REWRITE, 400, Concern::Stale),
            (REWRITE, 403, Concern::Trimmings),
            (REWRITE, 413, Concern::Trimmings),
            (Operation::CreateComment, 403, Concern::Trimmings),
            (Operation::CreateComment, 423, Concern::Trimmings),
            (Operation::CreateComment, 500, Concern::IssueOrTransient),
            (Operation::CreateComment, 503, Concern::Transient),
            (Operation::ListAssignees, 403, Concern::Trimmings),
            (Operation::ListAssignees, 404, Concern::Target),
            (Operation::ListIssues { by_creator: true }, 404, Concern::Identity),
            (Operation::ListIssues { by_creator: false }, 404, Concern::Target),
            (Operation::ReadUser, 404, Concern::Target),
            (Operation::AddLabels, 400, Concern::Trimmings),
        ];
        for (operation, code, expected) in expected {
            assert_eq!(concern(operation, code), expected, "{operation:?} {code}");
        }
    }

    #[test]
    fn only_a_permanent_kind_of_redirect_on_the_same_host_is_a_move() {
        let location = Some("/api/v1/repos/new/name/issues");
        let concern =
            |operation, code, to| concern(operation, StatusCode::from_u16(code).unwrap(), to);
        for code in [301, 307, 308] {
            assert!(matches!(concern(CREATE, code, location), Concern::Moved { .. }));
            assert_eq!(concern(CREATE, code, None), Concern::Target);
            assert_eq!(concern(Operation::FindRepository, code, location), Concern::Target);
        }
        assert_eq!(concern(CREATE, 302, location), Concern::Target);
    }
}
