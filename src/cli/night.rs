//! `teawatch report`: what was in the night.

use std::process::ExitCode;

use jiff::SignedDuration;

use super::call::{Server, done, plain, table};
use super::{ConfigArgs, output};
use crate::alert::words::{human, minute};
use crate::config::Caller;
use crate::duration;
use crate::engine::Filed;
use crate::night::words::{age_and_ratio, ago, shares, times};
use crate::night::{Report, Rows, markdown};

const PATH: &str = "api/v1/report";

/// What is told, and how.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Look back at so much time until now, 30 days at most, instead of the last night
    #[arg(long, value_name = "DURATION", value_parser = duration::parse_positive)]
    since: Option<SignedDuration>,
    /// Print the panel of heartbeats alone
    #[arg(long)]
    panel: bool,
    /// Print JSON; always all of it
    #[arg(long, conflicts_with_all = ["markdown", "panel"])]
    json: bool,
    /// Print Markdown, as it stands in an issue
    #[arg(long)]
    markdown: bool,
    /// Make it an issue: one of each night; that of the night before is closed
    #[arg(long, conflicts_with_all = ["since", "panel", "json", "markdown"])]
    issue: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Args { since, panel: is_panel, json, markdown, issue, config } = args;
    let server = Server::new(Caller::load(&config.sources())?)?;
    let runtime = super::runtime()?;
    if issue {
        let filed = runtime.block_on(server.post_slowly(PATH))?;
        output::print(&told(&filed))?;
        return done();
    }
    let seconds = since.map(|since| ("last_seconds", since.as_secs_f64().to_string()));
    let query: Vec<_> = seconds.into_iter().collect();
    let report: Report = runtime.block_on(server.get_slowly(PATH, &query))?;
    output::print(&match (is_panel, json, markdown) {
        (_, true, _) => format!("{}\n", serde_json::to_string_pretty(&report)?),
        (true, _, true) => markdown::panel(&report),
        (false, _, true) => markdown::body(&report),
        (true, _, false) => panel(&report),
        (false, _, false) => text(&report),
    })?;
    done()
}

/// What became of the issue.
fn told(filed: &Filed) -> String {
    let Filed { day, repository, issue, is_new } = filed;
    match (issue, is_new) {
        (_, true) => format!("the report of the night to {day} goes to {repository}\n"),
        (Some(number), false) => {
            format!("the report of the night to {day} is {repository}#{number} already\n")
        }
        (None, false) => format!(
            "the report of the night to {day} is on its way to {repository} already: see \
             `teawatch outbox list`\n"
        ),
    }
}

/// All of it. What there is nothing to say of is left out.
fn text(report: &Report) -> String {
    let Report { at, .. } = report;
    let span = report.period.span;
    let (from, until) = (minute(span.from), minute(span.until));
    let mut text = format!("{}\nFrom {from} to {until}; as of {}.\n", report.summary, minute(*at));
    if !report.faults.is_empty() {
        text.push_str("\nTEAWATCH ITSELF\n");
    }
    for fault in &report.faults {
        text.push_str(&format!("- {}\n", plain(fault)));
    }
    rows(&mut text, ("NOT WELL", &["SINCE", "ISSUE", "LAST REPORT"]), &report.down, |down| {
        let what = format!("{}: {}", down.state, plain(&down.check));
        let issue = down.issue.as_deref().unwrap_or("-").to_owned();
        vec![what, ago(down.since, *at), issue, plain(&down.summary)]
    });
    let head = ("DOWN IN THE PERIOD", &["FOR", "TIMES", "FROM", "UNTIL"][..]);
    rows(&mut text, head, &report.outages, |outage| {
        let until = outage.ended.map_or_else(|| "still down".to_owned(), minute);
        let until = if outage.is_gone { format!("{until}, no longer watched") } else { until };
        let (lasted, times) = (human(outage.lasted), outage.times.to_string());
        vec![plain(&outage.check), lasted, times, minute(outage.began), until]
    });
    rows(&mut text, ("KEPT QUIET", &["SINCE", "WHY"]), &report.quiet, |quiet| {
        vec![plain(&quiet.alert), ago(quiet.since, *at), plain(&quiet.why)]
    });
    let head = ("PARKED", &["NUMBER", "ALERT", "REPOSITORY", "SINCE", "REASON"][..]);
    rows(&mut text, head, &report.parked, |parked| {
        let (number, alert) = (parked.number.to_string(), plain(&parked.alert));
        let (repository, since) = (plain(&parked.repository), ago(parked.since, *at));
        vec![parked.effect.clone(), number, alert, repository, since, plain(&parked.reason)]
    });
    rows(&mut text, ("JOBS THAT WENT WRONG", &["HOW", "WHEN", "WHY"]), &report.jobs, |undone| {
        vec![plain(&undone.job), times(undone), minute(undone.at), plain(&undone.why)]
    });
    rows(&mut text, ("NOT LOOKING FROM", &["UNTIL", "FOR"]), &report.absences, |absence| {
        vec![minute(absence.from), minute(absence.until), human(absence.length())]
    });
    put_panel(&mut text, report);
    rows(&mut text, ("AVAILABILITY", &["1 D", "7 D", "30 D"]), &report.availability, |row| {
        std::iter::once(plain(&row.check)).chain(shares(row)).collect()
    });
    text
}

/// The panel of heartbeats alone.
fn panel(report: &Report) -> String {
    if report.heartbeats.is_empty() {
        return "Nothing says how often it is to be heard of.\n".to_owned();
    }
    let mut text = String::new();
    put_panel(&mut text, report);
    text.trim_start().to_owned()
}

fn put_panel(text: &mut String, report: &Report) {
    let head = ("HEARTBEAT", &["STATUS", "AGE", "INTERVAL", "RATIO"][..]);
    rows(text, head, &report.heartbeats, |beat| {
        let [age, ratio] = age_and_ratio(beat);
        vec![plain(&beat.job), beat.status.to_string(), age, human(beat.interval), ratio]
    });
}

/// A table whose first column is called what the rows are. Nothing if there are none.
fn rows<T>(
    text: &mut String,
    (first, others): (&str, &[&str]),
    rows: &Rows<T>,
    row: impl Fn(&T) -> Vec<String>,
) {
    if rows.is_empty() {
        return;
    }
    let first = format!("{first} ({})", rows.count());
    let head: Vec<_> = std::iter::once(first.as_str()).chain(others.iter().copied()).collect();
    let cells: Vec<_> = rows.rows.iter().map(row).collect();
    text.push_str(&format!("\n{}", table(&head, &cells)));
    if rows.more > 0 {
        text.push_str(&format!("… and {} more\n", rows.more));
    }
}
