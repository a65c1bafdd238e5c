//! Whom teawatch tells of itself, as it is configured.

use super::problem::Problem;
use super::view::View;
use super::{DeadMan, Fallback, secret};

pub(super) fn dead_man(view: View<'_>, problems: &mut Vec<Problem>) -> DeadMan {
    let url = secret::address(view.layers, "deadman.url_file", problems);
    DeadMan { url: url.map(|found| found.secret), every: view.duration("deadman.every") }
}

pub(super) fn fallback(view: View<'_>, problems: &mut Vec<Problem>) -> Fallback {
    let url = secret::address(view.layers, "fallback.url_file", problems);
    Fallback {
        url: url.map(|found| found.secret),
        kind: view.text("fallback.kind"),
        after: view.duration("fallback.after"),
        every: view.duration("fallback.every"),
    }
}
