//! Chores: issues that jobs open and people close.
//!
//! A chore is a check of teawatch itself, `teawatch/chore-NAME`, that is in trouble from the
//! run of its job on until somebody closes its issue. So it is an alert like any other: one
//! issue, reminders, routes, and nothing lost in a crash.

use jiff::{SignedDuration, Timestamp};

use super::core::Core;
use crate::alert::Rule;
use crate::check::{CheckId, Kind, OWN_SOURCE, Observation};
use crate::job::{self, Job, JobId, Template};

/// How the name of such a check begins.
const PREFIX: &str = "chore-";

/// What tells one chore of a job from another, where there may be several.
const MARK: char = '@';

/// A chore that nobody does is let go after this: long after anybody wants it.
const LASTS: SignedDuration = SignedDuration::from_hours(5 * 365 * 24);

impl Core {
    /// Begins the chore of a job, for its run of this number. Returns whether there is a new
    /// one: where there is to be one at a time, an open one stays the only one.
    pub fn begin_chore(&mut self, job: &JobId, run: u64, now: Timestamp) -> bool {
        let Some((job, template)) = self.jobs.get(job).and_then(template) else { return false };
        let name = &job.definition.name;
        let name = match template.one_at_a_time {
            true => format!("{PREFIX}{name}"),
            false => format!("{PREFIX}{name}{MARK}{run}"),
        };
        let id = CheckId::new(OWN_SOURCE, &name);
        if self.jobs.chores.contains(&id) {
            return false;
        }
        let mut seen = Observation::new(Kind::Failure, template.title.clone());
        // It is in trouble because a job says so, however often others may fail.
        seen.holds_for = Some(LASTS);
        self.jobs.chores.insert(id);
        self.hear_of(OWN_SOURCE, &[(name, seen)], now);
        true
    }

    /// Lets go the chores whose issue somebody has closed or deleted.
    pub(super) fn mind_chores(&mut self, now: Timestamp) {
        let is_done = |id: &&CheckId| {
            let alert = self.bound.get(*id).and_then(|fingerprint| self.alerts.get(fingerprint));
            alert.is_some_and(|alert| alert.shut_at.is_some() || alert.gone_at.is_some())
        };
        let done: Vec<_> = self.jobs.chores.iter().filter(is_done).cloned().collect();
        for id in done {
            self.end_chore(&id, "somebody has closed its issue", now);
        }
    }

    /// Lets go all chores of a job.
    pub(super) fn end_chores(&mut self, job: &str, why: &str, now: Timestamp) {
        let ends = |id: &&CheckId| chore_of(id).is_some_and(|of| of == job);
        let ended: Vec<_> = self.jobs.chores.iter().filter(ends).cloned().collect();
        for id in ended {
            self.end_chore(&id, why, now);
        }
    }

    fn end_chore(&mut self, id: &CheckId, why: &str, now: Timestamp) {
        self.jobs.chores.remove(id);
        self.forget(id, why, now);
    }

    /// Finds the chores that are open, at a start.
    pub(super) fn take_up_chores(&mut self) {
        let own = self.checks.of_source(OWN_SOURCE).filter(|check| check.is_down());
        let chores = own.filter(|check| chore_of(&check.id).is_some());
        self.jobs.chores = chores.map(|check| check.id.clone()).collect();
    }

    /// The rule of a check, with what its job wants to stand on top of the issue.
    pub(super) fn chore_rule(&self, id: &CheckId, mut rule: Rule) -> Rule {
        let job = chore_of(id).and_then(|name| self.find_job(name));
        let template = job.and_then(|job| self.jobs.get(&job)).and_then(template);
        if let Some((_, template)) = template.filter(|(_, it)| !it.body.is_empty()) {
            let intro = &mut rule.target.intro;
            *intro = format!("{}\n\n{intro}", template.body).trim_end().to_owned();
        }
        rule
    }
}

fn template(job: &Job) -> Option<(&Job, &Template)> {
    match &job.definition.kind {
        job::Kind::OpenIssue(template) => Some((job, template)),
        job::Kind::Sweep
        | job::Kind::Reconcile
        | job::Kind::TokenProbe
        | job::Kind::DeadMan
        | job::Kind::Backup { .. }
        | job::Kind::Retention
        | job::Kind::Report => None,
    }
}

/// The name of the job that a check is a chore of, if it is one.
fn chore_of(id: &CheckId) -> Option<&str> {
    let name = Some(id.name()).filter(|_| id.source() == OWN_SOURCE)?.strip_prefix(PREFIX)?;
    Some(name.split(MARK).next().unwrap_or(name))
}
