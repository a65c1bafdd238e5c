//! Looks at issues: which are due, and what one is worth when it comes back.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::adopt::is_here;
use super::core::Core;
use super::records::Repository;
use crate::alert::{Alert, Event, Fingerprint, Learned, Sighted, Trial};

/// A repository that is to be compared with our state now and then.
#[derive(Debug, Clone)]
pub struct Round {
    pub repository: String,
    pub record: Repository,
    /// When it was compared last, since this process began.
    pub polled_at: Option<Timestamp>,
    /// How often it was compared since then: that tells what is new by no clock.
    pub polls: u64,
    /// Gitea has told of a comment of somebody, and it was not compared since this process
    /// began: an earlier one may have ended before it had read that.
    pub may_owe_comments: bool,
    /// Effects that were sent or settled so far: what a look must carry.
    pub writes: u64,
}

/// How an issue was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    pub number: u64,
    pub sighted: Sighted,
    /// The names of its labels.
    pub labels: Vec<String>,
}

impl Core {
    /// The repositories whose open issues were read and that matter: the configuration
    /// names them, or an alert has an issue there.
    pub fn rounds(&self) -> Vec<Round> {
        let configured = self.settings.routes.repositories();
        let mut names: BTreeSet<_> = configured.into_iter().collect();
        let holders =
            self.alerts.values().filter(|alert| alert.issue.is_some() && alert.is_active());
        names.extend(holders.map(|alert| alert.target.repository.as_str()));
        names
            .into_iter()
            .filter_map(|name| {
                let record = self.repositories.get(name).filter(|record| record.is_adopted)?;
                let polled_at = self.polled_at.get(name).copied();
                let polls = self.polls.get(name).copied().unwrap_or_default();
                Some(Round {
                    repository: name.to_owned(),
                    record: record.clone(),
                    polled_at,
                    polls,
                    may_owe_comments: polled_at.is_none() && self.deliveries.tell_of_comments(name),
                    writes: self.writes,
                })
            })
            .collect()
    }

    /// All changes in a repository were seen that Gitea's clock dates before `until`.
    /// `highest` is the highest number among them.
    pub fn polled(
        &mut self,
        repository: &str,
        until: Option<Timestamp>,
        highest: u64,
        now: Timestamp,
    ) {
        self.polled_at.insert(repository.to_owned(), now);
        *self.polls.entry(repository.to_owned()).or_default() += 1;
        let known = self.repositories.get(repository);
        let is_news = known.is_none_or(|known| {
            known.admission.highest < highest || (until.is_some() && known.polled_until != until)
        });
        if is_news {
            let record = self.repository(repository);
            record.polled_until = until.or(record.polled_until);
            record.admission.highest = record.admission.highest.max(highest);
        }
    }

    /// Open issues in a repository that nobody has looked at for so long, the longest ago
    /// first; and how many effects were sent or settled so far.
    pub fn due_looks(
        &self,
        repository: &str,
        every: SignedDuration,
        limit: usize,
        now: Timestamp,
    ) -> (Vec<u64>, u64) {
        let due = self.alerts.values().filter(|alert| {
            alert.target.repository == repository
                && alert.takes_room()
                && !is_in_doubt(alert)
                && alert.looked_at.is_none_or(|at| now.duration_since(at) >= every)
        });
        let mut due: Vec<_> =
            due.filter_map(|alert| Some((alert.looked_at, alert.issue?.number))).collect();
        due.sort_unstable();
        due.truncate(limit);
        (due.into_iter().map(|(_, number)| number).collect(), self.writes)
    }

    /// Tells alerts how their issues were found by requests that were sent when `writes`
    /// effects had been sent or settled.
    ///
    /// A look that one of our own writes may have crossed says nothing: returned are the
    /// issues to look at again.
    pub fn look(
        &mut self,
        repository: &str,
        writes: u64,
        sightings: &[Sighting],
        now: Timestamp,
    ) -> BTreeSet<u64> {
        let held = self.issues_held(repository);
        let mut again = BTreeSet::new();
        for sighting in sightings {
            let Some(fingerprint) = held.get(&sighting.number) else { continue };
            let Some(alert) = self.alerts.get(fingerprint) else { continue };
            let has_written = self.written.get(fingerprint).is_some_and(|&at| at > writes);
            if has_written || is_in_doubt(alert) || alert.may_land_late(now) {
                again.insert(sighting.number);
                continue;
            }
            let (group, rule) = (alert.group.clone(), self.rule_of(alert));
            let Sighting { sighted, labels, .. } = sighting.clone();
            let event = Event::Seen { sighted, labels };
            self.step_alert(fingerprint, &group, &rule, &event, now);
        }
        again
    }

    /// The issues of the alerts' present episodes in a repository.
    pub(super) fn issues_held(&self, repository: &str) -> BTreeMap<u64, Fingerprint> {
        let id = self.repositories.get(repository).and_then(|record| record.admission.id);
        let here = self.alerts.values().filter_map(|alert| {
            let issue =
                alert.issue.as_ref().filter(|issue| is_here(id, repository, alert, issue))?;
            Some((issue.number, alert.fingerprint.clone()))
        });
        here.collect()
    }

