//! What the report of a night is made of, page by page, so that nobody waits for it.
//!
//! It shows no single moment: what changes while it is read may be in it or not.

use std::ops::Bound;

use jiff::{SignedDuration, Timestamp};

use super::core::Core;
use super::history::{Reach, is_obscured};
use super::records::{Before, Happened, Past};
use super::view::PAGE_MAX;
use super::{Engine, Error};
use crate::alert::{Alert, Fingerprint, Placement, Silenced};
use crate::check::{AGENT, Cause, Check, CheckId, Moment, Verdict};
use crate::job::{Run, RunState};
use crate::night::{
    Draft, History, LOOK_BACK_MAX, Parked, Period, Present, Quiet, Report, Seen, Span, State,
    Undone,
};
use crate::store::{Key, Tree, decode};

/// Records of the history that are read at most. The older ones of more say nothing then, and
/// the time before is unknown.
const HISTORY_MAX: u64 = 1_000_000;

/// What a report looks back at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookBack {
    /// The night that ended last.
    Night,
    /// So much time until now; at most [`LOOK_BACK_MAX`].
    Last(SignedDuration),
}

/// Some of what the report is made of, and where the rest begins; nothing at its end.
type Part<T, Cursor> = (Vec<T>, Option<Cursor>);

impl Engine {
    /// Reads everything that there is to say of a night, or of another time until now.
    /// `faults` are what is wrong with teawatch itself, in sentences.
    pub async fn night(&self, at: LookBack, faults: Vec<String>) -> Result<Report, Error> {
        let (now, period, reach) = self.ask(move |core, now| core.outline(at, now)).await?;
        let history = self.history(reach).await?;
        let mut draft = Draft::new(period, history, faults, now);
        let mut after = None;
        loop {
            let (checks, next) = self.ask(move |core, now| core.seen(after.as_ref(), now)).await?;
            checks.into_iter().for_each(|check| draft.check(check));
            let Some(next) = next else { break };
            after = Some(next);
        }
        let mut after = None;
        loop {
            let (quiet, next) = self.ask(move |core, _| core.quiet(after.as_ref())).await?;
            quiet.into_iter().for_each(|quiet| draft.quiet(quiet));
            let Some(next) = next else { break };
            after = Some(next);
        }
        let mut after = 0;
        loop {
            let (parked, next) = self.ask(move |core, _| core.parked(after)).await?;
            parked.into_iter().for_each(|parked| draft.parked(parked));
            let Some(next) = next else { break };
            after = next;
        }
        let mut after = 0;
        loop {
            let (undone, next) = self.ask(move |core, _| core.undone(after)).await?;
            undone.into_iter().for_each(|undone| draft.undone(undone));
            let Some(next) = next else { return Ok(draft.finish()) };
            after = next;
        }
    }

    /// What happened, as far as it reaches back.
    async fn history(&self, reach: Reach) -> Result<History, Error> {
        let mut history = History::new();
        if let Some(since) = reach.whole_since {
            history.begin(since);
        }
        let mut after = reach.first.checked_sub(1).map(key);
        let mut is_cut = reach.is_cut;
        loop {
            let from = after.take();
            let records =
                self.between(move |_, store| store.behind(Tree::History, from.as_deref()));
            let records = records.await??;
            let Some((last, _)) = records.last() else { return Ok(history) };
            after = Some(last.clone());
            for (key, record) in records {
                let past = match decode::<Past>(Tree::History, &key, &record) {
                    Ok(past) => past,
                    Err(error) => {
                        let error = &error as &dyn std::error::Error;
                        tracing::warn!(error, "a record of the history is left out");
                        continue;
                    }
                };
                if std::mem::take(&mut is_cut) {
                    history.begin(past.at);
                }
                tell(&mut history, past);
            }
        }
    }
}

fn key(number: u64) -> Vec<u8> {
    Key::new().u64(number).as_ref().to_vec()
}

/// Adds a record to what happened, if it says how a check was.
fn tell(history: &mut History, Past { at, what }: Past) {
    match what {
        Happened::Judged { check, verdict, before, .. } => {
            let before = before.map(|Before { verdict, since }| (verdict, since));
            history.judged(check, verdict, before, at);
        }
        Happened::Obscured { check } => history.obscured(check, at),
        Happened::Revealed { check } => history.revealed(check, at),
        Happened::Forgotten { check } => history.forgotten(check, at),
        Happened::Absent { from, until } => history.absent(Span { from, until }),
        Happened::Rewound { by } => history.rewound(by),
        Happened::LateReport { .. }
        | Happened::Ordered { .. }
        | Happened::Delivered { .. }
        | Happened::Struck { .. }
        | Happened::Dropped { .. }
        | Happened::GivenUp { .. }
        | Happened::Commanded { .. } => {}
    }
}

