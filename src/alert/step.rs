//! How an alert changes.

use jiff::Timestamp;

use super::learned::{absorb_begun, absorb_learned};
use super::markdown::shorten;
use super::pacing::{Gathered, Missed};
use super::{
    Alert, Cover, Effect, EffectKind, Event, Learned, MEMBER_SUMMARY_MAX, Member, Order, Phase,
    Placement, Rule, Standing, Trial, Undelivered,
};

/// Takes one event into account. `cover` says what patterns silence now, if there are any,
/// `admission` where a new issue would go.
///
/// | phase      | while a member is in trouble                 | while all are well                 |
/// |------------|----------------------------------------------|------------------------------------|
/// | inactive   | pending                                      | -                                  |
/// | pending    | firing, once long enough: open, or reopen    | inactive                           |
/// | firing     | -                                            | recovering                         |
/// | recovering | firing, with the same issue                  | inactive, once long enough: close  |
///
/// What was ordered and certainly not carried out is struck when it becomes pointless: an
/// opening whose trouble has passed, a closing whose trouble is back, a reopening whose
/// trouble has passed again.
///
/// While it is silenced, an alert in trouble stays pending, and one that is well recovering;
/// the latter also while it is held.
///
/// An adopted alert is in trouble while a member of it has not spoken for itself: gone
/// down, or been well for long enough to be believed. A first success among failures that
/// are still being counted closes nothing.
///
/// Total: any event in any phase and any `now` will do, and a repeated event changes no
/// more than a wake-up would.
pub fn step(
    rule: &Rule,
    alert: Alert,
    event: &Event,
    cover: Option<Cover<'_>>,
    admission: Placement,
    now: Timestamp,
) -> (Alert, Vec<Order>) {
    let mut alert = alert;
    let mut orders = Vec::new();
    let before = alert.before();
    alert.let_wishes_end(now);
    absorb(rule, &mut alert, event, now, &mut orders);
    alert.stop_waiting(now);
    alert.take_cover(cover, event);
    alert.turn_silent(before, now, &mut orders);
    let is_relapse_lost = matches!(
        event,
        Event::Done { effect, learned: Learned::IssueGone }
            if effect.kind == EffectKind::Reopen && effect.episode == alert.episode
    );
    // A person who deletes a closed issue tidies up, and silences no trouble: neither this
    // one nor the next.
    if is_relapse_lost && alert.silent_until().is_none() && alert.is_in_trouble() {
        open(rule, &mut alert, admission, now, &mut orders);
    } else if is_relapse_lost {
        alert.phase = Phase::Inactive;
    }
    judge(rule, &mut alert, admission, now, &mut orders);
    speak(rule, &mut alert, now, &mut orders);
    (alert, orders)
}

/// Records what the event says, without judging it.
fn absorb(rule: &Rule, alert: &mut Alert, event: &Event, now: Timestamp, orders: &mut Vec<Order>) {
    match event {
        Event::Member { name, standing, summary, is_result } => {
            absorb_member(alert, name, *standing, summary, *is_result, now);
        }
        Event::MemberGone { name, why } => {
            if let Some(member) = alert.members.remove(name) {
                alert.touched.insert(name.clone());
                alert.covered.doubt();
                if member.standing.is_trouble() {
                    alert.talk.is_table_old = true;
                    gather(alert, now).lose(format!("{name}: {why}"));
                }
            }
        }
        Event::Woken => {}
        Event::Begun(effect) => absorb_begun(alert, *effect, now),
        Event::Refused(effect) => {
            if let Some(entry) = alert.undelivered.iter_mut().find(|e| e.effect == *effect) {
                entry.trial = Trial::Refused;
            }
        }
        // It is about an issue that is none of this alert's, or answers a person.
        Event::Done { effect, .. } if effect.kind.is_aside() => {}
        Event::Done { effect, learned } => {
            alert.undelivered.retain(|entry| entry.effect != *effect);
            absorb_learned(alert, *effect, learned, now);
        }
        Event::Seen { sighted, labels } => alert.see(rule, *sighted, labels, now, orders),
        Event::Asked { command, by, at } => {
            alert.obey(rule, (command, by, *at), now, orders);
        }
        Event::Night { day, summary } => alert.report(rule, *day, summary, now, orders),
        Event::Adopted { episode, issue, target, unheard, until } => {
            // Nothing can have been tried before the open issues were read.
            while strike(alert, EffectKind::Open, orders) {}
            alert.adopt(*episode, *issue, target, now);
            alert.wait_for(unheard, *until, now);
        }
    }
}

