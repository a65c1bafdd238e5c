//! What people read, often at three in the morning.
//!
//! Every text answers in this order: what is wrong, since when, what was seen last, what
//! teawatch will do. What comes from outside goes through [`super::markdown`]. Times are
//! UTC, to the minute where a minute is enough.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;

use super::answer::put_hold;
use super::markdown::{line, shorten, title as title_text};
use super::pacing::Gathered;
use super::seen::{Diagnostics, put_diagnostics};
use super::table::{state, table};
use super::words::{counted, human, minute, often, second};
use super::{Alert, Group, Member, Standing};

/// Gitea keeps 255 bytes of a title.
const TITLE_MAX: usize = 255;
/// One line from outside, in a table or a sentence.
pub(super) const SUMMARY_MAX: usize = 200;
/// Names in one sentence; the rest is counted.
const NAMES_MAX: usize = 10;
/// Absences named in one text, the newest.
const ABSENCES_MAX: usize = 3;

/// What a text is written from.
#[derive(Debug)]
pub struct Facts<'a> {
    pub alert: &'a Alert,
    pub now: Timestamp,
    /// By member: what was seen last. At most [`DETAILS_MAX`](super::seen::DETAILS_MAX) of
    /// those [`spoken_of`](super::seen::spoken_of).
    pub diagnostics: BTreeMap<String, Diagnostics>,
    /// And of how many more.
    pub more: usize,
    /// When teawatch was not looking, oldest first.
    pub absences: Vec<(Timestamp, Timestamp)>,
    /// Where teawatch can be seen, without a slash at its end.
    pub public_url: Option<&'a str>,
    /// The hidden line that makes this text ours.
    pub marker: String,
}

/// The title of a new issue.
pub fn title(alert: &Alert) -> String {
    let prefix = match alert.target.title_prefix.as_str() {
        "" => String::new(),
        prefix => format!("{prefix} "),
    };
    let group = title_text(&alert.group.to_string());
    let mut in_trouble = troubled(alert);
    let what = match (&alert.group, in_trouble.next(), in_trouble.count()) {
        (Group::Overflow { .. }, ..) => "too much trouble at once".to_owned(),
        (Group::Check { .. } | Group::Blind { .. }, Some((_, member)), 0) => {
            title_text(&told(member))
        }
        (Group::Source { source }, Some((name, member)), 0) => {
            let name = name.strip_prefix(&format!("{source}/")).unwrap_or(name);
            title_text(&format!("{name}: {}", told(member)))
        }
        (_, Some((name, member)), 0) => title_text(&format!("{name}: {}", told(member))),
        (_, Some(_), more) => format!("{} checks in trouble", more + 1),
        (_, None, _) => "in trouble".to_owned(),
    };
    shorten(&format!("{prefix}{group}: {what}"), TITLE_MAX)
}

/// The body of a new issue.
pub fn body(facts: &Facts<'_>) -> String {
    let Facts { alert, .. } = facts;
    // The marker comes first, where nothing can cut it off.
    let mut text = format!("{}\n\n", facts.marker);
    if !alert.target.intro.is_empty() {
        put(&mut text, format_args!("{}\n\n", alert.target.intro.trim()));
    }
    if let Group::Overflow { repository } = &alert.group {
        put(
            &mut text,
            format_args!(
                "So much went wrong at once that teawatch opens no further issues in {} for \
                 now. What follows has no issue of its own and stays here until it is well \
                 again.\n\n",
                line(repository)
            ),
        );
    }
    put(&mut text, format_args!("{}\n\n{}\n\n", lead(alert), table(facts)));
    put_diagnostics(&mut text, facts);
    put_absences(&mut text, facts);
    if let Some(missed) = alert.talk.missed {
        let times = often(missed.times);
        let first = minute(missed.first);
        put(
            &mut text,
            format_args!(
                "It was in trouble {times} before, first at {first}, and well again before an \
                 issue could be opened.\n\n"
            ),
        );
    }
    if let Some(previous) = alert.previous {
        put(&mut text, format_args!("The last time was #{previous}.\n\n"));
    }
    put(&mut text, format_args!("---\n{}\n", footer(facts)));
    text
}

