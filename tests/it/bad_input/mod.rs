//! Bad input, each with a clear error, and nothing lost.

mod bodies;
mod foreign;
mod names;
mod ours;
mod overload;
mod proofs;
mod secrets;
mod slow;
mod texts;
mod tls;

use serde_json::Value;

use crate::support::{Answer, Teawatch, eventually, passing};

/// Everything that teawatch knows, as its doors tell it.
fn known(teawatch: &Teawatch) -> [Value; 3] {
    ["checks", "alerts", "outbox"].map(|what| {
        let (status, page) = teawatch.get(&format!("/api/v1/{what}?limit=500"));
        assert_eq!(status, 200);
        page
    })
}

/// A teawatch whose state does not change by itself, with one check that it knows.
#[track_caller]
fn settled(teawatch: &Teawatch) -> [Value; 3] {
    teawatch.report(&passing("db1/known"));
    eventually("nothing waits", || teawatch.outbox().is_empty());
    known(teawatch)
}

/// Holds that `answer` is the error with this status and code.
#[track_caller]
fn refused(what: &str, answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.error(), (status, code), "{what}: {answer:?}");
}