impl Core {
    /// When it is, what is looked back at, and what of the history is to be read.
    fn outline(&self, at: LookBack, now: Timestamp) -> (Timestamp, Period, Reach) {
        let period = match at {
            LookBack::Night => Period::night(&self.settings.night, now),
            LookBack::Last(length) => Period::until(now, length.min(LOOK_BACK_MAX)),
        };
        let from = period.span.from.min(Period::until(now, LOOK_BACK_MAX).span.from);
        (now, period, self.meta.history.reach(from, HISTORY_MAX))
    }

    /// Checks behind `after`, as they are now.
    fn seen(&self, after: Option<&CheckId>, now: Timestamp) -> Part<Seen, CheckId> {
        let checks: Vec<_> = self.checks.behind(after).take(PAGE_MAX).collect();
        let next = checks.last().filter(|_| checks.len() == PAGE_MAX);
        let next = next.map(|check| check.id.clone());
        (checks.into_iter().map(|check| self.see(check, now)).collect(), next)
    }

    fn see(&self, check: &Check, now: Timestamp) -> Seen {
        let trouble = trouble(check);
        let latest = check.latest.as_ref().filter(|_| trouble.is_some());
        Seen {
            id: check.id.clone(),
            status: check.status(&self.absences, now),
            present: Present {
                verdict: check.verdict,
                since: check.since,
                is_known: check.last_seen.is_some() || check.is_down(),
                is_obscured: is_obscured(check.timeless_status()),
            },
            trouble,
            beats: self.beats(check),
            issue: trouble.and_then(|_| self.issue_about(&check.id)),
            summary: latest.map_or_else(String::new, |latest| latest.summary.to_string()),
        }
    }

    /// How often a check says that it is to be heard of, and when it was. What is heard of
    /// with its agent, and as often, is not told apart from it.
    fn beats(&self, check: &Check) -> Option<(SignedDuration, Option<Timestamp>)> {
        if check.paused_at().is_some() {
            return None;
        }
        if let Some(beats) = file_beats(check) {
            return Some(beats);
        }
        let agent = self.checks.find(check.id.source(), AGENT).filter(|_| !check.id.is_agent());
        let interval = check.interval?;
        let is_the_agents = agent.is_some_and(|agent| agent.interval == Some(interval));
        (!is_the_agents).then_some((interval, check.last_seen.map(Moment::get)))
    }

    /// Where the trouble of a check is told.
    fn issue_about(&self, id: &CheckId) -> Option<String> {
        let alert = self.alerts.get(self.bound.get(id)?).filter(|alert| alert.is_active())?;
        let repository = &alert.target.repository;
        match (alert.issue, alert.placement) {
            (Some(issue), _) => Some(format!("{repository}#{}", issue.number)),
            (None, Placement::Row) => Some(format!("{repository} (overflow)")),
            (None, Placement::Own) => None,
        }
    }

    /// Alerts behind `after` that somebody keeps quiet.
    fn quiet(&self, after: Option<&Fingerprint>) -> Part<Quiet, Fingerprint> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let alerts = self.alerts.range::<Fingerprint, _>((from, Bound::Unbounded));
        let alerts: Vec<_> = alerts.take(PAGE_MAX).collect();
        let next = alerts.last().filter(|_| alerts.len() == PAGE_MAX);
        let next = next.map(|(fingerprint, _)| (*fingerprint).clone());
        let alerts = alerts.into_iter().map(|(_, alert)| alert);
        let troubles = alerts.filter(|alert| !alert.group.is_night() && alert.is_in_trouble());
        let quiet = troubles.filter_map(|alert| {
            let why = why_quiet(alert)?;
            let troubled = alert.members.values().filter(|member| member.standing.is_trouble());
            let since = troubled.map(|member| member.since).min()?;
            Some(Quiet { alert: alert.group.to_string(), why, since })
        });
        (quiet.collect(), next)
    }

    /// Effects behind the number `after` that need a person.
    fn parked(&self, after: u64) -> Part<Parked, u64> {
        let entries = self.entries.range((Bound::Excluded(after), Bound::Unbounded));
        let entries: Vec<_> = entries.take(PAGE_MAX).map(|(_, entry)| entry).collect();
        let next = entries.last().filter(|_| entries.len() == PAGE_MAX).map(|entry| entry.seq);
        let parked = entries.into_iter().filter_map(|entry| {
            let parked = entry.parked.as_ref()?;
            let alert = self.alerts.get(&entry.fingerprint);
            Some(Parked {
                number: entry.seq,
                effect: entry.effect.kind.to_string(),
                alert: alert.map_or_else(String::new, |alert| alert.group.to_string()),
                repository: entry.repository.clone(),
                since: parked.since,
                reason: parked.reason.clone(),
            })
        });
        (parked.collect(), next)
    }

    /// Runs of jobs behind the number `after` that went wrong.
    fn undone(&self, after: u64) -> Part<Undone, u64> {
        let runs: Vec<_> = self.jobs.ledger.behind(after).take(PAGE_MAX).collect();
        let next = runs.last().filter(|_| runs.len() == PAGE_MAX).map(|run| run.number);
        let undone = runs.into_iter().filter_map(|run| {
            let job = self.jobs.get(&run.job);
            wrong(run, job.map_or_else(|| run.job.to_string(), |job| job.definition.name.clone()))
        });
        (undone.collect(), next)
    }
}

