//! The report as it stands in an issue, and its parts as they are put elsewhere.

use std::fmt::{Arguments, Write as _};

use super::words::{age_and_ratio, ago, shares, times};
use super::{Heartbeat, Period, Report, Rows};
use crate::alert::markdown::{line, shorten};
use crate::alert::words::{human, minute};

/// One line from outside in a cell, in bytes.
const CELL_MAX: usize = 200;

/// Up to where in the text each part may write, in bytes; rows beyond it are counted. What is
/// longer than 60,000 bytes would be cut, and one row has far less than what is left.
const ENDS: [(Part, usize); 9] = [
    (Part::Faults, 8_000),
    (Part::Down, 20_000),
    (Part::Outages, 27_000),
    (Part::Quiet, 31_000),
    (Part::Parked, 35_000),
    (Part::Jobs, 38_000),
    (Part::Absences, 40_000),
    (Part::Heartbeats, 47_000),
    (Part::Availability, 54_000),
];

/// A part of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Faults,
    Down,
    Outages,
    Quiet,
    Parked,
    Jobs,
    Absences,
    Heartbeats,
    Availability,
}

/// All of it. What there is nothing to say of is left out.
pub fn body(report: &Report) -> String {
    let Period { span, .. } = report.period;
    let mut text = format!("**{}**\n\n", report.summary);
    let (from, until) = (minute(span.from), minute(span.until));
    put(&mut text, format_args!("From {from} to {until}; as of {}.\n\n", minute(report.at)));
    for (part, end) in ENDS {
        write_part(&mut text, report, part, end);
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// The panel of heartbeats alone, for elsewhere. All of its rows.
pub fn panel(report: &Report) -> String {
    let mut text = String::new();
    if report.heartbeats.is_empty() {
        return "Nothing says how often it is to be heard of.\n".to_owned();
    }
    heartbeats(&mut text, &report.heartbeats, usize::MAX);
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

fn write_part(text: &mut String, report: &Report, part: Part, end: usize) {
    match part {
        Part::Faults => faults(text, &report.faults, end),
        Part::Down => rows(
            text,
            ("Not well now", "| check | state | since | issue | last report |"),
            &report.down,
            end,
            |down| {
                let (check, summary) = (cell(&down.check), cell(&down.summary));
                let issue = down.issue.as_deref().map_or_else(|| "-".to_owned(), cell);
                let since = ago(down.since, report.at);
                format!("| {check} | **{}** | {since} | {issue} | {summary} |", down.state)
            },
        ),
        Part::Outages => rows(
            text,
            ("Down in the period", "| check | for | times | from | until |"),
            &report.outages,
            end,
            |outage| {
                let (check, lasted) = (cell(&outage.check), human(outage.lasted));
                let until = match outage.ended {
                    Some(ended) => minute(ended),
                    None => "**still down**".to_owned(),
                };
                let until =
                    if outage.is_gone { format!("{until}, no longer watched") } else { until };
                let (times, from) = (outage.times, minute(outage.began));
                format!("| {check} | {lasted} | {times} | {from} | {until} |")
            },
        ),
        Part::Quiet => {
            rows(text, ("Kept quiet", "| alert | since | why |"), &report.quiet, end, |quiet| {
                let (alert, why) = (cell(&quiet.alert), cell(&quiet.why));
                format!("| {alert} | {} | {why} |", ago(quiet.since, report.at))
            });
        }
        Part::Parked => rows(
            text,
            ("Parked", "| number | effect | alert | repository | since | reason |"),
            &report.parked,
            end,
            |parked| {
                let (alert, repository) = (cell(&parked.alert), cell(&parked.repository));
                let (reason, since) = (cell(&parked.reason), ago(parked.since, report.at));
                let (number, effect) = (parked.number, &parked.effect);
                format!("| {number} | {effect} | {alert} | {repository} | {since} | {reason} |")
            },
        ),
        Part::Jobs => rows(
            text,
            ("Jobs that went wrong", "| job | how | when | why |"),
            &report.jobs,
            end,
            |undone| {
                let (job, why) = (cell(&undone.job), cell(&undone.why));
                format!("| {job} | {} | {} | {why} |", times(undone), minute(undone.at))
            },
        ),
        Part::Absences => rows(
            text,
            ("teawatch was not looking", "| from | until | for |"),
            &report.absences,
            end,
            |absence| {
                let (from, until) = (minute(absence.from), minute(absence.until));
                format!("| {from} | {until} | {} |", human(absence.length()))
            },
        ),
        Part::Heartbeats => heartbeats(text, &report.heartbeats, end),
        Part::Availability => rows(
            text,
            ("Availability", "| check | 1 d | 7 d | 30 d |"),
            &report.availability,
            end,
            |row| {
                let check = cell(&row.check);
                let [day, week, month] = shares(row);
                format!("| {check} | {day} | {week} | {month} |")
            },
        ),
    }
}

fn faults(text: &mut String, faults: &[String], end: usize) {
    if faults.is_empty() {
        return;
    }
    text.push_str("### teawatch itself\n\n");
    let mut told = 0;
    for fault in faults {
        if text.len() > end {
            break;
        }
        told += 1;
        put(text, format_args!("- {}\n", line(&shorten(fault, 2 * CELL_MAX))));
    }
    put_more(text, faults.len() - told);
    text.push('\n');
}

fn heartbeats(text: &mut String, beats: &Rows<Heartbeat>, end: usize) {
    let head = ("Heartbeats", "| job | status | age | interval | ratio |");
    rows(text, head, beats, end, |beat| {
        let job = cell(&beat.job);
        let (status, interval) = (beat.status, human(beat.interval));
        let [age, ratio] = age_and_ratio(beat);
        format!("| {job} | {status} | {age} | {interval} | {ratio} |")
    });
}

/// A table, and how many rows are not in it. Nothing if there are none.
fn rows<T>(
    text: &mut String,
    (title, head): (&str, &str),
    rows: &Rows<T>,
    end: usize,
    row: impl Fn(&T) -> String,
) {
    if rows.is_empty() {
        return;
    }
    let columns = head.matches('|').count() - 1;
    let rule = "|---".repeat(columns);
    put(text, format_args!("### {title}: {}\n\n{head}\n{rule}|\n", rows.count()));
    let mut told = 0;
    for item in &rows.rows {
        if text.len() > end {
            break;
        }
        told += 1;
        put(text, format_args!("{}\n", row(item)));
    }
    put_more(text, rows.count() - told);
    text.push('\n');
}

fn put_more(text: &mut String, more: usize) {
    if more > 0 {
        put(text, format_args!("\n… and {more} more.\n"));
    }
}

fn cell(text: &str) -> String {
    line(&shorten(text, CELL_MAX))
}

fn put(text: &mut String, arguments: Arguments<'_>) {
    text.write_fmt(arguments).expect("writing to a string cannot fail");
}
