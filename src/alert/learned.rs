//! What an alert makes of an effect that is tried, and of one that is done.

use jiff::Timestamp;

use super::pacing::Gathered;
use super::{Alert, Effect, EffectKind, Learned, Trial};

/// The text of an effect is being written: it says all that was gathered so far.
pub(super) fn absorb_begun(alert: &mut Alert, effect: Effect, now: Timestamp) {
    let Some(entry) = alert.undelivered.iter_mut().find(|entry| entry.effect == effect) else {
        return;
    };
    let is_first = entry.trial == Trial::Untried;
    entry.trial = Trial::InDoubt;
    if !is_first {
        return;
    }
    match effect.kind {
        EffectKind::Open => {
            alert.talk.gathered = Gathered::default();
            alert.talk.missed = None;
            alert.talk.is_table_old = false;
            alert.talk.edited_at = Some(now);
        }
        EffectKind::Comment if effect.episode < alert.episode => alert.talk.farewell = None,
        EffectKind::Comment => {
            alert.talk.gathered = Gathered::default();
            alert.talk.commented_at = Some(now);
        }
        EffectKind::Edit => {
            alert.talk.is_table_old = false;
            alert.talk.edited_at = Some(now);
        }
        EffectKind::Close
        | EffectKind::Reopen
        | EffectKind::Heal
        | EffectKind::React
        | EffectKind::Reply => {}
    }
}

pub(super) fn absorb_learned(alert: &mut Alert, effect: Effect, learned: &Learned, now: Timestamp) {
    let is_current = effect.episode == alert.episode;
    match learned {
        Learned::Opened { issue, floor, left_out } => {
            if is_current {
                alert.floor = *floor;
                alert.issue = Some(*issue);
                alert.looked_at = Some(now);
            } else {
                // The next trouble began before Gitea had answered: what follows in this
                // episode needs the number all the same.
                alert.previous = Some(issue.number);
                alert.former.insert(effect.episode, *issue);
            }
            alert.talk.gathered.note(left_out);
        }
        Learned::Settled { left_out, late_until } => {
            alert.talk.gathered.note(left_out);
            alert.late_until = alert.late_until.max(*late_until);
            let is_shut_again = alert.last_turn() == Some(EffectKind::Close);
            if is_current && effect.kind == EffectKind::Reopen && !is_shut_again {
                alert.shut_at = None;
                alert.wishes.closed_by = None;
            }
        }
        Learned::IssueGone if is_current => {
            let since = alert.shut_at.take().unwrap_or(now);
            alert.gone_at.get_or_insert(since);
        }
        Learned::IssueGone => {
            alert.former.remove(&effect.episode);
        }
    }
    if effect.kind == EffectKind::Comment && !is_current {
        alert.talk.farewell = None;
    }
    let under_way =
        |episode: &u64| alert.undelivered.iter().any(|entry| entry.effect.episode == *episode);
    alert.former.retain(|episode, _| under_way(episode));
}
