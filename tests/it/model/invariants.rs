//! What holds, always.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use teawatch::alert::EffectKind;
use teawatch::alert::marker::Marker;
use teawatch::check::Status;
use teawatch::sandbox::Issue;

use super::play::{LABEL, Play, REPOSITORY};

const TABLE: &str = "<!-- teawatch: this table is kept up to date -->";

/// What is remembered of Gitea from look to look.
#[derive(Debug, Default)]
pub struct Seen {
    /// Markers of issues, by number and version of the body.
    issues: BTreeMap<(u64, i64), Option<Marker>>,
    comments: BTreeMap<u64, Option<Marker>>,
    /// Issues that a person has written in.
    pub edited: BTreeSet<u64>,
    /// The newest issue when the store was last lost, and what it had still to tell with it.
    pub lost_until: u64,
}

impl Play {
    /// What holds after each move.
    pub fn check(&mut self) -> Result<(), TestCaseError> {
        let issues = self.our_issues()?;
        let mut keys = BTreeSet::new();
        let mut open: BTreeMap<_, Vec<u64>> = BTreeMap::new();
        for (number, is_open, marker) in &issues {
            prop_assert!(keys.insert(marker.to_string()), "two issues for {marker}");
            if *is_open {
                open.entry(marker.fingerprint.clone()).or_default().push(*number);
            }
        }
        for (fingerprint, numbers) in &open {
            prop_assert!(numbers.len() == 1, "{fingerprint} has the open issues {numbers:?}");
        }
        self.check_comments()?;

        let (health, alerts) = {
            let pages = self.book.pages();
            // Before all times no check is late.
            let walked = pages.core.overview(Timestamp::MIN);
            let counted = pages.core.inventory(Timestamp::MIN);
            let is_counted = |(status, _): &(Status, usize)| *status != Status::Late;
            let checks: Vec<_> = walked.checks.into_iter().filter(is_counted).collect();
            prop_assert_eq!(counted.checks, checks);
            prop_assert_eq!(counted.phases, walked.phases.to_vec());
            prop_assert_eq!(counted.outbox, walked.outbox.to_vec());
            (pages.core.health(), pages.core.alerts_page(None, 500).items)
        };
        prop_assert_eq!(health.parked, 0, "{:?}", self.entries());
        prop_assert_eq!(&health.copied, &None);
        let overflow = alerts.iter().find(|alert| alert.title.starts_with("overflow of"));
        for alert in alerts.iter().filter(|alert| alert.is_row) {
            let is_active = matches!(alert.phase.as_str(), "firing" | "recovering");
            let row = alert.group.row();
            let is_shown = overflow.is_some_and(|overflow| overflow.in_trouble.contains(&row));
            prop_assert_eq!(is_active, is_shown, "the row of {} in {:#?}", row, overflow);
        }
        if !self.is_told() {
            return Ok(());
        }
        let unclaimed = health.unclaimed.get(REPOSITORY);
        let mut expected: BTreeMap<_, Vec<u64>> = BTreeMap::new();
        for issue in unclaimed.into_iter().flatten() {
            expected.entry(issue.fingerprint.clone()).or_default().push(issue.number);
        }
        for alert in alerts {
            let is_active = matches!(alert.phase.as_str(), "firing" | "recovering");
            if is_active && !alert.is_row {
                let number = alert.issue;
                prop_assert!(number.is_some(), "{} is told, and has no issue", alert.title);
                expected.entry(alert.fingerprint).or_default().extend(number);
            }
        }
        prop_assert_eq!(&open, &expected, "what is open, and what should be");
        Ok(())
    }

    /// What holds when all is well and told.
    pub fn check_tables(&mut self) -> Result<(), TestCaseError> {
        let unclaimed: BTreeSet<_> = {
            let health = self.book.pages().core.health();
            health.unclaimed.into_values().flatten().map(|issue| issue.number).collect()
        };
        let alerts = self.book.pages().core.alerts_page(None, 500).items;
        for (number, _, _) in self.our_issues()? {
            let (body, labels, told) = self.gitea.look(|world| {
                let labels = world.labels_of(REPOSITORY, number).join(" ");
                let issue = world.issue(REPOSITORY, number).unwrap();
                let told: Vec<_> = issue.comments().map(|comment| comment.body.clone()).collect();
                (issue.body.clone(), labels, told.concat())
            });
            if unclaimed.contains(&number) {
                continue;
            }
            // What could not be had in several attempts is told, by whoever still knows it.
            let note = format!("> the labels {LABEL} could not be had: ");
            let is_told = told.contains(&note) || number <= self.seen.lost_until;
            if !(labels.is_empty() && is_told) {
                prop_assert_eq!(labels, LABEL, "the labels of #{}", number);
            }
            if self.seen.edited.contains(&number) {
                prop_assert!(body.contains("alice looks at it"), "a person's words are gone");
            }
            let is_current = alerts.iter().any(|alert| alert.issue == Some(number));
            let table = body.rsplit_once(TABLE).map_or("", |(_, table)| table);
            let is_old = is_current && table.contains("| **");
            prop_assert!(!is_old, "all is well, and #{number} says:\n{body}\n{alerts:#?}");
        }
        Ok(())
    }

    /// Our issues, with their markers, all of which can be read.
    fn our_issues(&mut self) -> Result<Vec<(u64, bool, Marker)>, TestCaseError> {
        let (salt, seen) = (&self.salt, &mut self.seen.issues);
        self.gitea.look(|world| {
            let mut found = Vec::new();
            for issue in world.issues(REPOSITORY) {
                let key = (issue.number, issue.content_version);
                let marker = seen.entry(key).or_insert_with(|| Marker::find(salt, &issue.body));
                let Some(marker) = marker.clone() else {
                    return Err(TestCaseError::fail(format!("no marker in {:?}", issue.body)));
                };
                prop_assert_eq!(marker.effect.kind, EffectKind::Open);
                found.push((issue.number, issue.is_open, marker));
            }
            Ok(found)
        })
    }

    /// No comment is there twice, and all of ours are known by their markers.
    fn check_comments(&mut self) -> Result<(), TestCaseError> {
        let (salt, seen) = (&self.salt, &mut self.seen.comments);
        self.gitea.look(|world| {
            let mut keys = BTreeSet::new();
            let ours =
                |comment: &&teawatch::sandbox::Event| world.login(comment.user) == "teawatch";
            for comment in world.issues(REPOSITORY).flat_map(Issue::comments).filter(ours) {
                let marker =
                    seen.entry(comment.id).or_insert_with(|| Marker::find(salt, &comment.body));
                let Some(marker) = marker else {
                    return Err(TestCaseError::fail(format!("no marker in {:?}", comment.body)));
                };
                prop_assert!(keys.insert(marker.to_string()), "{marker} was commented twice");
            }
            Ok(())
        })
    }
}
