//! What holds, always: what Gitea shows, and what it should show.

use std::collections::{BTreeMap, BTreeSet};

use teawatch::alert::marker::Marker;
use teawatch::alert::{EffectKind, Fingerprint, Salt};
use teawatch::engine::Core;
use teawatch::sandbox::World;

use super::knobs::REPOSITORIES;

/// An issue by its repository and number.
pub type Place = (&'static str, u64);
pub type Held = Result<(), String>;

/// What was seen of Gitea so far.
#[derive(Debug)]
pub struct Oracle {
    salt: Salt,
    /// Markers of our issues, with the version of the body that they were read in.
    issues: BTreeMap<Place, (i64, Marker)>,
    /// The last entry of each timeline that was looked at.
    read_up_to: BTreeMap<Place, u64>,
    /// The issue that each effect has made.
    made: BTreeMap<String, Place>,
    comments: BTreeSet<String>,
    open: BTreeMap<Fingerprint, BTreeSet<Place>>,
    /// Issues that a person has closed, reopened or deleted: teawatch does not look there
    /// yet, so they may be other than they should.
    pub touched: BTreeSet<Place>,
}

impl Oracle {
    pub fn new(salt: &Salt) -> Self {
        Self {
            salt: salt.clone(),
            issues: BTreeMap::new(),
            read_up_to: BTreeMap::new(),
            made: BTreeMap::new(),
            comments: BTreeSet::new(),
            open: BTreeMap::new(),
            touched: BTreeSet::new(),
        }
    }

    /// Looks at an issue that may have changed.
    pub fn look(&mut self, world: &World, place: Place) -> Held {
        let Some(issue) = world.issue(place.0, place.1) else {
            if let Some((_, marker)) = self.issues.get(&place) {
                self.open.entry(marker.fingerprint.clone()).or_default().remove(&place);
            }
            return Ok(());
        };
        let known = self.issues.get(&place).map(|(version, _)| *version);
        if known != Some(issue.content_version) {
            let marker = Marker::find(&self.salt, &issue.body)
                .ok_or_else(|| format!("no marker in {place:?}: {:?}", issue.body))?;
            if marker.effect.kind != EffectKind::Open {
                return Err(format!("{place:?} has the marker of another effect: {marker}"));
            }
            let before = self.made.insert(marker.to_string(), place);
            // What a person has deleted before its opening was settled cannot be found.
            let is_there = |before: &Place| world.issue(before.0, before.1).is_some();
            if before.is_some_and(|before| before != place && is_there(&before)) {
                return Err(format!("{marker} has made {before:?} and {place:?}"));
            }
            self.issues.insert(place, (issue.content_version, marker));
        }
        let Some((_, marker)) = self.issues.get(&place) else { return Ok(()) };
        let open = self.open.entry(marker.fingerprint.clone()).or_default();
        if issue.is_open {
            open.insert(place);
        } else {
            open.remove(&place);
        }
        // What people have opened again is theirs until teawatch looks there.
        let ours: Vec<_> = open.iter().filter(|place| !self.touched.contains(place)).collect();
        if ours.len() > 1 {
            return Err(format!("{} has several open issues: {ours:?}", marker.fingerprint));
        }
        let read = self.read_up_to.get(&place).copied().unwrap_or(0);
        for comment in issue.comments().filter(|comment| comment.id > read) {
            self.read_up_to.insert(place, comment.id);
            if world.login(comment.user) != "teawatch" {
                continue;
            }
            let marker = Marker::find(&self.salt, &comment.body)
                .ok_or_else(|| format!("no marker in a comment: {:?}", comment.body))?;
            if !self.comments.insert(marker.to_string()) {
                return Err(format!("{marker} was commented twice, in {place:?}"));
            }
            if comment.body.contains("somebody had") && !self.touched.contains(&place) {
                return Err(format!("nobody was at {place:?}: {}", comment.body));
            }
        }
        Ok(())
    }

    /// What holds at every moment of the server's.
    pub fn check_always(core: &Core) -> Held {
        let health = core.health();
        if health.parked > 0 {
            let entries = core.outbox_page(None, 500).items;
            return Err(format!("something is parked: {entries:#?}"));
        }
        match health.copied {
            Some(key) => Err(format!("taken for a copy: {key}")),
            None => Ok(()),
        }
    }

    /// What holds once everything is told: an issue is open exactly if its alert is firing or
    /// recovering.
    pub fn check_told(&self, core: &Core) -> Held {
        let mut expected: BTreeMap<Fingerprint, BTreeSet<Place>> = BTreeMap::new();
        let mut expect = |fingerprint: &Fingerprint, repository: &str, number: u64| {
            let place = (known(repository), number);
            if !self.touched.contains(&place) {
                expected.entry(fingerprint.clone()).or_default().insert(place);
            }
        };
        for (repository, unclaimed) in core.health().unclaimed {
            for issue in unclaimed {
                expect(&issue.fingerprint, &repository, issue.number);
            }
        }
        for alert in core.alerts_page(None, 500).items {
            let is_active = matches!(alert.phase.as_str(), "firing" | "recovering");
            if !is_active || alert.is_row {
                continue;
            }
            let hand = alert.closed_by_hand_at.or(alert.deleted_at);
            let number = alert.issue.ok_or_else(|| {
                format!("everything is told, and {} has no issue: {alert:#?}", alert.title)
            })?;
            if hand.is_some() && !self.touched.contains(&(known(&alert.repository), number)) {
                return Err(format!("nobody was at the issue of {alert:#?}"));
            }
            expect(&alert.fingerprint, &alert.repository, number);
        }
        let open = self.open.iter().map(|(fingerprint, places)| {
            let ours = places.iter().filter(|place| !self.touched.contains(place));
            (fingerprint.clone(), ours.copied().collect::<BTreeSet<_>>())
        });
        let open: BTreeMap<_, _> = open.filter(|(_, places)| !places.is_empty()).collect();
        if open == expected {
            return Ok(());
        }
        Err(format!("everything is told; open: {open:#?}\nshould be open: {expected:#?}"))
    }

    /// What holds when all is well: nothing is in trouble. Issues that nobody claims stay.
    pub fn check_quiet(core: &Core) -> Held {
        let alerts = core.alerts_page(None, 500).items;
        match alerts.iter().find(|alert| alert.phase != "inactive") {
            Some(alert) => Err(format!("all is well, and still in trouble: {alert:#?}")),
            None => Ok(()),
        }
    }

    /// A store is lost. What is open where the configuration does not look any more is left
    /// to people.
    pub fn leave(&mut self, to: &str) {
        let open = self.open.values().flatten().filter(|(repository, _)| *repository != to);
        self.touched.extend(open);
    }

    /// Other routes come. What a lost store has left, and no check has claimed yet, may fit
    /// nothing any more, and is left to people.
    pub fn leave_unclaimed(&mut self, core: &Core) {
        for (repository, unclaimed) in core.health().unclaimed {
            let numbers = unclaimed.iter().map(|issue| issue.number);
            self.touched.extend(numbers.map(|number| (known(&repository), number)));
        }
    }

    pub fn issues(&self) -> usize {
        self.issues.len()
    }

    pub fn comments(&self) -> usize {
        self.comments.len()
    }
}

fn known(repository: &str) -> &'static str {
    REPOSITORIES.into_iter().find(|known| *known == repository).unwrap_or("unknown")
}