fn absorb_member(
    alert: &mut Alert,
    name: &str,
    standing: Standing,
    summary: &str,
    is_result: bool,
    now: Timestamp,
) {
    let before = alert.members.get(name);
    let was_in_trouble = before.is_some_and(|member| member.standing.is_trouble());
    if !was_in_trouble && !standing.is_trouble() {
        return;
    }
    let is_turn = was_in_trouble != standing.is_trouble();
    let summary = shorten(summary, MEMBER_SUMMARY_MAX);
    let is_new_to_the_table =
        before.is_none_or(|member| member.standing != standing || member.summary != summary);
    let since = before.filter(|_| !is_turn).map_or(now, |member| member.since);
    let member = Member { standing, since, summary };
    let before = alert.members.insert(name.to_owned(), member);
    alert.touched.insert(name.to_owned());
    if before.is_some_and(|member| member.standing == Standing::Unheard) && !alert.is_waiting() {
        alert.unheard_until = None;
    }
    alert.talk.is_table_old |= is_new_to_the_table;

    let gathered = gather(alert, now);
    gathered.results += u64::from(is_result);
    gathered.failures += u64::from(is_result && standing.is_trouble());
    gathered.began += u64::from(is_turn && standing.is_trouble());
    gathered.ended += u64::from(is_turn && !standing.is_trouble());
}

/// Decides where the alert is now.
fn judge(
    rule: &Rule,
    alert: &mut Alert,
    admission: Placement,
    now: Timestamp,
    orders: &mut Vec<Order>,
) {
    let long_enough = |since: Timestamp, wait| now.duration_since(since) >= wait;
    match (alert.phase, alert.find_trouble()) {
        (Phase::Inactive, false) => {}
        (Phase::Pending { .. }, false) => {
            alert.phase = Phase::Inactive;
            // Nobody was told of it, so of its silence there is nothing to say.
            if alert.talk.gathered.closed_at.is_none() {
                alert.talk.gathered.silenced = None;
            }
        }
        (phase @ (Phase::Inactive | Phase::Pending { .. }), true) => {
            let since = match phase {
                Phase::Pending { since } => since,
                Phase::Inactive | Phase::Firing | Phase::Recovering { .. } => now,
            };
            if long_enough(since, rule.open_after) && alert.silent_until().is_none() {
                fire(rule, alert, since, admission, now, orders);
            } else {
                alert.phase = Phase::Pending { since };
            }
        }
        (Phase::Firing | Phase::Recovering { .. }, true) => {
            alert.phase = Phase::Firing;
            if alert.silent_until().is_some() {
                return;
            }
            // The issue was deleted long ago, and the trouble is still there.
            if alert.gone_at.is_some_and(|gone| long_enough(gone, rule.mute_max)) {
                open(rule, alert, admission, now, orders);
            } else if alert.insists_at(rule).is_some_and(|at| at <= now) {
                alert.insist(now, orders);
            }
        }
        (phase @ (Phase::Firing | Phase::Recovering { .. }), false) => {
            let since = match phase {
                Phase::Recovering { since } => since,
                Phase::Inactive | Phase::Pending { .. } | Phase::Firing => now,
            };
            if long_enough(since, rule.close_after) {
                alert.wishes.acked = None;
            }
            if long_enough(since, rule.close_after) && !alert.stays_open() {
                resolve(alert, now, orders);
            } else {
                alert.phase = Phase::Recovering { since };
            }
        }
    }
}

/// The trouble is real: take the closing back, reopen, or open.
fn fire(
    rule: &Rule,
    alert: &mut Alert,
    since: Timestamp,
    admission: Placement,
    now: Timestamp,
    orders: &mut Vec<Order>,
) {
    if !alert.may_reopen(rule, since) {
        return open(rule, alert, admission, now, orders);
    }
    alert.phase = Phase::Firing;
    alert.closed_at = None;
    alert.talk.is_table_old = true;
    if strike(alert, EffectKind::Close, orders) {
        alert.talk.gathered.closed_at = None;
        return;
    }
    alert.reopens += 1;
    alert.fired_at = now;
    alert.talk.reminders = 0;
    gather(alert, now).reopened_at = Some(now);
    tell(alert, EffectKind::Reopen, alert.reopens, orders);
}

/// The next episode begins.
fn open(
    rule: &Rule,
    alert: &mut Alert,
    admission: Placement,
    now: Timestamp,
    orders: &mut Vec<Order>,
) {
    let episode = alert.episode + 1;
    open_as(rule, alert, episode, admission, now, orders);
}

