//! How checks are judged, and who must know: the settings of a route, or of all that none
//! matches.

use super::problem::Problem;
use super::value::Value;
use super::view::View;
use crate::alert::{GroupBy, OnManualClose, Rule, Target};
use crate::check::{Flapping, Policy};
use crate::engine::settings::Resolved;

/// The settings of one route, or of what no route matches.
pub(super) fn resolved(view: View<'_>, problems: &mut Vec<Problem>) -> Resolved {
    let [on, off] = ["alerts.flapping.on", "alerts.flapping.off"];
    view.contradiction([off, on], view.count(off) > view.count(on), "at most", problems);
    let [labels, mute] = ["alerts.labels", "alerts.mute_labels"];
    let mute_labels = view.texts(mute);
    // Every issue would be muted from the beginning.
    let is_mute = view.texts(labels).iter().any(|label| mute_labels.contains(label));
    view.contradiction([labels, mute], is_mute, "without those of", problems);
    Resolved {
        policy: Policy {
            fail_after: view.small("alerts.fail_after"),
            fail_for: view.duration("alerts.fail_for"),
            recover_after: view.small("alerts.recover_after"),
            stale_factor: view.number("alerts.stale_factor"),
            unknown_after: view.duration("alerts.unknown_after"),
            flapping: Flapping {
                window: view.small("alerts.flapping.window"),
                on: view.small(on),
                off: view.small(off),
            },
        },
        rule: Rule {
            open_after: view.duration("alerts.open_after"),
            close_after: view.duration("alerts.close_after"),
            reopen_window: view.duration("alerts.reopen_window"),
            comment_interval: view.duration("alerts.comment_interval"),
            reminders: match view.value("alerts.reminders") {
                Value::Durations(reminders) => reminders.clone(),
                _ => Vec::new(),
            },
            mute_max: view.duration("alerts.mute_max"),
            on_manual_close: match view.text("alerts.on_manual_close").as_str() {
                "reopen" => OnManualClose::Reopen,
                _ => OnManualClose::Respect,
            },
            mute_labels,
            group_by: match view.value("alerts.group_by") {
                Value::GroupBy(group_by) => group_by.clone(),
                _ => GroupBy::default(),
            },
            target: Target {
                // A missing one has been asked for.
                repository: view.get("gitea.repository").map(View::plain).unwrap_or_default(),
                labels: view.texts(labels),
                assignees: view.texts("alerts.assignees"),
                title_prefix: view.text("alerts.title_prefix"),
                intro: view.text("alerts.intro"),
            },
        },
    }
}
