//! The words of the fallback channel, and the forms in which services take them.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::step::Word;
use crate::engine::{AlertRow, Outage, Overview, Passage};

/// How many alerts are named; the rest is counted.
const ALERTS_MAX: usize = 10;
/// How many repositories are named.
const REPOSITORIES_MAX: usize = 3;
/// How much of a line from outside is told, in characters.
const LINE_MAX: usize = 200;

/// Which service takes the messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// The text as it is, the title in a header.
    Ntfy,
    /// What Slack, Mattermost and Rocket.Chat call an incoming webhook.
    Slack,
    /// JSON with everything in fields of its own.
    Generic,
}

/// One message.
#[derive(Debug, Clone)]
pub(super) struct Message {
    word: Word,
    since: Timestamp,
    why: Vec<(String, String)>,
    more_why: usize,
    waiting: usize,
    open: Vec<AlertRow>,
    more_open: usize,
}

impl Message {
    pub(super) fn new(word: Word, outage: &Outage, passage: &Passage, overview: Overview) -> Self {
        let line = |(repository, why): (&String, &String)| (plain(repository), plain(why));
        let shown = overview.alerts.len().min(ALERTS_MAX);
        Self {
            word,
            since: outage.since,
            why: passage.blocked.iter().take(REPOSITORIES_MAX).map(line).collect(),
            more_why: passage.blocked.len().saturating_sub(REPOSITORIES_MAX),
            waiting: passage.waiting,
            more_open: overview.more_alerts + overview.alerts.len() - shown,
            open: overview.alerts.into_iter().take(ALERTS_MAX).collect(),
        }
    }

    pub(super) fn title(&self) -> &'static str {
        match self.word {
            Word::Begun => "teawatch: nothing gets through to Gitea",
            Word::Still => "teawatch: still nothing gets through to Gitea",
            Word::Over => "teawatch: Gitea is told again",
        }
    }

    pub(super) fn text(&self) -> String {
        let mut lines = Vec::new();
        let since = moment(self.since);
        lines.push(match self.word {
            Word::Begun | Word::Still => format!(
                "Nothing has got through since {since}; {} for Gitea.",
                counted(self.waiting, "effect waits", "effects wait")
            ),
            Word::Over if self.waiting == 0 => {
                format!("What began at {since} is over. Nothing waits for Gitea.")
            }
            Word::Over => format!(
                "What began at {since} is over; {} for Gitea and will be told.",
                counted(self.waiting, "effect waits", "effects wait")
            ),
        });
        lines.extend(self.why.iter().map(|(repository, why)| format!("{repository}: {why}")));
        if self.more_why > 0 {
            lines.push(format!("... and {}", counted(self.more_why, "repository", "repositories")));
        }
        if self.open.is_empty() {
            lines.push("No check is in trouble.".to_owned());
        } else {
            lines.push("In trouble:".to_owned());
        }
        lines.extend(self.open.iter().map(|row| {
            let (title, summary) = (plain(&row.title), plain(&row.summary));
            format!("- {title}: {summary} ({} since {})", row.phase, moment(row.since))
        }));
        if self.more_open > 0 {
            lines.push(format!("... and {} more", self.more_open));
        }
        lines.join("\n")
    }

    /// What a service is sent: headers and body.
    pub(super) fn form(&self, service: Service) -> (Vec<(&'static str, &'static str)>, String) {
        match service {
            Service::Ntfy => {
                let tags = match self.word {
                    Word::Begun | Word::Still => [("tags", "warning"), ("priority", "high")],
                    Word::Over => [("tags", "white_check_mark"), ("priority", "default")],
                };
                let headers = [("title", self.title()), ("content-type", "text/plain")];
                (headers.into_iter().chain(tags).collect(), self.text())
            }
            Service::Slack => {
                let text = format!("*{}*\n{}", self.title(), escaped(&self.text()));
                (vec![("content-type", "application/json")], json!({ "text": text }).to_string())
            }
            Service::Generic => {
                (vec![("content-type", "application/json")], self.json().to_string())
            }
        }
    }

    fn json(&self) -> Value {
        let event = match self.word {
            Word::Begun => "begun",
            Word::Still => "still",
            Word::Over => "over",
        };
        let why = self.why.iter();
        let open = self.open.iter();
        json!({
            "event": event,
            "title": self.title(),
            "text": self.text(),
            "since": self.since,
            "effects_waiting": self.waiting,
            "repositories": why
                .map(|(repository, why)| json!({ "repository": repository, "reason": why }))
                .collect::<Vec<_>>(),
            "alerts": open
                .map(|row| json!({
                    "title": plain(&row.title),
                    "summary": plain(&row.summary),
                    "phase": row.phase.to_string(),
                    "since": row.since,
                }))
                .collect::<Vec<_>>(),
            "more_alerts": self.more_open,
        })
    }
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn moment(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// Text from outside, on one line.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LINE_MAX).collect()
}

/// Slack's own marks: none from outside calls everybody in a channel.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
