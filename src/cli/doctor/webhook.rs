//! Gitea's webhook: whether it is there, right, and gets through.

use secrecy::SecretString;
use url::Url;

use super::server::{ARRIVES_WITHIN, Running, is_of};
use crate::cli::setup::{
    Examined, Findings, State, Target, client, doubts, find, hook_address, told,
};
use crate::config::Config;
use crate::engine::DeliveryView;
use crate::gitea::{Client, Hook};
use crate::outbox::chain;

const CHECK: &str = "webhook";
const INSTALL: &str = "`teawatch hook install` makes it anew";

/// What a webhook must tell of; the last one is what a test of it sends.
const EVENTS: [&str; 4] = ["issues", "issue_label", "issue_comment", "push"];

/// What is known when it is looked at.
pub(super) struct Webhook<'a> {
    pub(super) config: &'a Config,
    pub(super) examined: &'a Examined,
    /// A message was seen, so Gitea may call the address.
    pub(super) gets_through: bool,
}

impl Webhook<'_> {
    pub(super) async fn look(
        &self,
        token: Option<&SecretString>,
        running: Option<&Running<'_>>,
        findings: &mut Findings,
    ) -> anyhow::Result<()> {
        let Self { config, examined, gets_through } = *self;
        let Some(own) = examined.client.as_ref().filter(|_| config.webhooks.secret.is_some())
        else {
            return Ok(());
        };
        let Some(address) = hook_address(config) else {
            let says = "how Gitea reaches teawatch is not known";
            findings.fault(CHECK, says, "set `public_url`");
            return Ok(());
        };
        if let Some((state, says, fix)) = doubts(&config.gitea.url, &address).await
            && (state == State::Fault || !gets_through)
        {
            findings.add(state, CHECK, says, fix);
        }
        let administrator = match token {
            Some(token) => client(&config.gitea, Some(token))?,
            None => own.clone(),
        };
        for target in &examined.targets {
            match find(&administrator, target, &address).await {
                Ok(hooks) => {
                    let active = hooks.iter().find(|hook| hook.active);
                    let Some(hook) = active.or(hooks.first()) else {
                        absent(target, &address, running, findings).await;
                        continue;
                    };
                    judge(hook, hooks.len(), target, &address, findings);
                    if let (Some(hook), Some(running)) = (active, running) {
                        round_trip(&administrator, target, hook, running, findings).await;
                    }
                }
                Err(error) => {
                    let (says, fix) = told(&error, target);
                    let (state, fix) = match token {
                        Some(_) => (State::Fault, fix),
                        None => (
                            State::Unknown,
                            format!("{fix}: set TEAWATCH_HOOK_TOKEN, or --hook-token-file"),
                        ),
                    };
                    findings.add(state, CHECK, says, fix);
                }
            }
        }
        Ok(())
    }
}

/// Tells that the repository has none. Its organisation, or the whole server, may: only
/// their administrators see those, and their messages tell of them.
async fn absent(
    target: &Target,
    address: &Url,
    running: Option<&Running<'_>>,
    findings: &mut Findings,
) {
    let full_name = target.full_name();
    let says = format!("{full_name} has none that points to {address}");
    let last = match running {
        Some(running) => running.last_of(&full_name).await,
        None => None,
    };
    match last {
        Some(at) => findings.add(
            State::Warning,
            CHECK,
            format!(
                "{says}, and messages about it arrive, the last at {at}: from a webhook of its \
                 organisation or of all of Gitea, or from one that is gone by now"
            ),
            "--write tries whether they go on; if not, `teawatch hook install` makes one",
        ),
        None => findings.fault(CHECK, says, "`teawatch hook install` makes it"),
    }
}

/// Whether one of `count` is as it should be.
fn judge(hook: &Hook, count: usize, target: &Target, address: &Url, findings: &mut Findings) {
    let full_name = target.full_name();
    let lacks = EVENTS.into_iter().filter(|event| !hook.events.iter().any(|told| told == event));
    let lacks: Vec<_> = lacks.collect();
    if !hook.active {
        findings.fault(CHECK, format!("that of {full_name} is switched off"), INSTALL);
    } else if !lacks.is_empty() {
        let says = format!("that of {full_name} does not tell of {}", lacks.join(", "));
        findings.fault(CHECK, says, INSTALL);
    } else if count > 1 {
        let says = format!("{count} of {full_name} point to {address}: all comes again");
        findings.add(State::Warning, CHECK, says, "`teawatch hook install` leaves one");
    } else {
        findings.well(CHECK, format!("that of {full_name} is active, and points to {address}"));
    }
}

/// Has Gitea send a message, and waits for it.
async fn round_trip(
    client: &Client,
    target: &Target,
    hook: &Hook,
    running: &Running<'_>,
    findings: &mut Findings,
) {
    const CHECK: &str = "round trip";
    let (owner, name) = target.path();
    let full_name = target.full_name();
    let is_empty = client.repository(owner, name).get().await.is_ok_and(|it| it.value.empty);
    if is_empty {
        let says = format!("Gitea tests no webhook of {full_name}, which has no commit so far");
        return findings.add(State::Unknown, CHECK, says, "--write tries it with an issue");
    }
    let newest = match running.newest().await {
        Ok(newest) => newest,
        Err(error) => {
            let fix = "mend what is told of deliveries";
            return findings.add(State::Unknown, CHECK, format!("{error:#}"), fix);
        }
    };
    if let Err(error) = client.hooks(owner, name).test(hook.id).await {
        let says = format!("Gitea does not test the webhook: {}", chain(&error));
        return findings.fault(CHECK, says, "the token needs the scope write:repository for that");
    }
    let is_it = |delivery: &DeliveryView| delivery.event == "push" && is_of(delivery, &full_name);
    arrived(running.arrives(newest, is_it).await, "a test of the webhook", findings);
}

/// Tells whether a message of Gitea arrived.
pub(super) fn arrived(came: anyhow::Result<bool>, what: &str, findings: &mut Findings) {
    const CHECK: &str = "round trip";
    match came {
        Ok(true) => findings.well(CHECK, format!("{what} arrived")),
        Ok(false) => findings.fault(
            CHECK,
            format!("{what} did not arrive within {} s", ARRIVES_WITHIN.as_secs()),
            "what became of it stands below the webhook in Gitea's settings of the repository: \
             refused by ALLOWED_HOST_LIST, not connected, or answered with 401 for another \
             secret, which `teawatch hook install` mends",
        ),
        Err(error) => {
            let fix = "see that the server goes on running";
            findings.add(State::Unknown, CHECK, format!("{error:#}"), fix);
        }
    }
}
