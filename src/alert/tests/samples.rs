//! Alerts whose texts are looked at.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::super::pacing::Gathered;
use super::super::seen::{DETAILS_MAX, Diagnostics, Seen, spoken_of};
use super::super::text::Facts;
use super::super::{Alert, Group, Member, Phase, Standing};
use super::alert;

/// 2026-01-02T03:04:05Z and so many seconds.
pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_767_323_045 + second).unwrap()
}

pub(super) fn disk() -> Group {
    Group::Check { source: "db1".to_owned(), name: "disk".to_owned() }
}

pub(super) fn member(standing: Standing, summary: &str) -> Member {
    Member { standing, since: at(0), summary: summary.to_owned() }
}

/// An alert that has been firing since 03:04:05, with these members.
pub(super) fn firing(group: Group, members: &[(&str, Standing, &str)]) -> Alert {
    let members = members
        .iter()
        .map(|&(name, standing, summary)| (name.to_owned(), member(standing, summary)));
    Alert {
        phase: Phase::Firing,
        episode: 1,
        fired_at: at(0),
        members: members.collect(),
        ..alert(group)
    }
}

pub(super) fn down() -> Alert {
    firing(disk(), &[("db1/disk", Standing::Failing, "97 % full")])
}

/// Two hours later; each member was seen a minute ago.
pub(super) fn facts(alert: &Alert) -> Facts<'_> {
    let spoken_of = spoken_of(alert, |_| true);
    let shown = spoken_of.iter().take(DETAILS_MAX);
    let seen = |name: &&String| {
        let member = alert.members.get(*name)?;
        let seen = Seen {
            summary: member.summary.clone(),
            details: String::new(),
            numbers: BTreeMap::new(),
            at: at(7_140),
        };
        let account = String::new();
        Some(((*name).clone(), Diagnostics { seen: Some(seen), account }))
    };
    Facts {
        alert,
        now: at(7_200),
        diagnostics: shown.filter_map(seen).collect(),
        more: spoken_of.len().saturating_sub(DETAILS_MAX),
        absences: Vec::new(),
        public_url: Some("https://watch.example"),
        marker: "<!-- marker -->".to_owned(),
    }
}

pub(super) fn gathered(alert: Alert, gathered: Gathered) -> Alert {
    let mut alert = alert;
    alert.talk.gathered = gathered;
    alert
}
