//! Nights as they may be.

mod course;
mod report;

use jiff::Timestamp;

use super::{Present, Span};
use crate::check::{Cause, CheckId, Verdict};

const DOWN: Verdict = Verdict::Down(Cause::Failing);
const SILENT: Verdict = Verdict::Down(Cause::Silent);
const UP: Verdict = Verdict::Up;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn span(from: i64, until: i64) -> Span {
    Span { from: at(from), until: at(until) }
}

fn disk() -> CheckId {
    CheckId::new("db1", "disk")
}

fn now_so(verdict: Verdict, since: i64) -> Present {
    Present { verdict, since: at(since), is_known: true, is_obscured: false }
}
