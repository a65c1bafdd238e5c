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
        self.leave_other_nights(&fingerprint, now);
        Filed { day, repository: rule.target.repository, issue: None, is_new: true }
    }

    /// Has those reports closed that went to other repositories before.
    fn leave_other_nights(&mut self, newest: &Fingerprint, now: Timestamp) {
        let others = self.alerts.values().filter(|alert| {
            alert.group.is_night() && alert.is_active() && alert.fingerprint != *newest
        });
        let nights = others
            .flat_map(|alert| alert.members.keys().map(|night| (alert.clone(), night.clone())));
        let nights: Vec<_> = nights.collect();
        for (alert, name) in nights {
            let event = Event::MemberGone { name, why: "reports go elsewhere".to_owned() };
            let rule = self.rule_of(&alert);
            self.step_alert(&alert.fingerprint, &alert.group, &rule, &event, now);
        }
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

#[cfg(test)]
mod tests {
    use super::super::Outcome;
    use super::super::settings::Settings;
    use super::*;
    use crate::alert::{Issue, Learned, Salt};
    use crate::night::{Draft, History, Period};
    use crate::store::{Memory, Store as _};

    fn day(number: i8) -> Date {
        Date::constant(2026, 12, number)
    }

    fn load(memory: &mut Memory, repository: &str) -> Core {
        let mut settings = Settings::default();
        repository.clone_into(&mut settings.routes.otherwise.rule.target.repository);
        let (salt, instance) = (Salt::new("salt"), "0123456789abcdef".to_owned());
        let now = Timestamp::UNIX_EPOCH;
        Core::load(memory, settings, salt, None, instance, now).unwrap()
    }

    fn file(core: &mut Core, day: Date) -> Filed {
        let now = Timestamp::UNIX_EPOCH;
        let period = Period::until(now, SignedDuration::from_hours(8));
        let report = Draft::new(period, History::new(), Vec::new(), now).finish();
        core.file_night(day, &report, now)
    }

    fn waiting(core: &Core) -> Vec<(String, EffectKind)> {
        let entries = core.entries.values();
        entries.map(|entry| (entry.repository.clone(), entry.effect.kind)).collect()
    }

    #[test]
    fn reports_that_go_to_another_repository_leave_none_open_in_the_one_before() {
        let mut memory = Memory::new();
        let mut core = load(&mut memory, "ops/a");
        assert!(file(&mut core, day(1)).is_new && !file(&mut core, day(1)).is_new);
        let seq = *core.entries.keys().next().unwrap();
        core.begin(seq, None, Timestamp::UNIX_EPOCH).unwrap();
        let issue = Issue { repository_id: 1, number: 7 };
        let learned = Learned::Opened { issue, floor: 0, left_out: Vec::new() };
        core.settle(seq, Outcome::Done(learned), Timestamp::UNIX_EPOCH);
        memory.commit(core.take_writes().0).unwrap();

        let mut core = load(&mut memory, "ops/b");
        assert_eq!(file(&mut core, day(2)).repository, "ops/b");
        let told = [("ops/b", EffectKind::Open), ("ops/a", EffectKind::Close)];
        assert_eq!(waiting(&core), told.map(|(to, kind)| (to.to_owned(), kind)));
        let opening = core.entries.values().next().unwrap();
        let text = opening.text.clone().unwrap();
        assert!(text.title.starts_with("Report: Nothing is watched yet."), "{}", text.title);
        // It is over there, and stays so.
        memory.commit(core.take_writes().0).unwrap();
        let mut core = load(&mut memory, "ops/b");
        file(&mut core, day(3));
        assert_eq!(waiting(&core).iter().filter(|(to, _)| to == "ops/a").count(), 1);
    }
}