/// How a run went wrong, if it did.
fn wrong(run: &Run, name: String) -> Option<Undone> {
    match run.state {
        RunState::Failed | RunState::Missed | RunState::Unknown => Some(Undone {
            job: name,
            state: run.state.to_string(),
            at: run.ended_at.unwrap_or(run.claimed_at),
            slots: run.slots,
            why: run.why.clone(),
        }),
        RunState::Claimed | RunState::Running | RunState::Done | RunState::Skipped => None,
    }
}

/// What is wrong with a check, and since when.
fn trouble(check: &Check) -> Option<(State, Timestamp)> {
    if check.unseen || check.paused_at().is_some() {
        return None;
    }
    let state = match check.verdict {
        Verdict::Down(Cause::Failing) => State::Down,
        Verdict::Down(Cause::Silent) => State::Silent,
        Verdict::Down(Cause::NeverSeen) => State::NeverSeen,
        Verdict::Down(Cause::Flapping) => State::Flapping,
        Verdict::Down(Cause::Overrun) => State::Overrun,
        Verdict::Up | Verdict::NeverSeen => {
            let since = check.unknown_since.filter(|_| check.is_blind)?;
            return Some((State::CannotTell, since.get()));
        }
    };
    Some((state, check.since))
}

/// The interval that the file of a worker declares, and when it was written, if the check is
/// about one.
fn file_beats(check: &Check) -> Option<(SignedDuration, Option<Timestamp>)> {
    let latest = check.latest.as_ref()?;
    let number = |name: &str| {
        let (_, seconds) = latest.numbers.iter().find(|(number, _)| *number == name)?;
        SignedDuration::try_from_secs_f64(seconds).ok()
    };
    let (age, interval) = (number("age_seconds")?, number("interval_seconds")?);
    Some((interval, latest.at.checked_sub(age).ok()))
}

/// Why nothing is written about an alert, if somebody wants it so.
fn why_quiet(alert: &Alert) -> Option<String> {
    if alert.gone_at.is_some() {
        return Some("its issue was deleted by hand".to_owned());
    }
    if alert.shut_at.is_some() && alert.is_active() {
        return Some(match &alert.wishes.closed_by {
            Some(by) => format!("{by} had its issue closed"),
            None => "its issue was closed by hand".to_owned(),
        });
    }
    if alert.is_muted && alert.is_active() {
        return Some("its issue wears a label that mutes it".to_owned());
    }
    alert.silence().map(Silenced::sentence)
}

#[cfg(test)]
mod tests {
    use super::super::settings::Settings;
    use super::super::start;
    use super::*;
    use crate::alert::Salt;
    use crate::check::{Kind, Observation};
    use crate::clock::Clock;
    use crate::store::{Memory, Store as _};
    use crate::tasks::Marks;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn of_a_history_that_is_too_long_only_the_newest_records_say_how_it_was() {
        let mut memory = Memory::new();
        let (settings, salt) = (Settings::default(), Salt::new("salt"));
        let instance = "0123456789abcdef".to_owned();
        let mut core = Core::load(&mut memory, settings, salt, None, instance, at(0)).unwrap();
        for second in 1..=9 {
            let kind = if second % 2 == 0 { Kind::Success } else { Kind::Failure };
            let id = CheckId::new("db1", format!("disk{second}"));
            core.observe(&id, &Observation::new(kind, ""), at(second));
            core.observe(&id, &Observation::new(Kind::Unknown, ""), at(second));
        }
        memory.commit(core.take_writes().0).unwrap();
        let window = Span { from: at(0), until: at(100) };
        let all = core.meta.history.reach(at(0), HISTORY_MAX);
        let few = core.meta.history.reach(at(0), 5);
        assert_eq!((all.first, all.is_cut, few.is_cut), (0, false, true));
        let clock = Clock::from_fn(|| at(100));
        let marks = Marks::new(clock.clone());
        let started = start(core, Box::new(memory), clock, &marks).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let all = started.engine.history(all).await.unwrap();
            assert_eq!(all.told(window), Some(window));
            let few = started.engine.history(few).await.unwrap();
            // The oldest of them is the last of the seventh check.
            assert_eq!(few.told(window), Some(Span { from: at(7), ..window }));
        });
        started.engine.stop();
        started.thread.join().unwrap();
    }
}
