//! The phases of an effect, and of the server, in which it is killed.

use http::Method;
use teawatch::sandbox::{Action, Route};

/// A phase, and how it is reached.
#[derive(Debug)]
pub(super) struct Phase {
    pub(super) name: &'static str,
    pub(super) moment: Moment,
}

/// What a kill waits for.
#[derive(Debug)]
pub(super) enum Moment {
    /// One of these has struck a write, so that its answer does not come.
    Unanswered(&'static [Action]),
    /// The answer to a write has arrived on the machine of a process that does not get to
    /// read it.
    Answered,
    /// Gitea holds a question to one of these routes. Before that, one of `doubt` has
    /// struck a write to the same route. Without any nothing is in doubt, and it is
    /// reconcile that asks.
    Asking { routes: &'static [Route], doubt: &'static [Action] },
    /// Any moment under load. It was the one that is meant if a report without an answer is
    /// found to be there: its commit was written, and its round not answered.
    Commit,
    /// Any moment between the opening of the store and the word that it is ready. How far
    /// it came shows its log.
    Start,
}

/// A write that is done when it is released, if anybody releases it.
pub(super) const HELD: Action = Action::StallAndDo { after_ms: None };

/// Every phase in which a kill must be survived.
pub(super) const PHASES: [Phase; 7] = [
    Phase { name: "request in flight", moment: Moment::Unanswered(&[Action::Stall, HELD]) },
    Phase { name: "committed at Gitea", moment: Moment::Unanswered(&[Action::DoAndStall]) },
    Phase { name: "before settling", moment: Moment::Answered },
    Phase { name: "look-up", moment: Moment::Asking { routes: LISTS, doubt: LOST } },
    Phase { name: "reconcile", moment: Moment::Asking { routes: &[Route::Issues], doubt: &[] } },
    Phase { name: "group commit", moment: Moment::Commit },
    Phase { name: "start-up", moment: Moment::Start },
];

/// What is read to find an issue or a comment that may be there.
const LISTS: &[Route] = &[Route::Issues, Route::Comments];

/// After these nobody knows whether it was done.
const LOST: &[Action] = &[Action::HangUp, Action::DoAndHangUp];

/// The writes that effects make.
pub(super) const WRITES: [(Method, Route); 3] =
    [(Method::POST, Route::Issues), (Method::POST, Route::Comments), (Method::PATCH, Route::Issue)];
