//! What an effect says, written when it is carried out.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::core::Core;
use super::{Entry, Text};
use crate::alert::marker::Marker;
use crate::alert::seen::{DETAILS_MAX, Diagnostics, Seen, spoken_of};
use crate::alert::text::{self, Facts};
use crate::alert::{Alert, EffectKind, table};

impl Core {
    /// The text of an effect that is about to be carried out, as things are now.
    pub(super) fn render(&self, entry: &Entry, alert: &Alert, now: Timestamp) -> Text {
        let since = self.told_since(alert, entry.effect.kind);
        let marker = Marker {
            instance: self.meta.instance.clone(),
            fingerprint: entry.fingerprint.clone(),
            effect: entry.effect,
        };
        // What is copied here may be long, and many.
        let (diagnostics, more) = match entry.effect.kind {
            EffectKind::Open | EffectKind::Comment => self.diagnostics(alert),
            EffectKind::Edit
            | EffectKind::Close
            | EffectKind::Reopen
            | EffectKind::Heal
            | EffectKind::React
            | EffectKind::Reply => Default::default(),
        };
        let facts = Facts {
            alert,
            now,
            diagnostics,
            more,
            absences: self.absences.since(since).map(|gap| (gap.from, gap.until)).collect(),
            public_url: self.public_url.as_deref(),
            marker: marker.line(&self.salt),
        };
        match entry.effect.kind {
            EffectKind::Open => Text { title: text::title(alert), body: text::body(&facts) },
            EffectKind::Comment => {
                let farewell = &alert.talk.farewell;
                let farewell = farewell.as_ref().filter(|_| entry.effect.episode < alert.episode);
                let body = match farewell {
                    Some(farewell) => text::farewell(&facts, farewell),
                    None => text::comment(&facts),
                };
                Text { title: String::new(), body }
            }
            EffectKind::Edit => Text { title: String::new(), body: table::table(&facts) },
            EffectKind::Close
            | EffectKind::Reopen
            | EffectKind::Heal
            | EffectKind::React
            | EffectKind::Reply => Text::default(),
        }
    }

    /// What was seen last of the members that a text speaks of, and of how many more it could.
    fn diagnostics(&self, alert: &Alert) -> (BTreeMap<String, Diagnostics>, usize) {
        let find = |name: &String| {
            let (source, check) = name.split_once('/')?;
            let check = self.checks.find(source, check)?;
            let is_silent = check.latest.is_none() && check.runs.is_empty();
            (!is_silent || check.definition.is_some()).then_some(check)
        };
        let known = spoken_of(alert, |name| find(name).is_some());
        let shown = known.iter().take(DETAILS_MAX).filter_map(|name| {
            let check = find(name)?;
            let seen = check.latest.as_ref().map(|latest| Seen {
                summary: latest.summary.to_string(),
                details: latest.details.to_string(),
                numbers: (&latest.numbers).into(),
                at: latest.at,
            });
            let account = check.account(&self.absences);
            Some(((*name).clone(), Diagnostics { seen, account }))
        });
        (shown.collect(), known.len().saturating_sub(DETAILS_MAX))
    }
}
