//! Silences: while one holds nothing is written, and at its end what still fails is told
//! once.
//!
//! A person silences an alert with a command; patterns silence it through its checks. Of the
//! two the one that ends later counts.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::step::strike;
use super::words::minute;
use super::{Alert, EffectKind, Event, Order, Phase, Standing, Trial, gather};

/// Nothing is written until then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silenced {
    pub by: String,
    pub until: Timestamp,
    pub why: String,
}

/// The patterns that silence checks now.
#[derive(Clone, Copy)]
pub struct Cover<'a> {
    /// Another one whenever patterns begin or cease to hold.
    pub version: u64,
    /// By which of them a member is silenced, if by any.
    pub of: &'a dyn Fn(&str) -> Option<Silenced>,
}

impl Silenced {
    /// Who wants it, until when and why, without markup and a full stop.
    pub fn sentence(&self) -> String {
        let why = match self.why.as_str() {
            "" => String::new(),
            why => format!(" ({why})"),
        };
        format!("{} has silenced it until {}{why}", self.by, minute(self.until))
    }
}

impl fmt::Debug for Cover<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cover").field("version", &self.version).finish_non_exhaustive()
    }
}

/// How patterns silence an alert, and what saves asking for each of its members at every
/// event: there may be very many.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Covered {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by: Option<Silenced>,
    /// The version of the patterns that this was worked out with, if it still holds.
    #[serde(skip)]
    version: Option<u64>,
    /// A member in trouble that none of them silences.
    #[serde(skip)]
    exposed: Option<String>,
}

impl Covered {
    /// Whether there is nothing to keep.
    pub(super) fn is_empty(&self) -> bool {
        self.by.is_none()
    }

    /// Members are gone: it must be worked out anew.
    pub(super) fn doubt(&mut self) {
        self.version = None;
    }

    /// What moves with a clock.
    pub(super) fn until_mut(&mut self) -> Option<&mut Timestamp> {
        self.by.as_mut().map(|by| &mut by.until)
    }
}

/// What silenced an alert before an event.
pub(super) struct Before {
    silence: Option<Silenced>,
    /// A person had asked for it, perhaps besides patterns.
    was_asked: bool,
}

impl Alert {
    /// What silences it now, to be compared with what will.
    pub(super) fn before(&self) -> Before {
        Before { silence: self.silence().cloned(), was_asked: self.wishes.silenced.is_some() }
    }

    /// What silences it, if anything does.
    pub fn silence(&self) -> Option<&Silenced> {
        let asked = self.wishes.silenced.as_ref();
        asked.into_iter().chain(&self.covered.by).max_by_key(|silenced| silenced.until)
    }

    /// Until when nothing is written.
    pub(super) fn silent_until(&self) -> Option<Timestamp> {
        self.silence().map(|silenced| silenced.until)
    }

    /// Whether patterns that begin or cease to hold may make a difference before anything
    /// else happens to it.
    pub fn heeds_patterns(&self) -> bool {
        self.phase != Phase::Inactive || !self.covered.is_empty() || !self.undelivered.is_empty()
    }

    /// Whether patterns silence it otherwise than when it was looked at last.
    pub(super) fn is_covered_otherwise(&self, cover: Option<Cover<'_>>) -> bool {
        match cover {
            None => !self.covered.is_empty(),
            Some(cover) if self.covered.version == Some(cover.version) => false,
            Some(cover) => self.cover(cover).ok() != self.covered.by,
        }
    }

    /// Works out how patterns silence it, now that the event was absorbed.
    pub(super) fn take_cover(&mut self, cover: Option<Cover<'_>>, event: &Event) {
        let Some(cover) = cover else {
            self.covered = Covered::default();
            return;
        };
        if self.covered.version != Some(cover.version) {
            self.cover_anew(cover);
            return;
        }
        let Event::Member { name, .. } = event else { return };
        if !self.find_trouble() {
            self.cover_anew(cover);
            return;
        }
        let is_trouble =
            |name: &String| self.members.get(name).is_some_and(|it| it.standing.is_trouble());
        match (&self.covered.by, is_trouble(name)) {
            (Some(by), true) => match (cover.of)(name) {
                Some(own) if own.until < by.until => self.covered.by = Some(own),
                Some(_) => {}
                None => {
                    self.covered.by = None;
                    self.covered.exposed = Some(name.clone());
                }
            },
            // The others are as silenced as before, and perhaps for longer: that is found
            // when this one ends.
            (Some(_), false) => {}
            (None, _) if self.covered.exposed.as_ref().is_some_and(is_trouble) => {}
            (None, _) => self.cover_anew(cover),
        }
    }

    fn cover_anew(&mut self, cover: Cover<'_>) {
        let (by, exposed) = match self.cover(cover) {
            Ok(by) => (Some(by), None),
            Err(exposed) => (None, exposed),
        };
        self.covered = Covered { by, version: Some(cover.version), exposed };
    }

    /// It is silenced while each of its members in trouble is, and if none is in trouble,
    /// while each of all is; until the first of them is no longer. Else one that is not.
    fn cover(&self, cover: Cover<'_>) -> Result<Silenced, Option<String>> {
        let is_in_trouble = self.is_in_trouble();
        let counts = |standing: Standing| standing.is_trouble() || !is_in_trouble;
        let mut first: Option<Silenced> = None;
        for (name, _) in self.members.iter().filter(|(_, member)| counts(member.standing)) {
            let by = (cover.of)(name).ok_or_else(|| Some(name.clone()))?;
            if first.as_ref().is_none_or(|first| by.until < first.until) {
                first = Some(by);
            }
        }
        first.ok_or(None)
    }

    /// Does what follows when it is silenced and was not `before`, or the other way round.
    pub(super) fn turn_silent(&mut self, before: Before, now: Timestamp, orders: &mut Vec<Order>) {
        match (before.silence, self.silence().is_some()) {
            (None, true) => {
                // What nobody has begun to write is said afterwards.
                for kind in [EffectKind::Comment, EffectKind::Edit] {
                    if self.trial(kind) == Some(Trial::Untried) {
                        strike(self, kind, orders);
                    }
                }
            }
            (Some(silenced), false) => {
                self.talk.gathered.is_patterns_end = !before.was_asked;
                self.end_silence(silenced, now);
            }
            (None, false) | (Some(_), true) => {}
        }
    }

    /// What still fails is told once.
    fn end_silence(&mut self, silenced: Silenced, now: Timestamp) {
        match (self.is_active(), self.is_in_trouble()) {
            (true, true) => gather(self, now).unsilenced_at = Some(now),
            // Trouble that came and went was to bother nobody.
            (false, false) if self.talk.gathered.closed_at.is_none() => {
                self.talk.gathered.forget_turns();
                return;
            }
            (true | false, _) => {}
        }
        self.talk.gathered.silenced = Some(silenced);
    }
}
