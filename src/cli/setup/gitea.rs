//! Looks at a Gitea step by step: is it one, does it take the token, and may the token's
//! user do what teawatch does.
//!
//! Nothing is changed there, but for labels that are asked for. What a token may do is found
//! out by trying: only the newest versions tell its scopes.

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;

use super::certificate;
use super::finding::{Findings, State};
use super::repository::{look_at, look_for_labels, make_labels};
use super::targets::{Target, targets};
use crate::cli::way::network;
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::gitea::{Answer, Cause, Client, Error, TransportError, User, Version};
use crate::loopback::is_on_this_machine;
use crate::outbox::chain;

/// Older ones have no scopes, and answer otherwise.
const GITEA_MIN: (u32, u32) = (1, 20);
const FORGEJO_MIN: (u32, u32) = (7, 0);

/// How far Gitea's clock may be from ours. Its times have whole seconds, and answers take
/// their time as well.
const CLOCK_OFF_MAX: SignedDuration = SignedDuration::from_secs(60);

/// What is done about labels that are not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Labels {
    /// They are told.
    Look,
    /// They are made, if nothing else is wrong.
    Make,
}

/// What was learned on the way.
#[derive(Debug)]
pub(in crate::cli) struct Examined {
    /// With the configured token, if Gitea takes it.
    pub(in crate::cli) client: Option<Client>,
    pub(in crate::cli) targets: Vec<Target>,
}

/// A client with this token, or with none.
pub(in crate::cli) fn client(
    gitea: &config::Gitea,
    token: Option<&SecretString>,
) -> anyhow::Result<Client> {
    let (base, network) = (gitea.url.clone(), network(gitea)?);
    Ok(match token {
        Some(token) => Client::new(base, token.clone(), network)?,
        None => Client::anonymous(base, network)?,
    })
}

/// Looks at everything, and stops where the rest could not be told.
pub(in crate::cli) async fn examine(
    config: &Config,
    labels: Labels,
    clock: &Clock,
    findings: &mut Findings,
) -> anyhow::Result<Examined> {
    let gitea = &config.gitea;
    let mut examined = Examined { client: None, targets: targets(config) };
    if !is_gitea(&client(gitea, None)?, gitea, clock, findings).await {
        return Ok(examined);
    }
    let client = client(gitea, Some(&gitea.token))?;
    if !takes_token(&client, findings).await {
        return Ok(examined);
    }
    let user = who(&client, findings).await;
    for (number, target) in examined.targets.iter().enumerate() {
        let is_first = number == 0;
        look_at(&client, target, user.as_ref(), is_first, findings).await;
    }
    for target in &examined.targets {
        match labels {
            Labels::Make if findings.faults() == 0 => make_labels(&client, target, findings).await,
            Labels::Make => {}
            Labels::Look => look_for_labels(&client, target, findings).await,
        }
    }
    examined.client = Some(client);
    Ok(examined)
}

/// Whether a Gitea answers there that teawatch knows.
async fn is_gitea(
    client: &Client,
    gitea: &config::Gitea,
    clock: &Clock,
    findings: &mut Findings,
) -> bool {
    let url = &gitea.url;
    let answer = match client.version().await {
        Ok(answer) => answer,
        // It wants everybody to sign in, and says so as Gitea does.
        Err(error) if matches!(error.status().map(|status| status.as_u16()), Some(401 | 403)) => {
            findings.well("address", format!("something at {url} wants everybody to sign in"));
            return true;
        }
        Err(error) => {
            if !certificate::is_why(gitea, &error, clock.now(), findings).await {
                not_reached(url, &error, findings);
            }
            return false;
        }
    };
    findings.well("address", format!("Gitea {} answers at {url}", answer.value));
    if url.scheme() == "https" {
        certificate::look_at(gitea, clock.now(), findings).await;
    } else if !is_on_this_machine(url) {
        let says = format!("{url} is not encrypted: whoever listens on the way learns the token");
        findings.add(State::Warning, "certificate", says, "use https://");
    }
    if let Some(date) = answer.date {
        clock_difference(date, clock.now(), findings);
    }
    is_known(&answer.value, findings)
}

fn not_reached(url: &url::Url, error: &Error, findings: &mut Findings) {
    let (check, fix) = match error.cause() {
        Cause::Transport(TransportError::Tls(_)) => (
            "certificate",
            "have Gitea show a certificate for this name, or name the certificates of who issued \
             it with `gitea.ca_file`",
        ),
        Cause::Transport(_) => ("address", "start Gitea, or correct `gitea.url`"),
        Cause::Refused { status, .. } if status.is_redirection() => {
            ("address", "set `gitea.url` to where it leads to")
        }
        Cause::Refused { status, .. } if status.is_server_error() => {
            ("address", "look at Gitea's log, or try again later")
        }
        _ => (
            "address",
            "set `gitea.url` to Gitea's start page, with the path that it may live under",
        ),
    };
    findings.fault(check, format!("no Gitea answers at {url}: {}", chain(error)), fix);
}