/// A new episode begins, with this number.
pub(super) fn open_as(
    rule: &Rule,
    alert: &mut Alert,
    episode: u64,
    admission: Placement,
    now: Timestamp,
    orders: &mut Vec<Order>,
) {
    let last_words = alert.comment_at(rule).is_some();
    if last_words {
        // The old issue's last words go before the new issue.
        alert.talk.comments += 1;
        tell(alert, EffectKind::Comment, alert.talk.comments, orders);
    }
    if last_words || alert.trial(EffectKind::Comment) == Some(Trial::Untried) {
        let gathered = std::mem::take(&mut alert.talk.gathered);
        alert.talk.farewell.get_or_insert(gathered);
    }
    // Its table would tell of the new trouble.
    strike(alert, EffectKind::Edit, orders);
    if let Some(issue) = alert.issue
        && alert.is_under_way(alert.episode)
    {
        alert.former.insert(alert.episode, issue);
    }
    alert.talk.gathered = Gathered::default();
    alert.phase = Phase::Firing;
    alert.episode = episode;
    alert.reopens = 0;
    alert.fired_at = now;
    alert.closed_at = None;
    alert.gone_at = None;
    alert.shut_at = None;
    alert.is_muted = false;
    // A silence goes on.
    alert.wishes.acked = None;
    alert.wishes.held_by = None;
    alert.wishes.closed_by = None;
    alert.refused.clear();
    alert.looked_at = None;
    alert.previous = alert.issue.map(|issue| issue.number).or(alert.previous);
    alert.issue = None;
    alert.placement = admission;
    alert.target.clone_from(&rule.target);
    let touched = &mut alert.touched;
    alert.members.retain(|name, member| {
        let stays = member.standing.is_trouble();
        if !stays {
            touched.insert(name.clone());
        }
        stays
    });
    alert.talk.reminders = 0;
    // Of a row the overflow issue speaks.
    if admission == Placement::Own {
        tell(alert, EffectKind::Open, 0, orders);
    }
}

/// The trouble is over: take the opening or reopening back, or close.
pub(super) fn resolve(alert: &mut Alert, now: Timestamp, orders: &mut Vec<Order>) {
    alert.phase = Phase::Inactive;
    alert.wishes.acked = None;
    if alert.placement == Placement::Row || alert.gone_at.is_some() {
        alert.talk.gathered = Gathered::default();
        return;
    }
    if strike(alert, EffectKind::Open, orders) {
        // What was to follow the opening has nothing to follow.
        for kind in [EffectKind::Comment, EffectKind::Edit] {
            strike(alert, kind, orders);
        }
        alert.talk.gathered = Gathered::default();
        alert.talk.missed = Some(Missed::add(alert.talk.missed, alert.fired_at));
        alert.talk.is_table_old = false;
        return;
    }
    alert.closed_at = Some(now);
    alert.talk.is_table_old = true;
    let is_taken_back = strike(alert, EffectKind::Reopen, orders);
    // What a person closed is closed already, unless we have reopened it.
    let is_shut = alert.shut_at.is_some() && alert.last_turn() != Some(EffectKind::Reopen);
    if is_taken_back && !is_shut {
        alert.talk.gathered.reopened_at = None;
        alert.talk.gathered.silenced = None;
        return;
    }
    let fired_at = alert.fired_at;
    let gathered = gather(alert, now);
    gathered.insisted_at = None;
    gathered.unsilenced_at = None;
    gathered.closed_at = Some(now);
    gathered.fired_at = Some(fired_at);
    if is_shut {
        return;
    }
    tell(alert, EffectKind::Close, alert.reopens, orders);
}

/// Orders what is to be said, if its time has come.
fn speak(rule: &Rule, alert: &mut Alert, now: Timestamp, orders: &mut Vec<Order>) {
    if alert.reminder_at(rule).is_some_and(|at| at <= now) {
        alert.skip_reminders(rule, now);
        gather(alert, now).reminder = true;
    }
    let is_due = |at: Option<Timestamp>| at.is_some_and(|at| at <= now);
    if is_due(alert.comment_at(rule)) {
        alert.talk.comments += 1;
        tell(alert, EffectKind::Comment, alert.talk.comments, orders);
    }
    if is_due(alert.edit_at(rule)) {
        alert.talk.edits += 1;
        tell(alert, EffectKind::Edit, alert.talk.edits, orders);
    }
}

pub(super) fn tell(alert: &mut Alert, kind: EffectKind, number: u64, orders: &mut Vec<Order>) {
    let effect = Effect { kind, episode: alert.episode, number };
    alert.undelivered.push(Undelivered { effect, trial: Trial::Untried });
    orders.push(Order::Tell(effect));
}

/// Strikes the newest undelivered effect of this kind, unless it may have been carried
/// out. Returns whether it did.
pub(super) fn strike(alert: &mut Alert, kind: EffectKind, orders: &mut Vec<Order>) -> bool {
    let Some(index) = alert.undelivered.iter().rposition(|entry| {
        entry.effect.kind == kind
            && entry.effect.episode == alert.episode
            && entry.trial != Trial::InDoubt
    }) else {
        return false;
    };
    let entry = alert.undelivered.remove(index);
    orders.push(Order::Strike(entry.effect));
    true
}

pub(super) fn gather(alert: &mut Alert, now: Timestamp) -> &mut Gathered {
    let gathered = &mut alert.talk.gathered;
    gathered.since.get_or_insert(now);
    gathered
}
