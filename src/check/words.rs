//! What a check has to keep to, and how it stands with that, in words.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::{Absences, Check, Moment, Rhythm, Schedule};

/// A duration, to the second where it is longer than one.
pub(super) fn span(duration: SignedDuration) -> String {
    let is_long = duration >= SignedDuration::from_secs(1);
    let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    let duration = match is_long {
        true => SignedDuration::from_secs(duration.as_secs()),
        false => SignedDuration::from_millis(millis),
    };
    format!("{duration:#}")
}

/// A time to the second.
pub(super) fn second(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

impl Schedule {
    /// What it asks for, as one sentence. Empty where that is nothing.
    pub fn words(&self) -> String {
        let mut parts = Vec::new();
        match &self.rhythm {
            Some(Rhythm::Every(interval)) => parts.push(format!("due every {}", span(*interval))),
            Some(Rhythm::At(slots)) => parts.push(format!(
                "due at {} by the clock of {}",
                slots.expression(),
                slots.zone()
            )),
            None => {}
        }
        if self.rhythm.is_some() && self.grace.is_positive() {
            parts.push(format!("at most {} late", span(self.grace)));
        }
        if let Some(grace) = self.start_grace {
            parts.push(format!("begun at most {} late", span(grace)));
        }
        if let Some(limit) = self.run_limit {
            parts.push(format!("each run at most {}", span(limit)));
        }
        if let Some(least) = self.run_least {
            parts.push(format!("at least {}", span(least)));
        }
        if let Some(least) = self.gap_least {
            parts.push(format!("not more than once in {}", span(least)));
        }
        parts.join(", ")
    }
}

impl Check {
    /// What is expected of it and how it stands with that, in sentences for a person who
    /// looks for what is wrong. Empty where nothing is expected and nothing runs.
    pub fn account(&self, absences: &Absences) -> String {
        let mut sentences = Vec::new();
        let words = self.schedule().map(Schedule::words).filter(|words| !words.is_empty());
        if let Some(words) = words {
            sentences.push(format!("It is {words}."));
        }
        if let Some(why) = self.schedule_trouble() {
            sentences.push(format!(
                "Nobody can tell when that is: {why}. Install it on the machine of teawatch, or \
                 correct the schedule."
            ));
        }
        if let Some(at) = self.paused_at() {
            sentences.push(format!("It is paused since {}.", second(at.get())));
        }
        if self.schedule().is_some_and(|schedule| schedule.rhythm.is_some()) {
            if let Some(at) = self.last_seen.map(Moment::get) {
                sentences.push(format!("It was heard of last at {}.", second(at)));
            }
            if let Some(at) = self.late_at(absences) {
                sentences.push(format!("Its next result is due at {}.", second(at)));
            }
        }
        for run in self.runs.open() {
            let name = run.rid.map_or_else(String::new, |rid| format!(" {rid}"));
            let began = second(run.began_at.get());
            let limit = self.schedule().and_then(Schedule::run_limit).filter(|_| run.is_over);
            sentences.push(match limit {
                Some(limit) => format!(
                    "The run{name} began at {began} and has not ended, which it must within {}.",
                    span(limit)
                ),
                None => format!("The run{name} began at {began} and goes on."),
            });
        }
        if let Some(last) = self.runs.last()
            && let Some(took) = last.took
        {
            let (at, took) = (second(last.at.get()), span(took));
            sentences.push(format!("The last run that ended did so at {at}, after {took}."));
        }
        if let Some(logged) = &self.logged {
            let at = second(logged.at.get());
            sentences.push(format!("It logged last at {at}: {}", logged.summary));
        }
        if self.runs.given_up() > 0 {
            sentences.push(format!(
                "Too many ran at once: {} of the oldest runs are not watched any more.",
                self.runs.given_up()
            ));
        }
        sentences.join(" ")
    }
}
