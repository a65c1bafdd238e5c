//! From the disk into memory.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::addresses::Addresses;
use super::changes::{Dirty, keys};
use super::checks::Checks;
use super::core::Core;
use super::deadlines::Deadlines;
use super::deliveries::Deliveries;
use super::expiry::Round;
use super::history::Numbers;
use super::patterns::Patterns;
use super::records::{Meta, Repository};
use super::roster::{JobCounts, Roster};
use super::settings::Settings;
use super::silences::Silence;
use super::source::Source;
use super::tally::Tally;
use super::{Entry, Error, Figures};
use crate::alert::marker::Instance;
use crate::alert::{Alert, Group, Salt, Standing};
use crate::check::{Absences, Check, CheckId, Kept};
use crate::store::{self, KeyReader, Store, Tree, decode};

impl Core {
    /// Reads everything from the store, notes how long nobody was looking, and brings
    /// the checks in line with the settings.
    ///
    /// `instance` is the id that the store gets if it is new. One record that cannot be
    /// read is an error that names its key: going on without it could open a second issue.
    pub fn load(
        store: &mut dyn Store,
        settings: Settings,
        salt: Salt,
        public_url: Option<String>,
        instance: String,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let mut loaded = Loaded::default();
        store.load(&mut |tree, key, bytes| loaded.take(tree, key, bytes))?;
        let is_new = loaded.meta.is_none();
        let meta = loaded.meta.unwrap_or(Meta {
            instance: Instance { id: instance, generation: 0 },
            made_at: now,
            next_entry: 1,
            history: Numbers::default(),
            forgotten: 0,
            silences: 0,
            jobs: JobCounts::default(),
            users: BTreeSet::new(),
            copied: None,
            restored: None,
            outage: None,
        });
        let mut core = Self {
            settings,
            salt,
            public_url,
            meta,
            checks: loaded.checks,
            addresses: Addresses::default(),
            sources: loaded.sources,
            alerts: BTreeMap::new(),
            entries: loaded.entries.into_iter().map(|entry| (entry.seq, entry)).collect(),
            repositories: loaded.repositories,
            absences: loaded.absences,
            bound: BTreeMap::new(),
            also_unheard: BTreeMap::new(),
            blind_unheard: BTreeSet::new(),
            deliveries: loaded.deliveries,
            silences: loaded.silences,
            jobs: loaded.jobs,
            patterns: Patterns::default(),
            deadlines: Deadlines::default(),
            writes: 0,
            polled_at: BTreeMap::new(),
            polls: BTreeMap::new(),
            written: BTreeMap::new(),
            delivered_at: BTreeMap::new(),
            round: Round::default(),
            turned_at: loaded.mark.unwrap_or(now),
            dirty: Dirty { meta: is_new, ..Dirty::default() },
            figures: Figures::default(),
            tally: Tally::default(),
        };
        for alert in loaded.alerts.into_values() {
            core.bind(&alert);
            core.alerts.insert(alert.fingerprint.clone(), alert);
        }
        core.checks.iter().for_each(|check| core.addresses.add(check));
        core.tally = Tally::of(core.checks.iter(), core.troubles());
        core.look_at_patterns(now);
        core.turn(now);
        core.mark(now);
        core.take_up(now);
        core.feed_everything(now);
        core.configure(now);
        core.expect(now);
        core.wake_everything(now);
        core.take_up_jobs(now);
        Ok(core)
    }

    /// Remembers which alert a check in trouble belongs to.
    fn bind(&mut self, alert: &Alert) {
        self.bind_unheard(alert);
        if matches!(alert.group, Group::Blind { .. } | Group::Overflow { .. }) {
            return;
        }
        let is_bound = |standing: Standing| standing.is_trouble() && standing != Standing::Unheard;
        for (name, _) in alert.members.iter().filter(|(_, member)| is_bound(member.standing)) {
            if let Some(id) = CheckId::parse(name) {
                self.bind_trouble(id, &alert.fingerprint);
            }
        }
    }

    /// An outbox starts with everything that waits. What was parked is tried again, and
    /// attempts that were under way are over.
    pub(super) fn feed_everything(&mut self, now: Timestamp) {
        for entry in self.entries.values_mut() {
            entry.parked = None;
            if let Some(doubt) = &mut entry.doubt {
                doubt.over_at.get_or_insert(now);
            }
            self.dirty.entries.insert(entry.seq);
        }
        self.dirty.repositories.extend(self.repositories.keys().cloned());
    }
}

/// What the store showed so far.
#[derive(Default)]
struct Loaded {
    meta: Option<Meta>,
    mark: Option<Timestamp>,
    checks: Checks,
    sources: BTreeMap<String, Source>,
    alerts: BTreeMap<String, Alert>,
    entries: Vec<Entry>,
    repositories: BTreeMap<String, Repository>,
    absences: Absences,
    deliveries: Deliveries,
    silences: BTreeMap<u64, Silence>,
    jobs: Roster,
}

impl Loaded {
    fn take(&mut self, tree: Tree, key: &[u8], bytes: &[u8]) -> Result<(), store::Error> {
        match tree {
            Tree::Meta if key == keys::STATE.as_bytes() => {
                self.meta = Some(decode(tree, key, bytes)?);
            }
            Tree::Meta => self.mark = Some(decode(tree, key, bytes)?),
            Tree::Checks => {
                let check: Check = decode(tree, key, bytes)?;
                self.checks.load(check);
            }
            Tree::Beats => {
                let mut parts = KeyReader::new(tree, key);
                let id = CheckId::new(parts.text()?, parts.text()?);
                let beat = decode(tree, key, bytes)?;
                if let Some(watched) = self.checks.watched(&id) {
                    watched.check.beat_by(beat);
                    watched.may_have_beat = true;
                }
            }
            Tree::Ended => {
                let mut parts = KeyReader::new(tree, key);
                let id = CheckId::new(parts.text()?, parts.text()?);
                let kept: Kept = decode(tree, key, bytes)?;
                if let Some(watched) = self.checks.watched(&id) {
                    watched.check.runs.take_up(kept);
                    watched.ended_kept = watched.check.runs.ended();
                }
            }
            Tree::Alerts => {
                let alert: Alert = decode(tree, key, bytes)?;
                self.alerts.insert(alert.fingerprint.to_string(), alert);
            }
            Tree::Members => {
                let alert = KeyReader::new(tree, key).text()?;
                let (name, member) = decode(tree, key, bytes)?;
                if let Some(alert) = self.alerts.get_mut(alert) {
                    alert.members.insert(name, member);
                }
            }
            Tree::Outbox => self.entries.push(decode(tree, key, bytes)?),
            Tree::Absences => self.absences = decode(tree, key, bytes)?,
            Tree::Sources => {
                let name = KeyReader::new(tree, key).text()?.to_owned();
                self.sources.insert(name, decode(tree, key, bytes)?);
            }
            Tree::Repositories => {
                let name = KeyReader::new(tree, key).text()?.to_owned();
                self.repositories.insert(name, decode(tree, key, bytes)?);
            }
            Tree::Deliveries => self.deliveries.add(decode(tree, key, bytes)?),
            Tree::Silences => {
                let silence: Silence = decode(tree, key, bytes)?;
                self.silences.insert(silence.number, silence);
            }
            Tree::Jobs => self.jobs.load(key, bytes),
            // The past is not needed to go on.
            Tree::History => {}
        }
        Ok(())
    }
}