/// A comment: what changed, when, how long it lasted, how many results it sums up, and
/// the newest diagnostics.
pub fn comment(facts: &Facts<'_>) -> String {
    let Facts { alert, now, .. } = facts;
    let gathered = &alert.talk.gathered;
    let mut text = format!("{}\n\n", facts.marker);
    // What happened last is said last.
    let is_over = gathered.reopened_at < gathered.closed_at;
    if !is_over {
        put_recovered(&mut text, gathered);
    }
    if let Some(reopened) = gathered.reopened_at {
        let times = match alert.reopens {
            1 => "the first relapse".to_owned(),
            times => format!("relapse number {times}"),
        };
        let reopened = minute(reopened);
        put(
            &mut text,
            format_args!("**In trouble again** at {reopened}: {times} in this issue.\n\n"),
        );
    }
    if is_over {
        put_recovered(&mut text, gathered);
    }
    put_answer(&mut text, gathered);
    if alert.is_active() {
        if gathered.unsilenced_at.is_some() {
            let lasted = human(now.duration_since(alert.fired_at));
            put(
                &mut text,
                format_args!("**The silence is over**, and the trouble is not: {lasted}.\n\n"),
            );
        }
        if gathered.reminder && gathered.reopened_at.is_none() {
            let lasted = human(now.duration_since(alert.fired_at));
            put(&mut text, format_args!("**Still in trouble**, for {lasted}.\n\n"));
        }
        put(&mut text, format_args!("{}\n\n", lead(alert)));
        put_hold(&mut text, alert);
    }
    put_silence(&mut text, gathered);
    put_summary(&mut text, gathered);
    put_diagnostics(&mut text, facts);
    put_absences(&mut text, facts);
    put_gone_and_notes(&mut text, gathered);
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// The last comment in an issue whose alert has a new one already.
pub fn farewell(facts: &Facts<'_>, gathered: &Gathered) -> String {
    let mut text = format!("{}\n\n", facts.marker);
    put_recovered(&mut text, gathered);
    put_silence(&mut text, gathered);
    put_summary(&mut text, gathered);
    put_gone_and_notes(&mut text, gathered);
    text.push_str("It is in trouble again since, and that has an issue of its own.\n");
    text
}

fn put_recovered(text: &mut String, gathered: &Gathered) {
    let Some(closed) = gathered.closed_at else { return };
    let lasted = human(closed.duration_since(gathered.fired_at.unwrap_or(closed)));
    let closed = minute(closed);
    put(text, format_args!("**Recovered** at {closed}: all is well again, after {lasted}.\n\n"));
}

/// What teawatch does after a person has closed or reopened the issue.
fn put_answer(text: &mut String, gathered: &Gathered) {
    if let Some(shut) = gathered.insisted_at {
        let shut = minute(shut);
        put(
            text,
            format_args!(
                "**Reopened**: somebody had closed this by {shut}, and it has been in trouble \
                 ever since.\n\n"
            ),
        );
    }
    if let Some(revived) = gathered.revived_at {
        let revived = minute(revived);
        put(
            text,
            format_args!(
                "**All is well**: somebody had reopened this by {revived}, yet no check of it is \
                 in trouble, so it is closed again.\n\n"
            ),
        );
    }
}

/// Why nothing was written for a while.
fn put_silence(text: &mut String, gathered: &Gathered) {
    let Some(silenced) = &gathered.silenced else { return };
    let by = line(&silenced.by);
    let why = match line(&silenced.why) {
        why if why.is_empty() => String::new(),
        why => format!(" ({why})"),
    };
    put(text, format_args!("Nothing was written meanwhile: {by} had silenced it{why}.\n\n"));
}

fn put_gone_and_notes(text: &mut String, gathered: &Gathered) {
    for gone in &gathered.gone {
        put(text, format_args!("No longer watched: {}\n\n", line(gone)));
    }
    if gathered.gone_more > 0 {
        put(text, format_args!("… and {} more.\n\n", gathered.gone_more));
    }
    for note in &gathered.notes {
        put(text, format_args!("> [!NOTE]\n> {}\n\n", line(note)));
    }
}

/// One sentence: what is wrong, since when.
pub(super) fn lead(alert: &Alert) -> String {
    let names: Vec<_> = troubled(alert).collect();
    match names.as_slice() {
        [] => "All checks are well at present.".to_owned(),
        [(name, member)] => {
            let since = minute(member.since);
            let name = line(name);
            match member.standing {
                Standing::Failing => format!("**{name} is down** since {since}."),
                Standing::Silent => format!(
                    "**{name} is silent** since {since}: nothing was heard from it for longer \
                     than its interval and grace allow. It may be dead, stopped, or unable to \
                     reach teawatch."
                ),
                Standing::NeverSeen => format!(
                    "**{name} was never heard of**: the configuration expects it, and nothing \
                     had come by {since}. Does its agent run, and report under this name?"
                ),
                Standing::Flapping => format!(
                    "**{name} is flapping** since {since}: it changes so often between passing \
                     and failing that neither is believed."
                ),
                Standing::Overrun => format!(
                    "**{name} runs for too long**: a run of it has begun, and had not ended by \
                     {since}, when it must have. It may hang, or have died without a word."
                ),
                Standing::CannotTell => format!(
                    "**Nobody can tell how {name} is**, since {since}: its results say \
                     \"unknown\". This is not a failure of what is watched; look at whoever \
                     watches it: a missing program, missing rights, a timeout."
                ),
                Standing::Unheard => format!(
                    "**It is not known yet how {name} is**: it was in trouble before teawatch \
                     lost what it knew, and has not spoken for itself since {since}."
                ),
                Standing::Well => format!("{name} is well."),
            }
        }
        many => {
            let shown: Vec<_> = many.iter().take(NAMES_MAX).map(|(name, _)| line(name)).collect();
            let more = match many.len().saturating_sub(NAMES_MAX) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let what = match alert.group {
                Group::Overflow { .. } => "alerts have no issue of their own",
                Group::Check { .. }
                | Group::Source { .. }
                | Group::Named { .. }
                | Group::Blind { .. }
                | Group::Night { .. } => "checks are in trouble",
            };
            format!("**{} {what}**: {}{more}.", many.len(), shown.join(", "))
        }
    }
}

/// How much is summed up; a turn that was told already is not.
fn put_summary(text: &mut String, gathered: &Gathered) {
    let mut parts = Vec::new();
    if gathered.results > 0 {
        let results = counted(gathered.results, "result", "results");
        parts.push(format!("{results}, {} of them failing", gathered.failures));
    }
    let is_told = (gathered.closed_at.is_some() || gathered.reopened_at.is_some())
        && gathered.began <= 1
        && gathered.ended <= 1;
    let turns = [("into trouble", gathered.began), ("well again", gathered.ended)];
    let turns = turns.into_iter().filter(|(_, count)| *count > 0 && !is_told);
    let turns: Vec<_> = turns.map(|(what, count)| format!("{what} {}", often(count))).collect();
    if !turns.is_empty() {
        parts.push(turns.join(", "));
    }
    if let (Some(since), false) = (gathered.since, parts.is_empty()) {
        put(text, format_args!("Since {}: {}.\n\n", second(since), parts.join("; ")));
    }
}

fn put_absences(text: &mut String, facts: &Facts<'_>) {
    let skip = facts.absences.len().saturating_sub(ABSENCES_MAX);
    for &(from, until) in facts.absences.iter().skip(skip) {
        put(
            text,
            format_args!(
                "teawatch itself was not looking from {} to {} ({}); that time counts against \
                 nobody.\n\n",
                second(from),
                second(until),
                human(until.duration_since(from)),
            ),
        );
    }
}

/// What teawatch will do, and where to look.
fn footer(facts: &Facts<'_>) -> String {
    let mut text = "teawatch keeps the table up to date, comments on what changes, and closes \
                    this issue on recovery. Write wherever else you like."
        .to_owned();
    if let Some(url) = facts.public_url {
        put(&mut text, format_args!(" [teawatch]({url}/)"));
    }
    text
}

pub(super) fn troubled(alert: &Alert) -> impl Iterator<Item = (&String, &Member)> {
    alert.members.iter().filter(|(_, member)| member.standing.is_trouble())
}

/// What a member in trouble says, in a title.
fn told(member: &Member) -> String {
    match member.standing {
        Standing::Silent => "silent".to_owned(),
        Standing::NeverSeen => "never heard of".to_owned(),
        Standing::Flapping => "flapping".to_owned(),
        Standing::Overrun => "runs for too long".to_owned(),
        Standing::Unheard => "not heard of".to_owned(),
        Standing::Failing | Standing::CannotTell | Standing::Well => {
            if member.summary.trim().is_empty() {
                // A title shows stars as they are.
                state(member.standing).replace('*', "")
            } else {
                member.summary.trim().to_owned()
            }
        }
    }
}

pub(super) fn put(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("writing to a string cannot fail");
}
