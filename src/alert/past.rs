//! What is past of an alert, and when nothing of it needs to be remembered any more.

use jiff::Timestamp;

use super::{Alert, Phase, Rule};

impl Alert {
    /// Whether it has fired, as far as anybody remembers.
    pub fn has_fired(&self) -> bool {
        self.episode > self.forgotten
    }

    /// Its issue is one of an earlier episode than the newest: a store was restored, and what
    /// it remembers is old. What is under way still goes there.
    pub fn leave_issue(&mut self) {
        let Some(issue) = self.issue.take() else { return };
        self.previous = Some(issue.number);
        if self.is_under_way(self.episode) {
            self.former.insert(self.episode, issue);
        }
    }

    /// Whether it waits for nothing, as far as can be said without looking at its members.
    pub fn is_quiet(&self) -> bool {
        self.phase == Phase::Inactive && self.undelivered.is_empty()
    }

    /// Since when it is settled: no issue of it is open or on its way, nobody is in trouble,
    /// and nothing is left to be told.
    pub fn settled_at(&self, rule: &Rule, now: Timestamp) -> Option<Timestamp> {
        let is_settled = self.is_quiet() && !self.is_in_trouble() && !self.may_reopen(rule, now);
        let talk = [self.talk.commented_at, self.talk.edited_at];
        let own = [self.closed_at, self.gone_at, self.late_until, Some(self.fired_at)];
        let members = self.members.values().map(|member| Some(member.since));
        let last = own.into_iter().chain(talk).chain(members).flatten().max();
        last.filter(|_| is_settled)
    }
}
