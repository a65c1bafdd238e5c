//! `teawatch checks add` and `edit`: a definition in flags.

use std::collections::BTreeMap;

use anyhow::Context as _;
use jiff::SignedDuration;
use reqwest::Method;

use super::super::call::{Server, plain};
use super::super::{ConfigArgs, output};
use crate::check::Keywords;
use crate::config::Caller;
use crate::engine::{Amendment, CheckView};

/// What is wanted of a check. What is not said stays as it is.
#[derive(Debug, clap::Args)]
pub(super) struct Wanted {
    /// Which one: source/name
    check: String,
    /// A result is due so long after the one before: 10m, 1d
    #[arg(long, value_name = "DURATION", value_parser = duration, conflicts_with = "cron")]
    every: Option<SignedDuration>,
    /// Or at these times: "0 2 * * *" is each night at 2:00
    #[arg(long, value_name = "EXPRESSION")]
    cron: Option<String>,
    /// Whose clock that is [default: UTC]
    #[arg(long, value_name = "ZONE", conflicts_with = "every")]
    zone: Option<String>,
    /// How late a result may be [default: 1h]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    grace: Option<SignedDuration>,
    /// How late a start may be [default: as late as a result]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    start_grace: Option<SignedDuration>,
    /// How long a run may take [default: as long as the grace]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    run_limit: Option<SignedDuration>,
    /// A run that succeeds in less time fails
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    run_least: Option<SignedDuration>,
    /// A success that comes sooner after the one before fails
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    gap_least: Option<SignedDuration>,
    /// How long before its time a result counts for it
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    early: Option<SignedDuration>,
    /// A success that comes before that, when none is due, fails
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    strict: Option<bool>,
    /// A label that routes match; may be repeated, and replaces all that there are
    #[arg(long = "label", value_name = "LABEL=VALUE", value_parser = pair)]
    labels: Vec<(String, String)>,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// By what it is pinged besides its name: /ping/KEY/SLUG
    #[arg(long)]
    slug: Option<String>,
    /// Nothing is missing before its first ping
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    awaits_first: Option<bool>,
    /// Only a person ends a pause, and no ping
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    manual_resume: Option<bool>,
    /// Pings count only when they are sent with POST
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    post_only: Option<bool>,
    /// A ping whose body has this word fails; words may be repeated, and replace all of every
    /// kind that there are
    #[arg(long = "failure-word", value_name = "WORD")]
    failure_words: Vec<String>,
    /// Or else, with this one all is well
    #[arg(long = "success-word", value_name = "WORD")]
    success_words: Vec<String>,
    /// Or else, with this one it has begun; with none of them it counts for nothing
    #[arg(long = "start-word", value_name = "WORD")]
    start_words: Vec<String>,
    /// A body without any of these words fails instead
    #[arg(long)]
    needs_word: bool,
    /// Which of its UUIDs it is pinged by; a higher one retires those before
    #[arg(long, value_name = "NUMBER")]
    generation: Option<u32>,
    #[command(flatten)]
    config: Box<ConfigArgs>,
}

/// A duration that may be zero, which takes one away.
fn duration(text: &str) -> Result<SignedDuration, String> {
    crate::duration::parse(text).ok_or_else(|| {
        r#"expected a duration with its unit, such as "5m", "20s", "7d", or "0s" for none"#.into()
    })
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    Ok((name.to_owned(), value.to_owned()))
}

impl Wanted {
    /// Asks the server for it, and prints what the check has to keep to.
    pub(super) fn send(self, method: Method) -> anyhow::Result<()> {
        let (check, amendment, config) = self.amendment();
        let server = Server::new(Caller::load(&config.sources())?)?;
        let path = super::path("checks", &check)?;
        let asked = serde_json::to_value(amendment).context("this cannot be said in JSON")?;
        let view = super::super::runtime()?.block_on(server.tell(method, &path, &asked))?;
        let view: CheckView =
            serde_json::from_value(view).context("the server's answer makes no sense")?;
        let words = view.definition.map(|definition| definition.schedule.words());
        let words = words.filter(|words| !words.is_empty());
        let words = words.unwrap_or_else(|| "never due".to_owned());
        output::print(&format!("{} is {words}\n", plain(&check)))
    }

    fn amendment(self) -> (String, Amendment, Box<ConfigArgs>) {
        let fit = |words: Vec<String>| words.into_iter().filter(|word| !word.is_empty()).collect();
        let has_words = self.needs_word
            || [&self.failure_words, &self.success_words, &self.start_words]
                .iter()
                .any(|words| !words.is_empty());
        let keywords = has_words.then(|| Keywords {
            failure: fit(self.failure_words),
            success: fit(self.success_words),
            start: fit(self.start_words),
            or_failure: self.needs_word,
        });
        // One without a name is none: `--label ""` takes all away.
        let labels = (!self.labels.is_empty()).then(|| {
            let labels = self.labels.into_iter().filter(|(name, _)| !name.is_empty());
            labels.collect::<BTreeMap<_, _>>()
        });
        let amendment = Amendment {
            interval: self.every,
            cron: self.cron,
            zone: self.zone,
            grace: self.grace,
            start_grace: self.start_grace,
            run_limit: self.run_limit,
            run_least: self.run_least,
            gap_least: self.gap_least,
            early: self.early,
            strict: self.strict,
            labels,
            description: self.description,
            slug: self.slug,
            awaits_first: self.awaits_first,
            manual_resume: self.manual_resume,
            post_only: self.post_only,
            keywords,
            generation: self.generation,
        };
        (self.check, amendment, self.config)
    }
}
