//! What is under way, what may be begun next, and what follows from its news.
//!
//! Pure: it knows neither clock nor network. [`Task`](super::Task) does what it says, and so
//! does a simulation.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::status::Refusing;
use super::{News, Queue, Settings, Target};
use crate::alert::EffectKind;
use crate::engine::{self, Entry, Feed, Repository};

/// How often we ask who we are.
const IDENTITY_EVERY: SignedDuration = SignedDuration::from_hours(24);

/// One piece of work, about one repository.
#[derive(Debug, Clone)]
pub struct Work {
    pub repository: String,
    /// What is known of it.
    pub record: Repository,
    pub what: What,
}

/// What a piece of work does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Asks a repository that refuses whether it still does.
    Probe,
    /// Reads the open issues of a repository.
    Adopt,
    /// Does the next thing about an effect. `others` are effects in doubt that share a look.
    /// After a refusal others may have got through: then it is refused for what it is.
    Attempt { seq: u64, others: Vec<u64>, others_got_through: bool },
}

impl Work {
    /// The effects that nothing else may work on meanwhile.
    fn entries(&self) -> impl Iterator<Item = u64> {
        let (first, others) = match &self.what {
            What::Probe | What::Adopt => (None, &[][..]),
            What::Attempt { seq, others, .. } => (Some(*seq), others.as_slice()),
        };
        first.into_iter().chain(others.iter().copied())
    }
}

/// The outbox's work, as far as it is decided in memory.
#[derive(Debug)]
pub struct Agenda {
    settings: Settings,
    queue: Queue,
    /// Entries that wait for something other than their own time.
    resting: BTreeMap<u64, Timestamp>,
    /// Those that the configuration names.
    configured: BTreeSet<String>,
    /// What is known of these and of all that it named once.
    repositories: BTreeMap<String, Repository>,
    targets: BTreeMap<String, Target>,
    /// Effects that were forbidden in the name of their repository, and whether it has carried
    /// out something else since.
    set_back: BTreeMap<u64, bool>,
    /// Repositories that are being asked about.
    asking: BTreeSet<String>,
    identity_at: Timestamp,
    looked_at: Timestamp,
}

impl Agenda {
    /// One that has yet to hear what waits. `repositories` are those that the configuration
    /// names: their open issues are read at once.
    pub fn new(
        settings: Settings,
        repositories: impl IntoIterator<Item = String>,
        now: Timestamp,
    ) -> Self {
        Self {
            settings,
            queue: Queue::default(),
            resting: BTreeMap::new(),
            configured: repositories.into_iter().collect(),
            repositories: BTreeMap::new(),
            targets: BTreeMap::new(),
            set_back: BTreeMap::new(),
            asking: BTreeSet::new(),
            identity_at: now,
            looked_at: now,
        }
    }

    /// Takes note of what a round has changed.
    pub fn take(&mut self, news: Feed) {
        match news {
            Feed::Entry(entry) => {
                self.resting.remove(&entry.seq);
                self.queue.put(*entry);
            }
            Feed::Gone(seq) => {
                self.resting.remove(&seq);
                self.set_back.remove(&seq);
                self.queue.remove(seq);
            }
            Feed::Repository(name, record) => {
                self.repositories.insert(name, *record);
            }
        }
    }

    /// Looks at the clock. Returns whether it is time to ask anew who we are.
    pub fn look(&mut self, now: Timestamp) -> bool {
        if now < self.looked_at {
            self.rewind(self.looked_at.duration_since(now));
        }
        self.looked_at = now;
        let is_time = now.duration_since(self.identity_at) >= IDENTITY_EVERY;
        if is_time {
            self.identity_at = now;
        }
        is_time
    }

    /// The clock was set back: nothing waits longer for that.
    fn rewind(&mut self, by: SignedDuration) {
        let earlier = |at: &mut Timestamp| *at = at.checked_sub(by).unwrap_or(Timestamp::MIN);
        self.resting.values_mut().for_each(earlier);
        earlier(&mut self.identity_at);
        self.targets.values_mut().for_each(|target| target.rewind(by));
    }

    /// The next piece of work, which is under way from now on until [`Self::finish`].
    pub fn begin(&mut self, now: Timestamp) -> Option<Work> {
        self.begin_question(now).or_else(|| self.begin_attempt(now))
    }

    /// Asks about a repository: whether it still refuses, or for its open issues.
    fn begin_question(&mut self, now: Timestamp) -> Option<Work> {
        let (repository, what) = self.in_use().into_iter().find_map(|name| {
            if self.asking.contains(name) {
                return None;
            }
            let target = self.targets.get(name);
            if let Some(at) = target.and_then(Target::probe_at) {
                return (at <= now).then_some((name, What::Probe));
            }
            (!self.is_adopted(name)).then_some((name, What::Adopt))
        })?;
        let repository = repository.to_owned();
        self.asking.insert(repository.clone());
        let record = self.record(&repository);
        Some(Work { repository, record, what })
    }

    fn begin_attempt(&mut self, now: Timestamp) -> Option<Work> {
        // What was forbidden comes last: others may show that it alone is.
        let is_fresh = |entry: &Entry| !self.set_back.contains_key(&entry.seq);
        let fresh = self.queue.next(now, |entry| is_fresh(entry) && self.may_run(entry, now));
        let entry = fresh.or_else(|| self.queue.next(now, |entry| self.may_run(entry, now)))?;
        let (seq, repository) = (entry.seq, entry.repository.clone());
        let mut others = Vec::new();
        if entry.effect.kind == EffectKind::Open && entry.doubt.is_some() {
            let in_doubt = self.queue.in_doubt(&repository, now).map(|entry| entry.seq);
            others.extend(in_doubt.filter(|&other| other != seq));
        }
        let record = self.record(&repository);
        let others_got_through = self.set_back.get(&seq).copied().unwrap_or_default();
        let what = What::Attempt { seq, others, others_got_through };
        let work = Work { repository, record, what };
        for seq in work.entries() {
            self.queue.begin(seq);
        }
        Some(work)
    }

