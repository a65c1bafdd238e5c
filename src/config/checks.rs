//! Checks that the configuration defines.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::check::lacks;
use super::kind::Kind;
use super::layers::Block;
use super::name::{fits, is_free};
use super::problem::Problem;
use super::table::{Preset, Setting, setting};
use super::value::Value;
use super::view::View;
use crate::check::{AGENT, CheckId, Definition, Keywords};
use crate::engine::settings::Expect;
use crate::engine::{Amendment, CHECKS_MAX};

/// Above the example of a check.
pub(super) const DOC: &str = "Checks that are defined here, for what is pinged or must keep to \
    times of the clock. What stands here wins over what people and programs have defined, and \
    what stands here no longer is forgotten at the next start, and its issue closes. An \
    [[expect]] says only that something must report, and what that says of itself counts more; \
    so one check stands in one of the two. `teawatch config check` tells what a start would \
    change.";

/// Above the example of one that is due after its last result.
pub(super) const OFTEN_DOC: &str = "One that is due so long after its last result has \
    `interval` in place of `cron` and `zone`. Without any of them silence means nothing.";

/// What a `[[check]]` has.
#[rustfmt::skip] // A table is read by its rows.
pub const CHECK: &[Setting] = &[
    setting("source", Kind::Source, Preset::Needed("web1"), "The source of the check."),
    setting("name", Kind::CheckName, Preset::Needed("copy"), "Its name there."),
    setting("description", Kind::Text, Preset::Unset("The nightly copy to the other house"),
        "What it is for."),
    setting("interval", Kind::Interval, Preset::Unset("1d"),
        "A result is due so long after the one before."),
    setting("cron", Kind::Cron, Preset::Unset("0 2 * * *"),
        "When a result is due: minute, hour, day of the month, month, day of the week."),
    setting("zone", Kind::Zone, Preset::Unset("Europe/Berlin"),
        "Whose clock that is; UTC unless it is said."),
    setting("grace", Kind::Duration, Preset::Unset("1h"),
        "How long after it was due a result is not missing yet; one hour unless it is said."),
    setting("start_grace", Kind::Interval, Preset::Unset("5m"),
        "How long after it was due at least a start must have come; as long as the grace \
         unless it is said."),
    setting("run_limit", Kind::Interval, Preset::Unset("2h"),
        "How long a run may take from its start on. One that has begun is then not missing, \
         however late it is. As long as the grace unless it is said."),
    setting("run_least", Kind::Interval, Preset::Unset("10s"),
        "A run that succeeds in less time is too short to have done its work, and counts as a \
         failure."),
    setting("gap_least", Kind::Interval, Preset::Unset("1h"),
        "A success that comes sooner after the one before counts as a failure."),
    setting("early", Kind::Interval, Preset::Unset("10m"),
        "How long before a time of `cron` a result counts for it."),
    setting("strict", Kind::Switch, Preset::Unset("false"),
        "Whether a success that comes before that, when none is due, counts as a failure."),
    setting("labels", Kind::Labels, Preset::Unset("team=storage"),
        "What routes match, and silences."),
    setting("slug", Kind::Slug, Preset::Unset("nightly-backup"),
        "By what it is pinged besides its name: /ping/KEY/SLUG."),
    setting("generation", Kind::Count { min: 0, max: u32::MAX as u64 }, Preset::Unset("0"),
        "Which of its UUIDs it is pinged by; a higher one retires those before."),
    setting("awaits_first", Kind::Switch, Preset::Unset("false"),
        "Whether nothing is missing before its first ping."),
    setting("manual_resume", Kind::Switch, Preset::Unset("false"),
        "Whether only a person ends a pause, and no ping."),
    setting("post_only", Kind::Switch, Preset::Unset("false"),
        "Whether pings count only when they are sent with POST."),
    setting("failure_words", Kind::Names, Preset::Unset("ERROR, FATAL"),
        "A ping whose body has one of these words fails, though its address says that all is \
         well."),
    setting("success_words", Kind::Names, Preset::Unset("done"),
        "Or else, with one of these all is well."),
    setting("start_words", Kind::Names, Preset::Unset("begin"),
        "Or else, with one of these it has begun; with none of them all it counts for nothing."),
    setting("needs_word", Kind::Switch, Preset::Unset("false"),
        "Whether a body without any of these words fails instead."),
];

