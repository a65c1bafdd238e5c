//! The server: whether it runs, and what it has heard of.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp, Unit};

use crate::check::Status;
use crate::cli::call::Server;
use crate::cli::setup::{Findings, State};
use crate::config::Config;
use crate::engine::{CheckView, DeliveryView, Page};

/// The implicit check of every source.
const AGENT: &str = "agent";

/// How long a message of Gitea may be on its way: it gives a receiver 5 s itself.
pub(super) const ARRIVES_WITHIN: Duration = Duration::from_secs(10);

/// How often it is asked whether it has come.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A server that answers.
pub(super) struct Running<'a>(&'a Server);

/// Whether a message is of this repository, as far as it says of which it is.
pub(super) fn is_of(delivery: &DeliveryView, full_name: &str) -> bool {
    let repository = delivery.repository.as_ref();
    repository.is_none_or(|name| name.eq_ignore_ascii_case(full_name))
}

impl<'a> Running<'a> {
    /// The server, if it answers.
    pub(super) async fn look(server: &'a Server, findings: &mut Findings) -> Option<Self> {
        const CHECK: &str = "server";
        let body = match server.readiness().await {
            Ok(body) => body,
            Err(error) => {
                findings.fault(CHECK, format!("{error:#}"), "start it: teawatch serve");
                return None;
            }
        };
        let reasons = body["reasons"].as_array().into_iter().flatten();
        let reasons: Vec<_> = reasons.filter_map(|reason| reason.as_str()).collect();
        match body["ready"].as_bool() {
            Some(true) => findings.well(CHECK, "it runs, and does its work"),
            Some(false) => {
                let says = format!("it runs, and cannot do its work: {}", reasons.join("; "));
                findings.fault(CHECK, says, "mend what it names; `teawatch status` tells more");
            }
            None => {
                let says = "something answers in its place that is no teawatch";
                findings.fault(CHECK, says, "see what else listens at `listen`");
                return None;
            }
        }
        Some(Self(server))
    }

    /// When agents were last heard of.
    pub(super) async fn agents(&self, now: Timestamp, findings: &mut Findings) {
        const CHECK: &str = "agents";
        let checks = match self.0.list::<CheckView>("api/v1/checks").await {
            Ok(checks) => checks,
            Err(error) => {
                let fix = "see that `api.read_token_file` is the server's";
                return findings.add(State::Unknown, CHECK, format!("{error:#}"), fix);
            }
        };
        let agents: Vec<_> = checks.iter().filter(|check| check.name == AGENT).collect();
        let mut silent = 0;
        for agent in &agents {
            let source = &agent.source;
            if matches!(agent.status, Status::Down | Status::NeverSeen) {
                silent += 1;
                findings.fault(
                    CHECK,
                    format!("{source} is silent; its last report came {}", ago(agent, now)),
                    format!(
                        "look at that host; `teawatch checks remove {source}/{AGENT}` if it is gone"
                    ),
                );
            }
        }
        if agents.is_empty() {
            let fix = "`teawatch agent enroll HOST` says how one does";
            findings.add(State::Warning, CHECK, "none has reported so far", fix);
        } else if silent == 0 {
            let oldest = agents.iter().min_by_key(|agent| agent.last_seen);
            let oldest = oldest.map(|agent| ago(agent, now)).unwrap_or_default();
            let count = agents.len();
            findings.well(CHECK, format!("{count} report; the oldest last report came {oldest}"));
        }
    }

    /// Whether Gitea's messages arrive at all.
    pub(super) async fn deliveries(&self, config: &Config, findings: &mut Findings) {
        const CHECK: &str = "deliveries";
        if config.webhooks.secret.is_none() {
            let says = "no webhook is taken: what people do is noticed within reconcile.every";
            let fix = "set `webhooks.secret_file`, and `teawatch hook install`";
            return findings.add(State::Warning, CHECK, says, fix);
        }
        match self.taken().await.map(|taken| taken.into_iter().next()) {
            Ok(Some(DeliveryView { at, event, .. })) => {
                findings.well(CHECK, format!("the last one, {event}, came at {at}"));
            }
            Ok(None) => findings.fault(
                CHECK,
                "none was ever seen",
                "`teawatch hook install` makes the webhook; what became of each message stands \
                 below it in Gitea's settings of the repository",
            ),
            Err(error) => {
                let fix =
                    "see that the server is this version's, and `api.read_token_file` its own";
                findings.add(State::Unknown, CHECK, format!("{error:#}"), fix);
            }
        }
    }

    /// What Gitea has sent of late, the newest first.
    async fn taken(&self) -> anyhow::Result<Vec<DeliveryView>> {
        let taken: Page<DeliveryView> = self.0.get("api/v1/deliveries", &[]).await?;
        Ok(taken.items)
    }

    /// When Gitea told of this repository last, if it did of late.
    pub(super) async fn last_of(&self, full_name: &str) -> Option<Timestamp> {
        let is_it = |delivery: &&DeliveryView| {
            let repository = delivery.repository.as_ref();
            repository.is_some_and(|name| name.eq_ignore_ascii_case(full_name))
        };
        Some(self.taken().await.ok()?.iter().find(is_it)?.at)
    }

    /// The number of the newest one that has come so far.
    pub(super) async fn newest(&self) -> anyhow::Result<u64> {
        Ok(self.taken().await?.first().map_or(0, |delivery| delivery.number))
    }

    /// Waits until one comes after this one that `is_it`; says whether it did.
    pub(super) async fn arrives(
        &self,
        newest: u64,
        is_it: impl Fn(&DeliveryView) -> bool,
    ) -> anyhow::Result<bool> {
        let waiting = async {
            loop {
                let taken = self.taken().await?;
                if taken.iter().any(|delivery| delivery.number > newest && is_it(delivery)) {
                    return anyhow::Ok(());
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        match tokio::time::timeout(ARRIVES_WITHIN, waiting).await {
            Ok(came) => came.map(|()| true),
            Err(_) => Ok(false),
        }
    }
}

/// How long ago a check was heard of.
fn ago(check: &CheckView, now: Timestamp) -> String {
    let Some(seen) = check.last_seen else { return "never".to_owned() };
    let age = now.duration_since(seen).max(SignedDuration::ZERO);
    format!("{:#} ago", age.round(Unit::Second).unwrap_or(age))
}