fn clock_difference(theirs: Timestamp, ours: Timestamp, findings: &mut Findings) {
    let off = theirs.duration_since(ours);
    let seconds = off.as_secs().unsigned_abs();
    if off.abs() > CLOCK_OFF_MAX {
        let which = if off.is_positive() { "ahead of" } else { "behind" };
        findings.fault(
            "clock",
            format!("Gitea's clock is {seconds} s {which} ours"),
            "let NTP set the clock of both machines",
        );
    } else {
        findings.well("clock", format!("Gitea's clock and ours differ by {seconds} s"));
    }
}

fn is_known(version: &Version, findings: &mut Findings) -> bool {
    let (name, least) = match version.is_forgejo() {
        true => ("Forgejo", FORGEJO_MIN),
        false => ("Gitea", GITEA_MIN),
    };
    match numbers(&version.version) {
        Some(found) if found >= least => {
            findings.well("version", format!("{name} {version} is new enough"));
            true
        }
        Some(_) => {
            let least = format!("{}.{}", least.0, least.1);
            findings.fault(
                "version",
                format!("{name} {version} is older than {least}, the first that teawatch knows"),
                format!("update {name}"),
            );
            false
        }
        None => {
            let says = format!("{version:?} is no version that can be compared");
            let fix = format!("see that it is {name} {}.{} or newer", least.0, least.1);
            findings.add(State::Unknown, "version", says, fix);
            true
        }
    }
}

/// The first two numbers of a version.
fn numbers(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.trim_start_matches('v').split(['.', '-', '+']);
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Whether the token is one. One 401 proves nothing: Gitea's database may have had hiccups.
async fn takes_token(client: &Client, findings: &mut Findings) -> bool {
    let mut answer = client.version().await;
    if answer.as_ref().is_err_and(|error| error.status() == Some(StatusCode::UNAUTHORIZED)) {
        answer = client.version().await;
    }
    let Err(error) = answer else {
        findings.well("token", "Gitea takes it");
        return true;
    };
    let fix = match error.status().map(|status| status.as_u16()) {
        Some(401) => {
            "make a new one as the user that teawatch writes as: in Gitea, Settings, Applications"
        }
        Some(403) => {
            "sign in as that user once, and see that it is active, may sign in, and need not \
             change its password"
        }
        _ => "look at Gitea's log, or try again later",
    };
    findings.fault("token", format!("Gitea does not take it: {}", chain(&error)), fix);
    false
}

/// Who the token belongs to.
async fn who(client: &Client, findings: &mut Findings) -> Option<User> {
    const SCOPE: &str = "read:user";
    match client.user().await {
        Ok(Answer { value: user, .. }) => {
            findings.well(SCOPE, format!("the token's user is {}", user.login));
            Some(user)
        }
        Err(error) => {
            scope_or_worse(SCOPE, "teawatch must learn who it is", &error, findings);
            None
        }
    }
}

/// Tells that a scope is missing, or whatever else came in between.
pub(super) fn scope_or_worse(
    scope: &'static str,
    why: &str,
    error: &Error,
    findings: &mut Findings,
) {
    if error.status() == Some(StatusCode::FORBIDDEN) {
        findings.fault(
            scope,
            format!("the token lacks this scope: {why}"),
            format!("make a new token that has {scope} too"),
        );
    } else {
        findings.fault(scope, chain(error), "look at Gitea's log, or try again later");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_first_two_numbers() {
        let is_known = |version: &str| {
            let version = Version { version: version.to_owned() };
            is_known(&version, &mut Findings::default())
        };
        for new in ["1.20.0", "1.27.0+dev-12-gabc", "2.0", "7.0.8+gitea-1.21.11", "unknown"] {
            assert!(is_known(new), "{new}");
        }
        for old in ["1.19.4", "0.9", "6.0.1+gitea-1.21.0"] {
            assert!(!is_known(old), "{old}");
        }
    }

    #[test]
    fn a_clock_may_be_off_by_a_minute() {
        let faults = |seconds| {
            let mut findings = Findings::default();
            let theirs = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds);
            clock_difference(theirs, Timestamp::UNIX_EPOCH, &mut findings);
            findings.faults()
        };
        assert_eq!([60, -60].map(faults), [0, 0]);
        assert_eq!([61, -61].map(faults), [1, 1]);
    }
}