/// All that are defined, as far as they are right. `expected` are those that stand in
/// `[[expect]]`.
pub(super) fn checks(
    view: View<'_>,
    expected: &[Expect],
    problems: &mut Vec<Problem>,
) -> Vec<(CheckId, Definition)> {
    let blocks = &view.layers.checks;
    if let Some(block) = blocks.get(CHECKS_MAX) {
        let message = format!("there are more than {CHECKS_MAX} of [[check]]");
        problems.push(Problem { origin: Some(block.origin.clone()), message });
    }
    let mut checks = BTreeMap::new();
    for block in blocks {
        lacks(block, "check", CHECK, problems);
        let Some(id) = id(view, block, problems) else { continue };
        let mut wrong = |message: String| {
            problems.push(Problem { origin: Some(block.origin.clone()), message });
        };
        if expected.iter().any(|expect| expect.id == id) {
            wrong(format!("[[check]] and [[expect]] both name \"{id}\": leave one of them"));
        }
        if id.is_agent() {
            wrong(format!("[[check]] names \"{AGENT}\", which stands for the source itself"));
        }
        match amendment(block).apply(Definition::default()) {
            Ok(definition) => {
                let definition = Definition { is_configured: true, ..definition };
                if checks.insert(id.clone(), definition).is_some() {
                    wrong(format!("[[check]] names \"{id}\" a second time"));
                }
            }
            Err(why) => {
                let key = match why.field.trim_end_matches("_seconds") {
                    "keywords" => "failure_words",
                    key => key,
                };
                let given = block.values.get(key);
                let origin = given.map_or(&block.origin, |given| &given.origin).clone();
                let message = format!("`[[check]] {key}` {}", why.what);
                problems.push(Problem { origin: Some(origin), message });
            }
        }
    }
    checks.into_iter().collect()
}

fn id(view: View<'_>, block: &Block, problems: &mut Vec<Problem>) -> Option<CheckId> {
    let (source, name) = (block.values.get("source")?, block.values.get("name")?);
    let id = CheckId::new(View::plain(source), View::plain(name));
    fits(view, "source", id.source(), "limits.source_bytes", &source.origin, problems);
    is_free("source", id.source(), &source.origin, problems);
    fits(view, "name", id.name(), "limits.check_name_bytes", &name.origin, problems);
    Some(id)
}

/// What a block says. What of it was refused is told already, and is left out.
fn amendment(block: &Block) -> Amendment {
    let value = |key| block.values.get(key).map(|given| &given.value);
    let text = |key| block.values.get(key).map(View::plain);
    let duration = |key| -> Option<SignedDuration> {
        let Some(Value::Duration(duration)) = value(key) else { return None };
        Some(*duration)
    };
    let switch = |key| -> Option<bool> {
        let Some(Value::Switch(switch)) = value(key) else { return None };
        Some(*switch)
    };
    let words = |key| match value(key) {
        Some(Value::Texts(words)) => words.clone(),
        _ => Vec::new(),
    };
    Amendment {
        interval: duration("interval"),
        cron: text("cron"),
        // Without a right expression a zone is no mistake of its own.
        zone: text("zone").filter(|_| !block.broken.contains(&"cron")),
        grace: duration("grace"),
        start_grace: duration("start_grace"),
        run_limit: duration("run_limit"),
        run_least: duration("run_least"),
        gap_least: duration("gap_least"),
        early: duration("early"),
        strict: switch("strict"),
        labels: match value("labels") {
            Some(Value::ByName(labels)) => Some(labels.clone()),
            _ => None,
        },
        description: text("description"),
        slug: text("slug"),
        awaits_first: switch("awaits_first"),
        manual_resume: switch("manual_resume"),
        post_only: switch("post_only"),
        keywords: Some(Keywords {
            failure: words("failure_words"),
            success: words("success_words"),
            start: words("start_words"),
            or_failure: switch("needs_word").unwrap_or_default(),
        }),
        generation: match value("generation") {
            Some(Value::Count(generation)) => u32::try_from(*generation).ok(),
            _ => None,
        },
    }
}
