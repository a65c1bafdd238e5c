//! Names of sources and checks, as far as settings judge them.

use super::problem::{Origin, Problem};
use super::view::View;
use crate::check::OWN_SOURCE;

/// Complains of a name that is longer than names may be.
pub(super) fn fits(
    view: View<'_>,
    key: &str,
    name: &str,
    limit: &'static str,
    origin: &Origin,
    problems: &mut Vec<Problem>,
) {
    if name.len() > view.size(limit) && view.is_sound(&[limit]) {
        let limit = view.is(limit);
        let message = format!("`{key}` has a name of {} bytes, but {limit}", name.len());
        problems.push(Problem { origin: Some(origin.clone()), message });
    }
}

/// Complains of a source that is teawatch's own.
pub(super) fn is_free(key: &str, source: &str, origin: &Origin, problems: &mut Vec<Problem>) {
    if source == OWN_SOURCE {
        let message = format!(
            "`{key}` names \"{OWN_SOURCE}\", which has teawatch's own checks: name another"
        );
        problems.push(Problem { origin: Some(origin.clone()), message });
    }
}