    /// Keeps count of the issues that are open, where people open and close them: for what
    /// we do ourselves the orders tell.
    pub(super) fn count_people(&mut self, before: &Alert, event: &Event, now: Timestamp) {
        let is_open = match event {
            // A closing that was ordered before is counted already. The place of an issue
            // that is gone is free for the one that may follow it.
            Event::Done { effect, learned: Learned::IssueGone } => {
                let is_about_it = effect.episode == before.episode && !effect.kind.is_aside();
                is_about_it.then_some(false)
            }
            Event::Seen { sighted, .. } => {
                before.can_be_judged(now).then_some(*sighted == Sighted::Open)
            }
            _ => None,
        };
        let is_counted = before.takes_room();
        match is_open.filter(|&is_open| is_open != is_counted) {
            Some(true) => self.repository(&before.target.repository).admission.count_open(),
            Some(false) => self.repository(&before.target.repository).admission.count_closing(),
            None => {}
        }
    }
}

pub(super) fn is_in_doubt(alert: &Alert) -> bool {
    alert.undelivered.iter().any(|undelivered| undelivered.trial == Trial::InDoubt)
}

#[cfg(test)]
mod tests {
    use super::super::Outcome;
    use super::super::settings::Settings;
    use super::*;
    use crate::alert::{Issue, Phase, Salt};
    use crate::check::{CheckId, Kind, Observation};
    use crate::store::Memory;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// Carries out the oldest effect.
    fn carry_out(core: &mut Core, now: Timestamp) {
        let seq = *core.entries.keys().next().unwrap();
        let begun = core.begin(seq, None, now).unwrap();
        let issue = Issue { repository_id: 1, number: 7 };
        let learned = match begun.issue {
            None => Learned::Opened { issue, floor: 0, left_out: Vec::new() },
            Some(_) => Learned::Settled { left_out: Vec::new(), late_until: None },
        };
        core.settle(seq, Outcome::Done(learned), now);
    }

    /// An alert with the issue #7.
    fn firing() -> Core {
        let settings = Settings::default();
        let instance = "0123456789abcdef".to_owned();
        let salt = Salt::new("salt");
        let mut core =
            Core::load(&mut Memory::new(), settings, salt, None, instance, at(0)).unwrap();
        says(&mut core, Kind::Failure);
        carry_out(&mut core, at(0));
        core
    }

    fn says(core: &mut Core, kind: Kind) {
        core.observe(&CheckId::new("db1", "disk"), &Observation::new(kind, ""), at(0));
    }

    fn look(core: &mut Core, writes: u64, sighted: Sighted) -> bool {
        let sighting = Sighting { number: 7, sighted, labels: Vec::new() };
        !core.look("", writes, &[sighting], at(1)).is_empty()
    }

    fn alert(core: &Core) -> &Alert {
        core.alerts.values().next().unwrap()
    }

    #[test]
    fn a_look_that_one_of_our_own_writes_has_crossed_is_dropped_and_ordered_again() {
        let mut core = firing();
        // Read while it was open, and handed over after the closing.
        let before = core.writes;
        says(&mut core, Kind::Success);
        carry_out(&mut core, at(1));
        assert!(look(&mut core, before, Sighted::Open));
        assert_eq!((alert(&core).reopens, alert(&core).phase), (0, Phase::Inactive));
        // One that was sent afterwards tells of a person.
        let writes = core.writes;
        assert!(!look(&mut core, writes, Sighted::Open));
        assert_eq!(alert(&core).reopens, 1);
    }

    #[test]
    fn a_look_while_something_of_ours_is_in_doubt_is_dropped_and_ordered_again() {
        let mut core = firing();
        says(&mut core, Kind::Success);
        says(&mut core, Kind::Failure);
        let seq = *core.entries.keys().next().unwrap();
        core.begin(seq, None, at(1)).unwrap();
        let writes = core.writes;
        assert!(look(&mut core, writes, Sighted::Closed));
        assert_eq!(alert(&core).shut_at, None);
    }

    #[test]
    fn what_was_looked_at_longest_ago_is_next_and_no_more_than_asked_for() {
        let mut core = firing();
        let day = SignedDuration::from_hours(24);
        let due = |core: &Core, limit, second| core.due_looks("", day, limit, at(second)).0;
        assert_eq!(due(&core, 20, 86_399), [0; 0]);
        assert_eq!(due(&core, 20, 86_400), [7]);
        assert_eq!(due(&core, 0, 86_400), [0; 0]);
        let writes = core.writes;
        assert!(!look(&mut core, writes, Sighted::Closed));
        assert_eq!(due(&core, 20, 200_000), [0; 0], "a closed one shows when it is reopened");
    }

    #[test]
    fn what_people_close_delete_and_reopen_is_counted_once() {
        let mut core = firing();
        let open = |core: &Core| core.repositories[""].admission.open;
        let seen = [
            (Sighted::Open, 1),
            (Sighted::Closed, 0),
            (Sighted::Closed, 0),
            (Sighted::Gone, 0),
            (Sighted::Open, 1),
            (Sighted::Gone, 0),
            (Sighted::Closed, 0),
            (Sighted::Open, 1),
        ];
        for (sighted, expected) in seen {
            let writes = core.writes;
            assert!(!look(&mut core, writes, sighted));
            assert_eq!(open(&core), expected, "{sighted:?}");
        }
        // What is reopened though all is well is closed again.
        says(&mut core, Kind::Success);
        carry_out(&mut core, at(1));
        assert_eq!(open(&core), 0);
        let writes = core.writes;
        assert!(!look(&mut core, writes, Sighted::Open));
        assert_eq!(open(&core), 0);
    }
}
