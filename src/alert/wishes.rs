//! What people have asked of an alert with commands, and how long that holds.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::commands::Command;
use super::step::{resolve, strike, tell};
use super::words::human;
use super::{
    Alert, EffectKind, OnManualClose, Order, Phase, Rule, Silenced, earlier, gather, later,
};

/// A command is obeyed no later than this after it was written, unless it says itself for
/// how long it holds: much may have happened since.
pub const COMMAND_AGE_MAX: SignedDuration = SignedDuration::from_hours(24);

/// So many people are told in one issue that they may not command; the others are not.
const REFUSED_MAX: usize = 100;

/// What people have asked for. Each names who it was.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wishes {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acked: Option<Acked>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silenced: Option<Silenced>,
    /// Who wants the issue to stay open on recovery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_by: Option<String>,
    /// Who had the issue closed while it was in trouble.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_by: Option<String>,
}

/// No reminders until then, or until recovery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acked {
    pub by: String,
    pub until: Option<Timestamp>,
}

impl Wishes {
    /// Whether nobody has asked for anything.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The clock was set back.
    pub(super) fn rewind(&mut self, by: SignedDuration) {
        let acked = self.acked.as_mut().and_then(|acked| acked.until.as_mut());
        let silenced = self.silenced.as_mut().map(|silenced| &mut silenced.until);
        for at in acked.into_iter().chain(silenced) {
            *at = earlier(*at, by);
        }
    }
}

impl Alert {
    /// Remembers that this person's commands are not obeyed. Returns whether the person is to
    /// be told, which is so once.
    pub fn is_first_refusal(&mut self, person: i64) -> bool {
        self.refused.len() < REFUSED_MAX && self.refused.insert(person)
    }

    /// Why a command of `at` is not obeyed now, in a sentence, if it is not.
    pub fn objection(
        &self,
        rule: &Rule,
        command: &Command,
        at: Timestamp,
        now: Timestamp,
    ) -> Option<String> {
        let held = command.lasts().unwrap_or(COMMAND_AGE_MAX);
        if later(at, held) <= now {
            let (name, age) = (command.name(), human(now.duration_since(at)));
            return Some(format!("`/{name}` was written {age} ago and no longer holds."));
        }
        let says = |why: &str| Some(why.to_owned());
        let is_open = self.takes_room();
        match command {
            Command::Ack { .. } if !self.is_active() => {
                says("The issue is closed: there is nothing to be reminded of.")
            }
            Command::Close if !is_open => says("It is closed already."),
            Command::Close
                if self.is_in_trouble() && rule.on_manual_close == OnManualClose::Reopen =>
            {
                says(
                    "It is in trouble, and stays open until recovery: `alerts.on_manual_close` \
                     says so.",
                )
            }
            Command::Reopen if is_open => says("It is open already."),
            Command::Reopen if !self.is_active() && !self.is_in_trouble() && !self.stays_open() => {
                says(
                    "All is well, so it stays closed. With `/hold` on a line before, it is \
                     reopened and stays open.",
                )
            }
            Command::Ack { .. }
            | Command::Silence { .. }
            | Command::Unsilence
            | Command::Hold
            | Command::Unhold
            | Command::Close
            | Command::Reopen
            | Command::Status
            | Command::Help => None,
        }
    }

    /// Does what a person asked for at the time `at`, as far as [`Self::objection`] has
    /// nothing against it.
    pub(super) fn obey(
        &mut self,
        rule: &Rule,
        (command, by, at): (&Command, &str, Timestamp),
        now: Timestamp,
        orders: &mut Vec<Order>,
    ) {
        if self.objection(rule, command, at, now).is_some() {
            return;
        }
        let by = by.to_owned();
        match command {
            Command::Ack { lasts } => {
                let until = lasts.map(|lasts| later(at, lasts));
                self.wishes.acked = Some(Acked { by, until });
            }
            Command::Silence { lasts, why } => {
                let (until, why) = (later(at, *lasts), why.clone());
                self.wishes.silenced = Some(Silenced { by, until, why });
            }
            Command::Unsilence => self.wishes.silenced = None,
            Command::Hold => self.wishes.held_by = Some(by),
            Command::Unhold => self.wishes.held_by = None,
            Command::Close => self.close(by, now, orders),
            Command::Reopen => self.reopen(now, orders),
            // Its answer is all that it wants.
            Command::Status | Command::Help => {}
        }
    }

    /// Nothing that a person asked for until now holds any more.
    pub(super) fn let_wishes_end(&mut self, now: Timestamp) {
        let is_over = |until: Option<Timestamp>| until.is_some_and(|until| until <= now);
        if is_over(self.wishes.acked.as_ref().and_then(|acked| acked.until)) {
            self.wishes.acked = None;
        }
        if is_over(self.wishes.silenced.as_ref().map(|silenced| silenced.until)) {
            self.wishes.silenced = None;
        }
    }

    /// Whether the issue is not closed now although all is well.
    pub(super) fn stays_open(&self) -> bool {
        self.wishes.held_by.is_some() || self.silence().is_some()
    }

    /// Closes the issue, as if the person had done it: what is in trouble is told nothing
    /// more.
    fn close(&mut self, by: String, now: Timestamp, orders: &mut Vec<Order>) {
        self.wishes.held_by = None;
        if !self.is_in_trouble() {
            resolve(self, now, orders);
            return;
        }
        self.shut_at = Some(now);
        self.wishes.closed_by = Some(by);
        if self.last_turn() == Some(EffectKind::Reopen) && strike(self, EffectKind::Reopen, orders)
        {
            self.talk.gathered.reopened_at = None;
            self.talk.gathered.insisted_at = None;
            return;
        }
        tell(self, EffectKind::Close, self.reopens, orders);
    }

    /// Reopens the issue, as if the person had done it.
    fn reopen(&mut self, now: Timestamp, orders: &mut Vec<Order>) {
        let was_active = self.is_active();
        if !was_active {
            self.shut_at = None;
            self.closed_at = None;
            self.fired_at = now;
            self.talk.reminders = 0;
            self.talk.is_table_old = true;
            self.phase = match self.is_in_trouble() {
                true => Phase::Firing,
                false => Phase::Recovering { since: now },
            };
        }
        if strike(self, EffectKind::Close, orders) {
            self.shut_at = None;
            self.wishes.closed_by = None;
            self.talk.gathered.closed_at = None;
            return;
        }
        self.reopens += 1;
        // One that was shut is told what it has missed once it is open.
        if !was_active && self.is_in_trouble() {
            gather(self, now).reopened_at = Some(now);
        }
        tell(self, EffectKind::Reopen, self.reopens, orders);
    }
}
