//! How the report comes about: everything that is known is added to it piece by piece.

use std::cmp::Reverse;

use jiff::{SignedDuration, Timestamp};

use super::course::{Course, Outages};
use super::summary::summary;
use super::worst::Worst;
use super::{
    Availability, Counts, Down, Gaps, Heartbeat, History, Measured, Outage, Parked, Period,
    Present, Quiet, ROWS_MAX, Report, Rows, Span, State, Undone, WINDOWS,
};
use crate::check::{CheckId, Status};

/// A check, as it is now.
#[derive(Debug, Clone)]
pub struct Seen {
    pub id: CheckId,
    pub status: Status,
    pub present: Present,
    /// What is wrong with it, and since when. What nobody can look at is not wrong itself.
    pub trouble: Option<(State, Timestamp)>,
    /// How often it is to be heard of, and when it was last, if it says how often.
    pub beats: Option<(SignedDuration, Option<Timestamp>)>,
    /// Where it is told, if it is in trouble: `owner/name#number`.
    pub issue: Option<String>,
    /// What was said last, if it is in trouble: one line from outside.
    pub summary: String,
}

/// Millionths of the time; none, which is less than all, where nothing is known.
type Share = Reverse<Option<i128>>;

/// A report that is not finished.
#[derive(Debug)]
pub struct Draft {
    now: Timestamp,
    period: Period,
    history: History,
    absences: Gaps,
    /// What availability is measured over, as far as all is told of it.
    windows: [Option<Span>; WINDOWS.len()],
    checks: Counts,
    faults: Vec<String>,
    down: Worst<(State, Timestamp), Down>,
    outages: Worst<Reverse<SignedDuration>, Outage>,
    quiet: Worst<Timestamp, Quiet>,
    parked: Worst<Timestamp, Parked>,
    jobs: Worst<Reverse<Timestamp>, Undone>,
    heartbeats: Worst<Reverse<i128>, Heartbeat>,
    availability: Worst<[Share; WINDOWS.len()], Availability>,
}

impl Draft {
    /// Begins the report of a period. `faults` are what is wrong with teawatch itself; the
    /// first [`ROWS_MAX`] are told.
    pub fn new(period: Period, history: History, mut faults: Vec<String>, now: Timestamp) -> Self {
        faults.truncate(ROWS_MAX);
        let windows = WINDOWS.map(|days| {
            let window = Period::until(now, SignedDuration::from_hours(days * 24));
            history.told(window.span)
        });
        Self {
            now,
            period,
            absences: history.absences(),
            history,
            windows,
            checks: Counts::default(),
            faults,
            down: Worst::new(),
            outages: Worst::new(),
            quiet: Worst::new(),
            parked: Worst::new(),
            jobs: Worst::new(),
            heartbeats: Worst::new(),
            availability: Worst::new(),
        }
    }

    /// Adds a check that is watched.
    pub fn check(&mut self, seen: Seen) {
        let turns = self.history.turns.remove(&seen.id).unwrap_or_default();
        let course = Course::of(&turns, Some(&seen.present), self.now);
        let check = seen.id.to_string();
        self.checks.add(seen.status);
        self.outage(&check, &course, false);
        self.measure(&check, &course);
        if let Some((interval, last)) = seen.beats {
            self.beats(&check, seen.status, interval, last);
        }
        if let Some((state, since)) = seen.trouble {
            let Seen { issue, summary, .. } = seen;
            self.down.add((state, since), Down { check, state, since, issue, summary });
        }
    }

    /// Adds an alert that somebody keeps quiet.
    pub fn quiet(&mut self, quiet: Quiet) {
        self.quiet.add(quiet.since, quiet);
    }

    /// Adds an effect that needs a person.
    pub fn parked(&mut self, parked: Parked) {
        self.parked.add(parked.since, parked);
    }

    /// Adds what a job did not do, if that was in the period. The newest is the worst: what
    /// went wrong long ago may be mended.
    pub fn undone(&mut self, undone: Undone) {
        if self.period.span.has(undone.at) {
            self.jobs.add(Reverse(undone.at), undone);
        }
    }

    /// The report, once everything was added.
    pub fn finish(mut self) -> Report {
        // What is left happened to checks that are no longer watched.
        for (id, turns) in std::mem::take(&mut self.history.turns) {
            self.outage(&id.to_string(), &Course::of(&turns, None, self.now), true);
        }
        let mut absences = Worst::new();
        let mut absent = SignedDuration::ZERO;
        for absence in self.absences.spans().filter_map(|span| span.within(self.period.span)) {
            absent += absence.length();
            absences.add(Reverse(absence.length()), absence);
        }
        let Rows { rows: mut spans, more } = absences.rows();
        // People read them as they came.
        spans.sort_unstable();
        let mut report = Report {
            at: self.now,
            period: self.period,
            summary: String::new(),
            checks: self.checks,
            faults: self.faults,
            down: self.down.rows(),
            outages: self.outages.rows(),
            quiet: self.quiet.rows(),
            parked: self.parked.rows(),
            jobs: self.jobs.rows(),
            absences: Rows { rows: spans, more },
            absent,
            heartbeats: self.heartbeats.rows(),
            availability: self.availability.rows(),
        };
        report.summary = summary(&report);
        report
    }

    fn outage(&mut self, check: &str, course: &Course, is_gone: bool) {
        let Some(outages) = course.outages(self.period.span, &self.absences) else { return };
        let Outages { times, lasted, began, ended } = outages;
        let check = check.to_owned();
        self.outages.add(Reverse(lasted), Outage { check, times, lasted, began, ended, is_gone });
    }

    fn measure(&mut self, check: &str, course: &Course) {
        let [day, week, month] = self.windows.map(|window| course.measure(window?, &self.absences));
        let share = |measured: Option<Measured>| Reverse(measured.map(down_share));
        let key = [month, week, day].map(share);
        self.availability.add(key, Availability { check: check.to_owned(), day, week, month });
    }

    fn beats(
        &mut self,
        job: &str,
        status: Status,
        interval: SignedDuration,
        last: Option<Timestamp>,
    ) {
        let heard = last.map(|from| Span { from: from.min(self.now), until: self.now });
        let silent = heard.map(|span| self.absences.rest_of(span));
        let times = |silent: SignedDuration| {
            (silent.as_nanos() * 1_000).checked_div(interval.as_nanos()).unwrap_or(i128::MAX)
        };
        // What was never heard of is silent for ever.
        let key = Reverse(silent.map_or(i128::MAX, times));
        let heartbeat = Heartbeat {
            job: job.to_owned(),
            status,
            age: heard.map(Span::length),
            interval,
            ratio: silent
                .filter(|_| interval.is_positive())
                .map(|silent| silent.as_secs_f64() / interval.as_secs_f64()),
        };
        self.heartbeats.add(key, heartbeat);
    }
}

fn down_share(measured: Measured) -> i128 {
    let Measured { known, down } = measured;
    (down.as_nanos() * 1_000_000).checked_div(known.as_nanos()).unwrap_or(0)
}
