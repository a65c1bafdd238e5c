//! The report of a night becomes an issue: one of each night, and the older one is closed.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::core::Core;
use super::{Engine, Entry, Error, LookBack, Text};
use crate::alert::marker::Marker;
use crate::alert::{EffectKind, Event, Fingerprint, Group, OnManualClose, Rule};
use crate::night::{self, Report, markdown};

/// Where the report of a night is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filed {
    /// The day on which the night ended.
    pub day: Date,
    pub repository: String,
    /// The number of its issue, once Gitea has confirmed it.
    pub issue: Option<u64>,
    /// It was ordered by this call, and not before.
    pub is_new: bool,
}

impl Engine {
    /// Makes the report of the night that ended last an issue, unless it is one, and has that
    /// of the night before closed. `faults` are what is wrong with teawatch itself.
    ///
    /// What is ordered is on the disk when this returns; Gitea is told afterwards. Of one
    /// night there is one issue, however often and at once this is called, and whatever is
    /// killed or lost meanwhile.
    pub async fn file_night(&self, faults: Vec<String>) -> Result<Filed, Error> {
        let (day, told) = self.ask(Core::told_night).await?;
        if let Some(filed) = told {
            return Ok(filed);
        }
        let report = self.night(LookBack::Night, faults).await?;
        // Another night may have ended meanwhile.
        let day = report.period.day.unwrap_or(day);
        self.ask(move |core, now| core.file_night(day, &report, now)).await
    }
}

impl Core {
    /// The day of the night that ended last, and where its report is told, if it is.
    fn told_night(&mut self, now: Timestamp) -> (Date, Option<Filed>) {
        let (day, _) = self.settings.night.last(now);
        let (fingerprint, ..) = self.nights(now);
        (day, self.filed(&fingerprint, day))
    }

    fn filed(&self, fingerprint: &Fingerprint, day: Date) -> Option<Filed> {
        let alert = self.alerts.get(fingerprint).filter(|alert| alert.has_night(day))?;
        let (repository, issue) = (alert.target.repository.clone(), alert.issue);
        Some(Filed { day, repository, issue: issue.map(|issue| issue.number), is_new: false })
    }

    /// The alert of all night reports that go where they go now, and its rule. What a lost
    /// store has left open of it is claimed, or closed.
    fn nights(&mut self, now: Timestamp) -> (Fingerprint, Group, Rule) {
        let repository = self.settings.routes.otherwise.rule.target.repository.clone();
        let rule = self.night_rule(&repository);
        let group = Group::Night { repository };
        let fingerprint = Fingerprint::new(&self.salt, &group);
        self.claim(&fingerprint, &group, &rule, now);
        (fingerprint, group, rule)
    }

    fn file_night(&mut self, day: Date, report: &Report, now: Timestamp) -> Filed {
        let (fingerprint, group, rule) = self.nights(now);
        if let Some(filed) = self.filed(&fingerprint, day) {
            return filed;
        }
        let event = Event::Night { day, summary: report.summary.clone() };
        self.step_alert(&fingerprint, &group, &rule, &event, now);
        self.write_night(&fingerprint, report, &rule);
        Filed { day, repository: rule.target.repository, issue: None, is_new: true }
    }

    /// Gives the opening that was just ordered its text: what was read for it is known now.
    fn write_night(&mut self, fingerprint: &Fingerprint, report: &Report, rule: &Rule) {
        let is_its_opening = |entry: &&mut Entry| {
            entry.fingerprint == *fingerprint
                && entry.effect.kind == EffectKind::Open
                && entry.text.is_none()
        };
        let Some(entry) = self.entries.values_mut().rev().find(is_its_opening) else { return };
        let marker = Marker {
            instance: self.meta.instance.clone(),
            fingerprint: fingerprint.clone(),
            effect: entry.effect,
        };
        // The marker comes first, where nothing can cut it off.
        let body = format!("{}\n\n{}", marker.line(&self.salt), markdown::body(report));
        let title = night::title(report, &rule.target.title_prefix);
        entry.text = Some(Text { title, body });
        self.dirty.entries.insert(entry.seq);
    }

    /// The rule of a repository's night reports: what people do to one is respected for good,
    /// and nobody is called by them.
    pub(super) fn night_rule(&self, repository: &str) -> Rule {
        let mut rule = self.settings.routes.otherwise.rule.clone();
        rule.open_after = SignedDuration::ZERO;
        rule.close_after = SignedDuration::ZERO;
        rule.mute_max = SignedDuration::MAX;
        rule.on_manual_close = OnManualClose::Respect;
        repository.clone_into(&mut rule.target.repository);
        rule.target.assignees.clear();
        rule
    }
}
