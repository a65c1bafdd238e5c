//! Jobs, and who runs them.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::check::lacks;
use super::kind::Kind;
use super::layers::Block;
use super::problem::Problem;
use super::table::{Preset, Setting, setting};
use super::value::Value;
use super::view::View;
use crate::job::{self, Draft, KEEP_MAX, MISSED_MAX, RENEWED};
use crate::jobs::{ARMING_TIMEOUT, Settings};

/// A run that nobody has made is overdue after this, or so many ticks, or so long after the
/// backstop should have made it: after what is longest.
const OVERDUE: SignedDuration = SignedDuration::from_mins(15);
const TICKS: i32 = 3;
const SLACK: SignedDuration = SignedDuration::from_mins(5);

/// Jobs that may be configured.
const CONFIGURED_MAX: usize = 1_000;

/// Above the example of a job.
pub(super) const DOC: &str = "What teawatch runs on a schedule. Each job is a check of its own, \
    teawatch/job-NAME: one that fails, is missed or takes too long is told like any other \
    trouble. People add more with `teawatch jobs add`; those of this file are changed here.";

/// Above the example of a job that opens issues.
pub(super) const CHORE_DOC: &str = "One that opens an issue now and then, which is done when \
    somebody closes it. Routes that match teawatch/chore-NAME say where, and with which labels.";

/// What such an example has besides what is its own.
pub(super) const CHORE: &[(&str, &str)] =
    &[("name", "\"try-a-restore\""), ("do", "\"open-issue\""), ("schedule", "\"0 9 1 * *\"")];

/// Whether only jobs that open issues have this.
pub(super) fn is_of_issues(key: &str) -> bool {
    ["title", "body", "one_at_a_time"].contains(&key)
}

/// What a `[[job]]` has.
#[rustfmt::skip] // A table is read by its rows.
pub const JOB: &[Setting] = &[
    setting("name", Kind::Source, Preset::Needed("nightly-backup"), "What it is called."),
    setting("do", Kind::Choice(&job::Kind::ALL), Preset::Needed("backup"),
        "What it does: sweep (look at every check anew), reconcile (compare the repositories \
         with our state), token-probe (ask Gitea whether it takes the token), dead-man (ping \
         the switch of [deadman]), backup (into the data directory), retention (forget what \
         was kept for long enough), report (the morning report of the last night, as an issue), \
         open-issue (for something that people are to do)."),
    setting("schedule", Kind::Line, Preset::Needed("0 3 * * *"),
        "When: a cron expression of five fields, \"every 30m\", or a time such as \
         \"2026-12-01 22:00\" for once."),
    setting("zone", Kind::Zone, Preset::Unset("Europe/Berlin"),
        "Whose clock that is; UTC if it is left out."),
    setting("times", Kind::Count { min: 0, max: 1_000_000 }, Preset::Unset("10"),
        "How often it is run; for ever if it is left out, or 0."),
    setting("missed", Kind::Choice(&["once", "skip", "all"]), Preset::Unset("all"),
        "What becomes of runs that were missed, as while teawatch was stopped: one is made for \
         all of them (once, if it is left out), none (skip), or each (all)."),
    setting("missed_max", Kind::Count { min: 1, max: MISSED_MAX as u64 }, Preset::Unset("10"),
        "With all: the newest so many."),
    setting("jitter", Kind::Duration, Preset::Unset("5m"),
        "Each run comes up to this much later, 1h at most, always by the same."),
    setting("limit", Kind::Interval, Preset::Unset("10m"),
        "A run that takes longer has failed; 24h at most."),
    setting("keep", Kind::Count { min: 1, max: KEEP_MAX as u64 }, Preset::Unset("7"),
        "Of backups: how many are kept, the newest."),
    setting("title", Kind::Line, Preset::Unset("Try a restore"),
        "Of open-issue: what people are to do."),
    setting("body", Kind::Text, Preset::Unset("See the runbook."),
        "Of open-issue: what stands on top of the issue, in Markdown."),
    setting("one_at_a_time", Kind::Switch, Preset::Unset("true"),
        "Of open-issue: whether none is opened while an earlier one is open; true if it is left \
         out."),
];

