//! Each kind of effect, in the shortest life of an alert that brings it about.

use http::Method;
use teawatch::sandbox::{Action, Fault, Issue, Route};

use super::watch::turns;
use super::{Gitea, Report, Teawatch, eventually, failing, passing};

/// The check that all of it is about.
pub const CHECK: &str = "db1/disk";
/// Another one, which may be in the way.
pub const OTHER: &str = "db1/other";

/// What an edit has to bring into the issue's text.
const NEWER: &str = "it smokes";

/// One effect of this kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    Open,
    Comment,
    Edit,
    Close,
    Reopen,
}

impl Deed {
    pub const ALL: [Self; 5] = [Self::Open, Self::Comment, Self::Edit, Self::Close, Self::Reopen];

    /// The request that carries it out.
    pub fn request(self) -> (Method, Route) {
        match self {
            Self::Open => (Method::POST, Route::Issues),
            Self::Comment => (Method::POST, Route::Comments),
            Self::Edit | Self::Close | Self::Reopen => (Method::PATCH, Route::Issue),
        }
    }

    /// Where is looked whether it was carried out.
    pub fn look(self) -> Route {
        match self {
            Self::Open => Route::Issues,
            Self::Comment => Route::Comments,
            Self::Edit | Self::Close | Self::Reopen => Route::Issue,
        }
    }

    /// A fault that strikes its request.
    pub fn fault(self, action: Action) -> Fault {
        let (method, route) = self.request();
        Fault::new(action).on(&method, route)
    }

    /// Lives up to the moment before it.
    pub fn prepare(self, teawatch: &Teawatch, gitea: &Gitea) {
        if self == Self::Open {
            return;
        }
        teawatch.report(&failing(CHECK));
        teawatch.settles(gitea);
        if self == Self::Reopen {
            teawatch.report(&passing(CHECK));
            teawatch.settles(gitea);
        }
    }

    /// Makes it necessary.
    pub fn cause(self, teawatch: &Teawatch) {
        teawatch.report(&match self {
            Self::Open | Self::Reopen => failing(CHECK),
            Self::Comment | Self::Close => passing(CHECK),
            Self::Edit => {
                let (source, name) = CHECK.split_once('/').unwrap();
                Report::new(source).check(name, "failure", NEWER)
            }
        });
    }

    /// Whether it was carried out.
    pub fn is_done(self, gitea: &Gitea) -> bool {
        gitea.issues_about(CHECK).first().is_some_and(|issue| match self {
            Self::Open => true,
            Self::Comment => issue.comments().count() == 1,
            Self::Edit => issue.body.contains(NEWER),
            Self::Close => !issue.is_open,
            Self::Reopen => turns(issue) == ["closed", "reopened"],
        })
    }

    /// Checks that all that had to happen has happened, once.
    #[track_caller]
    pub fn happened_once(self, gitea: &Gitea) {
        let issue = the_issue(gitea);
        let (happened, comments): (&[_], _) = match self {
            Self::Open | Self::Edit => (&[], 0),
            Self::Comment | Self::Close => (&["closed"], 1),
            Self::Reopen => (&["closed", "reopened"], 2),
        };
        assert_eq!(turns(&issue), happened);
        assert_eq!(issue.comments().count(), comments, "{:#?}", issue.timeline);
        assert_eq!(issue.body.contains(NEWER), self == Self::Edit);
    }

    /// Lives on for one more turn, which needs the issue's number.
    #[track_caller]
    pub fn goes_on(self, teawatch: &Teawatch, gitea: &Gitea) {
        let before = the_issue(gitea);
        teawatch.report(&if before.is_open { passing(CHECK) } else { failing(CHECK) });
        eventually("the issue turns", || the_issue(gitea).is_open != before.is_open);
        teawatch.settles(gitea);
        let after = the_issue(gitea);
        assert_eq!(after.comments().count(), before.comments().count() + 1);
        assert_eq!(turns(&after).len(), turns(&before).len() + 1);
    }
}

/// The one issue about the check.
#[track_caller]
fn the_issue(gitea: &Gitea) -> Issue {
    let mut issues = gitea.issues_about(CHECK);
    assert_eq!(issues.len(), 1, "{issues:#?}");
    issues.remove(0)
}