    fn may_run(&self, entry: &Entry, now: Timestamp) -> bool {
        let is_resting = self.resting.get(&entry.seq).is_some_and(|&until| now < until);
        let is_open = self.targets.get(&entry.repository).is_none_or(Target::is_open);
        let may_open = entry.effect.kind != EffectKind::Open || self.is_adopted(&entry.repository);
        !is_resting && is_open && may_open
    }

    /// Whether the open issues of a repository have been read.
    pub fn is_adopted(&self, repository: &str) -> bool {
        self.repositories.get(repository).is_some_and(|record| record.is_adopted)
    }

    /// The repositories that matter: the configuration names them, an issue of ours is open
    /// there, or something waits. What one that was left long ago says is nobody's business.
    fn in_use(&self) -> BTreeSet<&str> {
        let has_issues = |record: &Repository| record.admission.open > 0;
        let open = self.repositories.iter().filter(|(_, record)| has_issues(record));
        let mut names = self.queue.repositories();
        names.extend(self.configured.iter().map(String::as_str));
        names.extend(open.map(|(name, _)| name.as_str()));
        names
    }

    fn record(&self, repository: &str) -> Repository {
        self.repositories.get(repository).cloned().unwrap_or_default()
    }

    /// Takes note of what a piece of work has shown. What it has changed must be taken in
    /// before. Returns whether to go on: an engine that has ended answers nothing more.
    pub fn finish(
        &mut self,
        work: &Work,
        news: Result<News, engine::Error>,
        dice: u32,
        now: Timestamp,
    ) -> bool {
        for seq in work.entries() {
            self.queue.end(seq);
        }
        if matches!(work.what, What::Probe | What::Adopt) {
            self.asking.remove(&work.repository);
        }
        let target = self.targets.entry(work.repository.clone()).or_default();
        match news {
            Ok(News::Delivered) => {
                target.succeed();
                for (seq, others_got_through) in &mut self.set_back {
                    *others_got_through |= self.queue.is_for(*seq, &work.repository);
                }
            }
            Ok(News::Allowed) => target.allow(),
            Ok(News::Refused(reason)) => target.refuse(&self.settings, &reason, dice, now),
            Ok(News::Forbidden(reason)) => {
                target.refuse(&self.settings, &reason, dice, now);
                for seq in work.entries() {
                    self.set_back.entry(seq).or_default();
                }
            }
            Ok(News::Wait(until)) => {
                self.resting.extend(work.entries().map(|seq| (seq, until)));
            }
            Ok(News::Nothing) => {}
            Err(engine::Error::Full) => {
                // The engine is busy with reports; the effect is asked for again soon.
                let soon = now.checked_add(self.settings.retry_first).unwrap_or(Timestamp::MAX);
                self.resting.extend(work.entries().map(|seq| (seq, soon)));
            }
            Err(error) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "the outbox ends");
                return false;
            }
        }
        true
    }

    /// Repositories that refuse, and those of which it is not sure yet that they no longer do.
    pub fn refusing(&self) -> BTreeMap<String, Refusing> {
        let in_use = self.in_use();
        let targets = self.targets.iter().filter(|(name, _)| in_use.contains(name.as_str()));
        let refusing = targets.filter_map(|(name, target)| {
            let on_trial = || target.reason_on_trial().filter(|_| self.queue.has_work(name));
            let (since, reason) = target.reason().or_else(on_trial)?;
            Some((name.clone(), Refusing { since, reason: reason.to_owned() }))
        });
        refusing.collect()
    }

    /// When something becomes due that is not due now.
    pub fn next_due(&self, now: Timestamp) -> Option<Timestamp> {
        let rests = self.resting.values().copied().filter(|&at| at > now).min();
        let probes = self.targets.values().filter_map(Target::probe_at).filter(|&at| at > now);
        [self.queue.next_due(now), rests, probes.min()].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::at;
    use super::*;

    fn agenda() -> Agenda {
        Agenda::new(Settings::default(), ["ops/alerts".to_owned()], at(0))
    }

    fn record(open: u32) -> Feed {
        let mut record = Repository::default();
        record.admission.open = open;
        Feed::Repository("ops/left".to_owned(), Box::new(record))
    }

    /// What is asked about at once.
    fn asked(agenda: &mut Agenda) -> Vec<String> {
        std::iter::from_fn(|| agenda.begin(at(0))).map(|work| work.repository).collect()
    }

    #[test]
    fn of_repositories_that_were_left_only_those_with_an_open_issue_are_asked_about() {
        let mut agenda = agenda();
        agenda.take(record(0));
        assert_eq!(asked(&mut agenda), ["ops/alerts"]);
        // As after a restore.
        agenda.take(record(1));
        assert_eq!(asked(&mut agenda), ["ops/left"]);
    }

    #[test]
    fn a_refusal_is_told_as_long_as_its_repository_matters() {
        let mut agenda = agenda();
        agenda.take(record(1));
        for second in [0, 2] {
            let work = std::iter::from_fn(|| agenda.begin(at(second)));
            let left = work.filter(|work| work.repository == "ops/left").last().unwrap();
            let news = Ok(News::Refused("404".to_owned()));
            assert!(agenda.finish(&left, news, u32::MAX / 2, at(second)));
        }
        assert_eq!(agenda.refusing().keys().collect::<Vec<_>>(), ["ops/left"]);
        agenda.take(record(0));
        assert!(agenda.refusing().is_empty());
        assert!(agenda.begin(at(100_000)).is_none());
    }
}
