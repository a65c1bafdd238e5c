//! What patterns silence now, and when that changes.

use jiff::Timestamp;

use super::core::Core;
use super::silences::forgotten_at;
use crate::alert::route::Matcher;
use crate::alert::{Alert, Cover, Group, Silenced};
use crate::check::Labels;

/// The patterns that hold now.
#[derive(Debug, Default)]
pub(super) struct Patterns {
    holding: Vec<(Matcher, Silenced)>,
    /// How many of them are maintenance windows.
    windows: usize,
    /// Another one whenever they change.
    version: u64,
    /// When they change next.
    changes_at: Option<Timestamp>,
    /// When a silence is forgotten. Nobody is woken for it.
    forgets_at: Option<Timestamp>,
}

impl Patterns {
    /// Whether it is time to look again.
    pub(super) fn are_due(&self, now: Timestamp) -> bool {
        let times = [self.changes_at, self.forgets_at];
        times.into_iter().flatten().any(|at| at <= now)
    }

    /// How many maintenance windows hold.
    pub(super) fn windows(&self) -> usize {
        self.windows
    }

    /// When they change next.
    pub(super) fn changes_at(&self) -> Option<Timestamp> {
        self.changes_at
    }
}

impl Core {
    /// Finds out which patterns hold now. If that has changed, every alert is woken to which
    /// it may make a difference.
    pub(super) fn look_at_patterns(&mut self, now: Timestamp) {
        self.forget_silences(now);
        let windows = &self.settings.maintenance;
        let holding: Vec<_> = windows
            .iter()
            .filter_map(|window| Some((window.matcher.clone(), window.silenced(now)?)))
            .collect();
        self.patterns.windows = holding.len();
        let silences = self.silences.values().filter(|silence| silence.holds(now));
        let silences = silences.map(|silence| (silence.matcher.clone(), silence.silenced()));
        let holding: Vec<_> = holding.into_iter().chain(silences).collect();
        let times = self.silences.values().flat_map(|silence| [silence.start, silence.end]);
        let times = times.chain(windows.iter().filter_map(|window| window.changes_at(now)));
        self.patterns.changes_at = times.filter(|at| *at > now).min();
        let ends = self.silences.values().map(|silence| silence.end);
        self.patterns.forgets_at = ends.map(forgotten_at).min();
        if holding == self.patterns.holding {
            return;
        }
        self.patterns.holding = holding;
        self.patterns.version += 1;
        for (fingerprint, _) in self.alerts.iter().filter(|(_, alert)| alert.heeds_patterns()) {
            self.deadlines.wake_alert_by(fingerprint, Some(now));
        }
    }

    /// Does something with what patterns silence of the alerts of a group. Of an overflow
    /// issue they silence nothing: each of its rows is an alert, and is silent for itself. Nor
    /// of a night's report.
    pub(super) fn under_cover<T>(
        &self,
        group: &Group,
        work: impl FnOnce(Option<Cover<'_>>) -> T,
    ) -> T {
        let of = |member: &str| self.silenced(member);
        let is_none = self.patterns.holding.is_empty()
            || matches!(group, Group::Overflow { .. } | Group::Night { .. });
        work((!is_none).then_some(Cover { version: self.patterns.version, of: &of }))
    }

    /// When an alert is to be woken.
    pub(super) fn alert_deadline(&self, alert: &Alert) -> Option<Timestamp> {
        let rule = self.rule_of(alert);
        self.under_cover(&alert.group, |cover| alert.deadline(&rule, cover))
    }

    /// By which pattern a check is silenced: of several, by the one that holds longest.
    fn silenced(&self, check: &str) -> Option<Silenced> {
        let (source, name) = check.split_once('/')?;
        let none = Labels::default();
        let labels = self.checks.find(source, name).map_or(&none, |check| &check.labels);
        let holding = self.patterns.holding.iter();
        let holding = holding.filter(|(matcher, _)| matcher.matches(source, name, labels));
        holding.map(|(_, silenced)| silenced).max_by_key(|silenced| silenced.until).cloned()
    }
}
