//! What a person is told who has written commands, and how an alert is in one sentence.

use super::commands::COMMANDS;
use super::markdown::line;
use super::text::{Facts, lead, put};
use super::words::minute;
use super::{Alert, EffectKind, Phase, Placement, Rule, Silenced, later};

/// What there is to tell about the commands of one comment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// Sentences of Markdown: what was not obeyed, and why.
    pub sentences: Vec<String>,
    /// The sentence about the alert, if the person asked how it is.
    pub status: Option<String>,
    pub wants_help: bool,
}

impl Answer {
    /// Whether there is nothing to tell: what was asked for is done.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The comment that tells it to whoever is called `by`.
    pub fn text(&self, facts: &Facts<'_>, by: &str) -> String {
        let mut text = format!("{}\n\n", facts.marker);
        let mut by = Some(by).filter(|by| !by.is_empty());
        for sentence in &self.sentences {
            let to = by.take().map(|by| format!("{}: ", line(by))).unwrap_or_default();
            put(&mut text, format_args!("{to}{sentence}\n\n"));
        }
        if let Some(status) = &self.status {
            put(&mut text, format_args!("{}\n\n{}\n\n", lead(facts.alert), line(status)));
        }
        if self.wants_help {
            text.push_str("Each on a line of its own:\n\n");
            for (_, usage, does) in COMMANDS {
                put(&mut text, format_args!("- `{usage}`: {does}\n"));
            }
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
        text
    }
}

impl Alert {
    /// How it is, what people have done and asked, and why Gitea is not told of it, if that
    /// `waits`: in one sentence without markup.
    pub fn explanation(&self, rule: &Rule, waits: Option<&str>) -> String {
        if self.group.is_night() {
            return "The report of a night, which is closed when that of the next one opens."
                .to_owned();
        }
        let mut parts = vec![match self.phase {
            Phase::Inactive => "All is well".to_owned(),
            Phase::Pending { since } => {
                format!("In trouble since {}, and not told yet", minute(since))
            }
            Phase::Firing => format!("In trouble since {}", minute(self.fired_at)),
            Phase::Recovering { since } => format!("Well again since {}", minute(since)),
        }];
        parts.extend(self.whereabouts(rule));
        if self.is_muted && self.is_active() {
            parts.push("its issue wears a label that keeps it quiet until recovery".to_owned());
        }
        parts.extend(self.silence().map(Silenced::sentence));
        if let Some(acked) = &self.wishes.acked {
            let until = acked.until.map_or_else(|| "recovery".to_owned(), minute);
            parts.push(format!("{} knows of it and wants no reminders until {until}", acked.by));
        }
        if let Some(by) = &self.wishes.held_by {
            parts.push(format!("{by} keeps its issue open on recovery"));
        }
        if let Some(why) = waits {
            parts.push(format!("what there is to tell waits: {why}"));
        }
        format!("{}.", parts.join("; "))
    }

    /// Where the issue of an alert in trouble is, if it is not simply open; and what became
    /// of that of one that was.
    fn whereabouts(&self, rule: &Rule) -> Option<String> {
        if self.placement == Placement::Row && self.is_active() {
            return Some("it is a row of the overflow issue".to_owned());
        }
        // Also what is due is not done in a silence.
        let after = |at| minute(self.silent_until().map_or(at, |silent| silent.max(at)));
        if let Some(gone) = self.gone_at {
            let by = format!("somebody had deleted its issue by {}", minute(gone));
            return Some(match self.is_active() {
                true => {
                    let until = after(later(gone, rule.mute_max));
                    format!("{by}, and a new one follows after {until}")
                }
                false => format!("{by}, so further trouble has a new one"),
            });
        }
        if let Some(shut) = self.shut_at {
            let by = match &self.wishes.closed_by {
                Some(by) => format!("{by} closed its issue at {}", minute(shut)),
                None => format!("somebody had closed its issue by {}", minute(shut)),
            };
            let insists_at = self.insists_at(rule).filter(|_| self.phase == Phase::Firing);
            return Some(match insists_at {
                _ if !self.is_active() => format!("{by}, so further trouble has a new one"),
                _ if self.last_turn() == Some(EffectKind::Reopen) => {
                    format!("{by}, and it is being reopened")
                }
                Some(at) => format!("{by}, and it is reopened after {}", after(at)),
                None => by,
            });
        }
        (self.is_active() && self.issue.is_none()).then(|| "its issue is on its way".to_owned())
    }
}

/// What a comment says about an issue that stays open although all is well.
pub(super) fn put_hold(text: &mut String, alert: &Alert) {
    if let (Some(by), Phase::Recovering { .. }) = (&alert.wishes.held_by, alert.phase) {
        put(text, format_args!("It stays open: {} holds it. `/unhold` ends that.\n\n", line(by)));
    }
}
