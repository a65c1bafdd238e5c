//! What tests of kills and lost answers watch and do besides: the log of the stand-in, what
//! teawatch left there, and the state in which a test must end.

use http::Method;
use teawatch::alert::Salt;
use teawatch::alert::marker::Marker;
use teawatch::sandbox::{Entry, EventKind, Issue, Outcome, Route};

use super::teawatch::SALT;
use super::{Gitea, Teawatch, client, eventually};

impl Gitea {
    /// Lets the requests go on that a fault holds.
    pub fn release(&self) {
        let answer = client().post(format!("{}-/admin/release", self.url)).send().unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
    }

    /// How many requests of this kind came.
    pub fn count(&self, method: &Method, route: Route) -> u64 {
        self.world().count(method, route)
    }

    /// How many requests of this kind were held by a fault so far.
    pub fn held(&self, method: &Method, route: Route) -> usize {
        let is_it = |entry: &&Entry| {
            entry.method == method.as_str()
                && entry.route == route
                && entry.outcome == Outcome::Held
        };
        self.world().log().filter(is_it).count()
    }

    /// The issues whose title names this check, oldest first.
    pub fn issues_about(&self, check: &str) -> Vec<Issue> {
        let about = format!("{check}:");
        let mut issues = self.issues();
        issues.retain(|issue| issue.title.contains(&about));
        issues
    }

    /// Every marker that is written anywhere, as often as it is there.
    pub fn markers(&self) -> Vec<String> {
        let issues = self.issues();
        let texts = issues.iter().flat_map(|issue| {
            std::iter::once(&issue.body).chain(issue.comments().map(|comment| &comment.body))
        });
        let salt = Salt::new(SALT);
        texts
            .filter_map(|text| Marker::find(&salt, text))
            .map(|marker| marker.to_string())
            .collect()
    }
}

/// How an issue was closed and reopened, oldest first.
pub fn turns(issue: &Issue) -> Vec<&'static str> {
    let turn = |kind: &EventKind| match kind {
        EventKind::Close => Some("closed"),
        EventKind::Reopen => Some("reopened"),
        _ => None,
    };
    issue.timeline.iter().filter_map(|event| turn(&event.kind)).collect()
}

impl Teawatch {
    /// Waits until everything is delivered, and checks what must hold then whatever
    /// happened before: nothing is parked, nothing was written twice, and no request came
    /// that the model does not know.
    #[track_caller]
    pub fn settles(&self, gitea: &Gitea) {
        self.settles_but_for_markers();
        assert_eq!(gitea.world().unknown_requests(), 0);
        let markers = gitea.markers();
        let mut once = markers.clone();
        once.sort();
        once.dedup();
        assert_eq!(markers.len(), once.len(), "something was written twice: {markers:#?}");
    }

    /// The same where a marker is there twice, because a test has written one.
    #[track_caller]
    pub fn settles_but_for_markers(&self) {
        eventually("the outbox is empty", || self.outbox().is_empty());
        eventually("teawatch is ready", || self.get("/readyz").0 == 200);
        assert_eq!(self.get("/readyz").1["engine"]["parked"], 0);
    }

    /// SIGSTOP: it sees nothing and does nothing, and what is sent to it is kept for it.
    pub fn freeze(&self) {
        rustix::process::kill_process(self.pid(), rustix::process::Signal::STOP).unwrap();
    }
}
