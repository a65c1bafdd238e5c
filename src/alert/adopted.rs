//! An issue that a new store has found, and in which an alert goes on.

use jiff::Timestamp;

use super::{Alert, Issue, Phase, Placement, Target};

/// What the next text says there.
const LOST: &str = "teawatch had lost what it knew, found this issue open and goes on in it";

impl Alert {
    /// Goes on in this issue, which is that of an episode of an earlier store.
    pub(super) fn adopt(&mut self, episode: u64, issue: Issue, target: &Target, now: Timestamp) {
        self.episode = self.episode.max(episode).max(self.forgotten + 1);
        self.issue = Some(issue);
        self.floor = issue.number;
        self.target.clone_from(target);
        self.placement = Placement::Own;
        self.phase = Phase::Firing;
        self.fired_at = now;
        self.closed_at = None;
        self.gone_at = None;
        self.shut_at = None;
        self.is_muted = false;
        self.wishes.closed_by = None;
        self.looked_at = Some(now);
        self.talk.is_table_old = true;
        self.covered.doubt();
        self.talk.gathered.note(&[LOST.to_owned()]);
    }
}