/// All jobs, as far as they are right.
pub(super) fn jobs(view: View<'_>, problems: &mut Vec<Problem>) -> Vec<Draft> {
    let blocks = &view.layers.jobs;
    if let Some(block) = blocks.get(CONFIGURED_MAX) {
        let message = format!("there are more than {CONFIGURED_MAX} of [[job]]");
        problems.push(Problem { origin: Some(block.origin.clone()), message });
    }
    let mut names = BTreeSet::new();
    let mut jobs = Vec::new();
    for block in blocks {
        lacks(block, "job", JOB, problems);
        let Some(draft) = draft(block) else { continue };
        let mut wrong = |field: &str, message: String| {
            let given = block.values.get(field);
            let origin = given.map_or(&block.origin, |given| &given.origin).clone();
            problems.push(Problem { origin: Some(origin), message });
        };
        if let Err(job::Wrong { field, why }) = draft.apply(None, Timestamp::UNIX_EPOCH) {
            wrong(field, format!("`[[job]] {field}` {why}"));
        } else if draft.schedule.as_deref().is_some_and(is_relative) {
            let why = "says \"in\", which would be counted anew from each start: name a time";
            wrong("schedule", format!("`[[job]] schedule` {why}"));
        }
        let name = draft.name.clone().unwrap_or_default();
        if !names.insert(name.to_lowercase()) {
            wrong("name", format!("[[job]] names \"{name}\" a second time"));
        }
        jobs.push(draft);
    }
    jobs
}

fn is_relative(schedule: &str) -> bool {
    schedule.split_whitespace().next().is_some_and(|word| word.eq_ignore_ascii_case("in"))
}

/// What a block says, if it has what it must and nothing of it was refused.
fn draft(block: &Block) -> Option<Draft> {
    let given = |key| block.values.get(key);
    let text = |key| given(key).map(View::plain);
    let count = |key| match given(key)?.value {
        Value::Count(count) => u32::try_from(count).ok(),
        _ => None,
    };
    let duration = |key| match given(key)?.value {
        Value::Duration(duration) => Some(format!("{duration:#}")),
        _ => None,
    };
    let has_all = ["name", "do", "schedule"].into_iter().all(|key| given(key).is_some());
    (has_all && block.broken.is_empty()).then(|| Draft {
        name: text("name"),
        kind: text("do"),
        schedule: text("schedule"),
        zone: text("zone"),
        times: count("times"),
        missed: text("missed"),
        missed_max: count("missed_max"),
        jitter: duration("jitter"),
        limit: duration("limit"),
        keep: count("keep"),
        title: text("title"),
        body: text("body"),
        one_at_a_time: match given("one_at_a_time").map(|given| &given.value) {
            Some(Value::Switch(one)) => Some(*one),
            _ => None,
        },
    })
}

/// When a run is overdue. It follows from what runs them, so that the two cannot drift apart.
pub(super) fn overdue(view: View<'_>) -> SignedDuration {
    let ticks = view.duration("scheduler.every").saturating_mul(TICKS);
    let backstop = view.duration("scheduler.backstop").saturating_add(SLACK);
    OVERDUE.max(ticks).max(backstop)
}

/// Who runs them.
pub(super) fn scheduler(view: View<'_>) -> Settings {
    let callback = view.url("public_url").and_then(|url| url.join("webhooks/fire_due").ok());
    Settings {
        provider: view.text("scheduler.provider"),
        every: view.duration("scheduler.every"),
        backstop: view.duration("scheduler.backstop"),
        parallel: view.size("scheduler.parallel"),
        renewed: RENEWED,
        arming_url: view.url("scheduler.arming_url"),
        arming_timeout: ARMING_TIMEOUT,
        callback_url: callback,
        // It follows from the master secret.
        secret: None,
    }
}
