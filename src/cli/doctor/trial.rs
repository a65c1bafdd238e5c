//! A test issue, from its opening to its end.
//!
//! Whatever dies in between leaves an open issue with a title of its own; the next trial
//! closes it.

use super::server::{Running, is_of};
use super::webhook::arrived;
use crate::cli::setup::{Examined, Findings, Target};
use crate::config::Config;
use crate::engine::DeliveryView;
use crate::gitea::{Client, Error, IssueState, StateFilter};
use crate::outbox::{LABEL_COLOR, LABEL_DESCRIPTION, chain};

const CHECK: &str = "test issue";
const TITLE: &str = "A test by teawatch doctor, which closes by itself";
const BODY: &str = "Nothing is wrong: somebody ran `teawatch doctor --write`.";

/// Tries it in every repository.
pub(super) async fn run(
    config: &Config,
    examined: &Examined,
    running: Option<&Running<'_>>,
    findings: &mut Findings,
) {
    let Some(client) = &examined.client else { return };
    for target in &examined.targets {
        let full_name = target.full_name();
        let takes_webhooks = config.webhooks.secret.is_some();
        let newest = match running.filter(|_| takes_webhooks) {
            Some(running) => running.newest().await.ok().map(|newest| (running, newest)),
            None => None,
        };
        match story(client, target).await {
            Ok((number, left)) => {
                let more = match left {
                    0 => String::new(),
                    left => format!("; {left} that an earlier test had left open are closed"),
                };
                let says = format!(
                    "#{number} of {full_name} was opened, labelled, commented and closed{more}"
                );
                findings.well(CHECK, says);
                if let Some((running, newest)) = newest {
                    let is_it = |delivery: &DeliveryView| {
                        delivery.issue == Some(number) && is_of(delivery, &full_name)
                    };
                    let came = running.arrives(newest, is_it).await;
                    arrived(came, "a message about the test issue", findings);
                }
            }
            Err(error) => findings.fault(
                CHECK,
                format!("{full_name}: {}", chain(&error)),
                "mend what is told above; the next --write closes what this one has left open",
            ),
        }
    }
}

/// Opens, labels, comments, closes. Returns the number, and how many were left of earlier
/// tests.
async fn story(client: &Client, target: &Target) -> Result<(u64, usize), Error> {
    let (owner, name) = target.path();
    let (issues, labels) = (client.issues(owner, name), client.labels(owner, name));
    let mut ids = Vec::new();
    for label in &target.labels {
        ids.push(labels.ensure(label, LABEL_COLOR, LABEL_DESCRIPTION).await?.value.id);
    }
    let me = client.user().await?.value;
    let mine = issues.list().state(StateFilter::Open).created_by(me.login).all().await?.value;
    let left: Vec<_> = mine.into_iter().filter(|issue| issue.title == TITLE).collect();
    for issue in &left {
        issues.edit(issue.number).state(IssueState::Closed).send().await?;
    }
    let number = issues.create(TITLE).body(BODY).send().await?.value.number;
    labels.add_to_issue(number, ids).await?;
    client.comments(owner, name).create(number, "So far, so good.").send().await?;
    issues.edit(number).state(IssueState::Closed).send().await?;
    Ok((number, left.len()))
}
