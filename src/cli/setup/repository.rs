//! Looks at one repository: whether it takes issues, and what the token and its user may do
//! there.

use http::StatusCode;

use super::finding::{Findings, State};
use super::gitea::scope_or_worse;
use super::targets::Target;
use crate::gitea::{Client, Concern, Label, Repository, User};
use crate::outbox::{LABEL_COLOR, LABEL_DESCRIPTION, chain};

/// Looks at one repository; the scopes are those of the token, and told with the first.
pub(super) async fn look_at(
    client: &Client,
    target: &Target,
    user: Option<&User>,
    is_first: bool,
    findings: &mut Findings,
) {
    const READ: &str = "read:repository";
    const WRITE: &str = "write:issue";
    let (owner, name) = target.path();
    let found = client.repository(owner, name).get().await;
    // An issue without a title is refused for that, after all that is to be found out.
    let refused = client.issues(owner, name).create("").send().await;
    if is_first {
        match &found {
            Err(error) if error.status() == Some(StatusCode::FORBIDDEN) => findings.fault(
                READ,
                "the token lacks this scope: teawatch must tell a deleted issue from a repository \
                 that is gone, and follow a rename",
                format!("make a new token that has {READ} too"),
            ),
            _ => findings.well(READ, "the token has this scope"),
        }
        match &refused {
            Err(error) if error.status() == Some(StatusCode::FORBIDDEN) => scope_or_worse(
                WRITE,
                "teawatch opens issues, writes comments and makes labels",
                error,
                findings,
            ),
            _ => findings.well(WRITE, "the token has this scope"),
        }
    }
    let full_name = target.full_name();
    let login = user.map_or("the token's user", |user| &user.login);
    let repository = match found {
        Ok(answer) => answer.value,
        Err(error) => {
            let (state, fix) = match (error.concern(), error.status().map(|it| it.as_u16())) {
                (Concern::Moved { .. }, _) => {
                    (State::Fault, "set `gitea.repository` to its new name".to_owned())
                }
                (_, Some(404)) => (
                    State::Fault,
                    format!(
                        "correct `gitea.repository`, or make the repository, and make {login} a \
                         collaborator who may write; a token for public things only does not see \
                         a private one"
                    ),
                ),
                (_, Some(403)) => (State::Unknown, format!("see {READ} above")),
                _ => (State::Fault, "look at Gitea's log, or try again later".to_owned()),
            };
            let says = format!("{login} cannot see {full_name}: {}", chain(&error));
            findings.add(state, "repository", says, fix);
            return;
        }
    };
    if repository.archived {
        let says = format!("{full_name} is archived, so nobody can open issues there");
        findings.fault("repository", says, "unarchive it, or name another with `gitea.repository`");
    } else if !repository.has_own_issues() {
        let says = format!("issues are switched off in {full_name}");
        findings.fault("repository", says, "switch on Gitea's own issues in its settings");
    } else {
        findings.well("repository", format!("{full_name} takes issues"));
    }
    rights(client, target, &repository, user, findings).await;
}

/// Whether the user may write to issues. Rights to the code say so, and where there are
/// none the list of those who may be assigned.
async fn rights(
    client: &Client,
    target: &Target,
    repository: &Repository,
    user: Option<&User>,
    findings: &mut Findings,
) {
    const CHECK: &str = "rights";
    let (owner, name) = target.path();
    let full_name = target.full_name();
    let login = user.map_or("the token's user", |user| &user.login);
    let may = repository.permissions.unwrap_or_default();
    let may_write = if may.admin || may.push {
        Ok(true)
    } else {
        let assignees = client.repository(owner, name).assignees().await;
        assignees.map(|all| user.is_some_and(|user| all.value.iter().any(|it| it.id == user.id)))
    };
    let fix = || format!("make {login} a collaborator of {full_name} who may write");
    match may_write {
        Ok(true) => findings.well(CHECK, format!("{login} may write to {full_name}")),
        Ok(false) => {
            let says = format!(
                "{login} may only read in {full_name}: it could open issues, and neither label \
                 nor assign them"
            );
            findings.fault(CHECK, says, fix());
        }
        Err(error) => {
            let says = format!("whether {login} may write cannot be told: {}", chain(&error));
            findings.add(State::Unknown, CHECK, says, fix());
        }
    }
}

/// Makes those that are missing.
pub(super) async fn make_labels(client: &Client, target: &Target, findings: &mut Findings) {
    let (owner, name) = target.path();
    for label in &target.labels {
        match client.labels(owner, name).ensure(label, LABEL_COLOR, LABEL_DESCRIPTION).await {
            Ok(_) => findings.well("label", format!("{} has {label}", target.full_name())),
            Err(error) => findings.fault(
                "label",
                format!("{label} cannot be made: {}", chain(&error)),
                "see that the token's user may write, or make the label by hand",
            ),
        }
    }
}

/// Tells which are missing.
pub(super) async fn look_for_labels(client: &Client, target: &Target, findings: &mut Findings) {
    let (owner, name) = target.path();
    let full_name = target.full_name();
    if target.labels.is_empty() {
        return;
    }
    let known = match client.labels(owner, name).list().all().await {
        Ok(answer) => answer.value,
        Err(error) => {
            let says = format!("the labels of {full_name} cannot be read: {}", chain(&error));
            findings.add(State::Unknown, "label", says, "mend what is told above");
            return;
        }
    };
    for label in &target.labels {
        if Label::lowest_named(label, known.iter().cloned()).is_some() {
            findings.well("label", format!("{full_name} has {label}"));
        } else {
            findings.fault(
                "label",
                format!("{full_name} has no label {label}"),
                "make it there, or run `teawatch doctor --write`; the next issue makes it as well",
            );
        }
    }
}
